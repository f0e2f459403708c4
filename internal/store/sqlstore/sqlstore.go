// Package sqlstore is the part of a store that SQLite and PostgreSQL share: the same statements, run on either.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Dialect is what differs between the databases.
type Dialect struct {
	// Fence answers one row if the epoch ($1) is the store's, holds off a new leader until the transaction ends, and
	// marks the transaction as the operator's own for the change feed.
	Fence string
	// Unfence ends the mark, where it does not end with the transaction.
	Unfence string
	// LockRow is added to a query to lock the row that it reads.
	LockRow string
	// Notify tells the change feed that there is something to read, where it does not look by itself.
	Notify string
	// Fold gives a column in small letters, A to Z, as the unique indexes do; its name is to be filled in.
	Fold string
	// RowID tells the rows of a table apart within a transaction, and IsRow is the condition that a row is the one of a
	// parameter, whose name is to be filled in.
	RowID, IsRow string
	// OneWriter says that who writes waits for who writes. Otherwise Meanwhile tells how to find what others wrote.
	OneWriter bool
	Meanwhile Meanwhile
	// CheckServices answers a row if user $1 breaks the rule of the primary service, where the database itself cannot
	// look at the end of a transaction.
	CheckServices string
	// Translate gives a driver's error one of the errors of package store.
	Translate func(error) error
}

// Meanwhile is how a transaction finds the call records that others inserted since it began.
type Meanwhile struct {
	// Begin answers a mark; Since is the condition on rows that may have come since, with the mark to be filled in.
	Begin, Since string
	// Lock lets nobody insert any more, until the transaction ends.
	Lock string
}

// DB is an opened store. The packages sqlite and postgres wrap it.
type DB struct {
	// Write begins the transactions that write, Read those that only read.
	Write, Read *sql.DB
	Dialect     Dialect

	claim store.Claim
	epoch int64
	info  store.Info
}

// Info tells about the opened store.
func (db *DB) Info() store.Info { return db.info }

// Close closes the connections.
func (db *DB) Close() error {
	return errors.Join(db.Read.Close(), db.Write.Close())
}

// write runs a function in a transaction of the leading operator.
func (db *DB) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return db.translate(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if err := db.fence(ctx, tx); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return db.translate(err)
	}
	if db.Dialect.Unfence != "" {
		if _, err := tx.ExecContext(ctx, db.Dialect.Unfence); err != nil {
			return db.translate(err)
		}
	}
	return db.translate(tx.Commit())
}

func (db *DB) fence(ctx context.Context, tx *sql.Tx) error {
	var mark string
	err := tx.QueryRowContext(ctx, db.Dialect.Fence, db.epoch).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrFenced
	}
	return db.translate(err)
}

// read runs a function in a transaction that sees one snapshot.
func (db *DB) read(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.Read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return db.translate(err)
	}
	defer func() { _ = tx.Rollback() }()
	return db.translate(do(tx))
}

// translate leaves the errors of the domain as they are, and the end of a context.
func (db *DB) translate(err error) error {
	if err == nil || errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrFenced) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: it did not answer in time", store.ErrUnavailable)
	}
	if err.Error() == "sql: database is closed" { // database/sql has no name for it
		return fmt.Errorf("%w: it is being closed", store.ErrUnavailable)
	}
	return db.Dialect.Translate(err)
}

// Observe implements store.Store.
func (db *DB) Observe(ctx context.Context, d pbx.Desired) (o pbx.Observation, err error) {
	err = db.read(ctx, func(tx *sql.Tx) error {
		o = pbx.Observation{}
		if o.Record, _, err = readRecord(ctx, tx, d.Key, ""); err != nil {
			return err
		}
		if o.Record == nil {
			if err := readPast(ctx, tx, d, &o); err != nil {
				return err
			}
		}
		if o.Holders, err = db.readHolders(ctx, tx, d); err != nil {
			return err
		}
		o.Facts, err = db.readFacts(ctx, tx, d)
		return err
	})
	return o, err
}

// readPast tells what the audit knows of a record that is not there.
func readPast(ctx context.Context, tx *sql.Tx, d pbx.Desired, o *pbx.Observation) error {
	return tx.QueryRowContext(ctx,
		`SELECT count(*) > 0, count(CASE what WHEN 'purged' THEN 1 END) > 0,
			EXISTS (SELECT 1 FROM audit WHERE kind = $2 AND name = $3 AND name <> uid),
			coalesce((SELECT max(hash) FROM pbx_purge_receipts WHERE uid = $1 AND kind = $2), '')
		 FROM audit WHERE uid = $1 AND kind = $2`,
		d.Owner.UID, string(d.Key.Kind), d.Key.Name).Scan(&o.Known, &o.Erased, &o.Traces, &o.Receipt)
}
