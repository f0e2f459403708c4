// Package postgres is the store in a PostgreSQL database, version 14 or newer.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/migrations"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
)

const (
	maxConnections = 16
	// minServerVersion is PostgreSQL 14, as server_version_num gives it.
	minServerVersion = 140000
	// heartbeat is how often the change feed looks whether its connection still lives.
	heartbeat = 10 * time.Second
	// answerLimit bounds the wait for a connection, and for an answer to what the change feed asks: a network that drops
	// everything ends no connection, and would else not be noticed.
	answerLimit = 10 * time.Second
	// closeLimit bounds the goodbye to a server that does not answer.
	closeLimit = 2 * time.Second
)

const hasSchema = "SELECT to_regclass('" + migrations.Table + "') IS NOT NULL"

var dialect = sqlstore.Dialect{
	Fence:   "SELECT set_config('pbx.writer', 'operator', true) FROM pbx_writer WHERE epoch = $1 FOR SHARE",
	LockRow: " FOR UPDATE",
	Notify:  "SELECT pg_notify('pbx_changes', '')",
	Fold:    `lower(%s COLLATE "C")`,
	RowID:   "ctid::text",
	IsRow:   "ctid = CAST(%s AS text)::tid",
	Meanwhile: sqlstore.Meanwhile{
		Begin: "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text)",
		Since: "age(xmin) <= age(CAST('%s' AS xid))",
		Lock:  "LOCK TABLE cdr IN SHARE ROW EXCLUSIVE MODE",
	},
	Translate: translate,
}

type dbStore struct {
	*sqlstore.DB
	config *pgx.ConnConfig
}

var _ store.Store = (*dbStore)(nil)

// Open opens, and where needed migrates, the store in the database that a DSN names. A database that the claim may not
// have is left as it is. Errors: store.ErrInvalid, store.ErrUnavailable, store.ErrMissing, *store.TooNewError,
// *store.OwnedError.
func Open(ctx context.Context, dsn string, claim store.Claim) (store.Store, error) {
	config, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = answerLimit
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s := &dbStore{DB: &sqlstore.DB{Write: db, Read: db, Dialect: dialect}, config: config}
	if err := s.setUp(ctx, claim); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly connects to look at a store. Errors: store.ErrInvalid; whether the server answers is seen when it is asked.
func OpenReadOnly(dsn string) (*sql.DB, error) {
	config, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = answerLimit
	return stdlib.OpenDB(*config), nil
}

// Close implements store.Store. Connections to a server that does not answer are left to end by themselves.
func (s *dbStore) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- s.Write.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeLimit):
		return nil
	}
}

func (s *dbStore) setUp(ctx context.Context, claim store.Claim) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	if err := sqlstore.Inspect(ctx, s.Read, hasSchema, claim); err != nil {
		return keepDomain(err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, s.Write, migrations.Postgres, goose.WithSessionLocker(locker)); err != nil {
		return translate(err)
	}
	return s.Lead(ctx, claim, location(s.config))
}

func (s *dbStore) checkVersion(ctx context.Context) error {
	var text string
	if err := s.Read.QueryRowContext(ctx, "SHOW server_version_num").Scan(&text); err != nil {
		return translate(err)
	}
	if version, err := strconv.Atoi(text); err != nil || version < minServerVersion {
		return fmt.Errorf("%w: the server is older than PostgreSQL 14 (%s)", store.ErrInvalid, text)
	}
	return nil
}

func location(c *pgx.ConnConfig) string {
	return "postgres://" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// Changes implements store.Store with LISTEN and NOTIFY on a connection of its own.
func (s *dbStore) Changes(ctx context.Context, wake func([]pbx.Key)) error {
	conn, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return translate(err)
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, "LISTEN pbx_changes"); err != nil {
		return translate(err)
	}
	for {
		keys, err := s.drain(ctx)
		if len(keys) > 0 { // also if it is not known whether they were taken out
			wake(keys)
		}
		if err != nil {
			return err
		}
		if err := waitForNotification(ctx, conn, heartbeat); err != nil {
			return err
		}
	}
}

func (s *dbStore) drain(ctx context.Context) ([]pbx.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return s.Drain(ctx)
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	_ = conn.Close(ctx) // it only listened
}

// waitForNotification returns at a notification, or when it is time to look whether the server is still there.
func waitForNotification(ctx context.Context, conn *pgx.Conn, limit time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := conn.WaitForNotification(wait)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if wait.Err() == nil {
		return translate(err)
	}
	// A wait that timed out leaves the connection usable; an answer proves it.
	answer, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return translate(conn.Ping(answer))
}

// keepDomain translates what is not an error of the domain already.
func keepDomain(err error) error {
	var tooNew *store.TooNewError
	var owned *store.OwnedError
	if errors.As(err, &tooNew) || errors.As(err, &owned) || errors.Is(err, store.ErrMissing) {
		return err
	}
	return translate(err)
}

// translate gives the errors of PostgreSQL, and of the way to it, the names of package store.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return translateCode(e)
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) { // its own text names the user
		return fmt.Errorf("%w: %s", store.ErrUnavailable, withoutOurPort(connect.Unwrap()))
	}
	if errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed") || errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("%w: %s", store.ErrUnavailable, withoutOurPort(err))
	}
	return err
}

// withoutOurPort leaves out of an error's text what is another one at every attempt: conditions that show it would
// change for nothing.
func withoutOurPort(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Source != nil {
		return strings.ReplaceAll(err.Error(), op.Source.String()+"->", "")
	}
	return err.Error()
}

// translateCode sorts the SQLSTATE codes of PostgreSQL, appendix A.
func translateCode(e *pgconn.PgError) error {
	switch class := e.Code[:2]; {
	case e.Code == "23505", class == "40":
		return fmt.Errorf("%w: %s", store.ErrChanged, e.Message)
	case class == "23", class == "22", class == "P0":
		return fmt.Errorf("%w: %s", store.ErrRejected, e.Message)
	case class == "28": // the server's own text names the user, which the Secret keeps
		return fmt.Errorf("%w: authentication failed, or the server does not let this user in (SQLSTATE %s): "+
			"check user and password of the DSN, and the server's pg_hba.conf", store.ErrUnavailable, e.Code)
	default:
		return fmt.Errorf("%w: %s (SQLSTATE %s)", store.ErrUnavailable, e.Message, e.Code)
	}
}
