package storetest

import (
	"context"
	"database/sql/driver"
	"sync"
)

// Counts is what a store has asked of its database.
type Counts struct {
	// Reads and Writes are transactions, Commits those of the latter that were committed.
	Reads, Writes, Commits int
	// Loose are statements outside of a transaction.
	Loose int
	// Statements are those inside.
	Statements int
}

// Counter counts what passes through a driver.
type Counter struct {
	mu  sync.Mutex
	sum Counts
	// looks are the reading transactions that have ended.
	looks int
}

// Counts so far.
func (c *Counter) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

// during counts what a function asks.
func (c *Counter) during(do func()) Counts {
	before := c.Counts()
	do()
	after := c.Counts()
	return Counts{
		Reads: after.Reads - before.Reads, Writes: after.Writes - before.Writes, Commits: after.Commits - before.Commits,
		Loose: after.Loose - before.Loose, Statements: after.Statements - before.Statements,
	}
}

// Looks are the reading transactions that have ended.
func (c *Counter) Looks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

func (c *Counter) add(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.sum)
}

// Connector counts what passes through the connections of a connector.
func (c *Counter) Connector(inner driver.Connector) driver.Connector {
	return countingConnector{inner, c}
}

type countingConnector struct {
	driver.Connector
	counter *Counter
}

func (c countingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: inner, counter: c.counter}, nil
}

type countingConn struct {
	driver.Conn
	counter *Counter
	in      bool // a transaction
}

func (c *countingConn) statement() {
	c.counter.add(func(n *Counts) {
		if c.in {
			n.Statements++
		} else {
			n.Loose++
		}
	})
}

func (c *countingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.in = true
	c.counter.add(func(n *Counts) {
		if opts.ReadOnly {
			n.Reads++
		} else {
			n.Writes++
		}
	})
	return countingTx{inner, c, opts.ReadOnly}, nil
}

func (c *countingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.statement()
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *countingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.statement()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *countingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.statement()
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *countingConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *countingConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

type countingTx struct {
	driver.Tx
	conn     *countingConn
	readOnly bool
}

func (tx countingTx) over() {
	tx.conn.in = false
	if tx.readOnly {
		tx.conn.counter.add(func(*Counts) { tx.conn.counter.looks++ })
	}
}

func (tx countingTx) Commit() error {
	defer tx.over()
	err := tx.Tx.Commit()
	if err == nil && !tx.readOnly {
		tx.conn.counter.add(func(n *Counts) { n.Commits++ })
	}
	return err
}

func (tx countingTx) Rollback() error {
	defer tx.over()
	return tx.Tx.Rollback()
}
