// Package sqlite is the embedded store: one SQLite file for one PhoneSystem, in WAL mode so that engines read it while
// the operator writes.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/migrations"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
)

// pollInterval is how often the change feed looks for hand-made changes: one small query each time.
const pollInterval = 500 * time.Millisecond

const hasSchema = "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '" + migrations.Table + "'"

var dialect = sqlstore.Dialect{
	Fence:   "UPDATE pbx_writer SET writing = 1 WHERE epoch = $1 RETURNING 'operator'",
	Unfence: "UPDATE pbx_writer SET writing = 0",
	Fold:    "lower(%s)",
	RowID:   "rowid",
	IsRow:   "rowid = %s",

	OneWriter: true,
	CheckServices: `SELECT count(*) FROM pbx_users u WHERE u.id = $1 AND CASE u.primary_service
		WHEN '' THEN EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id)
		ELSE NOT EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id AND service_name = u.primary_service) END`,
	Translate: translate,
}

type fileStore struct {
	*sqlstore.DB
	path string
	// opened is the file as it was opened: another one, or none, at the path means that the store was moved away.
	opened os.FileInfo
	log    log
}

var _ store.Store = (*fileStore)(nil)

// Open opens, and where needed creates and migrates, the store in a file. A file that the claim may not have is left
// as it is. Errors: store.ErrUnavailable, store.ErrMissing, *store.TooNewError, *store.OwnedError.
func Open(ctx context.Context, path string, claim store.Claim) (store.Store, error) {
	if err := inspect(ctx, path, claim); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	write, err := sql.Open("sqlite", dsn(path, "rwc", "_txlock=immediate"))
	if err != nil {
		return nil, translate(err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(path, "rw", "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(translate(err), write.Close())
	}
	read.SetMaxOpenConns(4)
	read.SetMaxIdleConns(4)
	s := &fileStore{DB: &sqlstore.DB{Write: write, Read: read, Dialect: dialect}, path: path}
	if err := s.setUp(ctx, claim); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *fileStore) setUp(ctx context.Context, claim store.Claim) error {
	if err := migrations.Up(ctx, s.Write, migrations.SQLite); err != nil {
		return translate(err)
	}
	if err := s.Lead(ctx, claim, s.path); err != nil {
		return err
	}
	var err error
	if s.opened, err = os.Stat(s.path); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	var purges bool
	if err := s.Read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pbx_purge_receipts)").Scan(&purges); err != nil || !purges {
		return translate(err)
	}
	return s.sweep(ctx) // an operator before this one may not have come to it
}

// inspect looks at an existing file without writing to it.
func inspect(ctx context.Context, path string, claim store.Claim) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		if !claim.AcceptsEmpty() {
			return fmt.Errorf("%w: %s was in use and is not there: bring it back, or, to begin anew without the old records, "+
				"set spec.store.takeover to %s", store.ErrMissing, path, claim.UID)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	db, err := OpenReadOnly(path)
	if err != nil {
		return translate(err)
	}
	defer db.Close()
	err = sqlstore.Inspect(ctx, db, hasSchema, claim)
	var code *sqlite.Error
	if errors.As(err, &code) {
		return translate(err)
	}
	return err
}

// OpenReadOnly opens a file to look at it, without leaving a trace.
func OpenReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	var options []string
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		// Nobody has the file open. Even who only reads would leave files beside it, unless it is said not to change.
		options = []string{"immutable=1"}
	}
	return sql.Open("sqlite", dsn(path, "ro", options...))
}

func dsn(path, mode string, options ...string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	// secure_delete: what was purged is overwritten in the file, too.
	u.RawQuery = "mode=" + mode + "&_pragma=" + patient
	if mode != "ro" {
		u.RawQuery += "&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)"
	}
	for _, option := range options {
		u.RawQuery += "&" + option
	}
	return u.String()
}

// Changes implements store.Store by looking at the feed's table twice a second.
func (s *fileStore) Changes(ctx context.Context, wake func([]pbx.Key)) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if err := s.inPlace(); err != nil {
			return err
		}
		keys, err := s.Drain(ctx)
		if len(keys) > 0 { // also if it is not known whether they were taken out
			wake(keys)
		}
		if err == nil {
			err = s.sweepAgain(ctx, wake)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// inPlace notices that the file was moved, removed or replaced, which SQLite itself does not.
func (s *fileStore) inPlace() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if !os.SameFile(now, s.opened) {
		return fmt.Errorf("%w: %s was replaced by another file", store.ErrUnavailable, s.path)
	}
	return nil
}

// Observe implements store.Store.
func (s *fileStore) Observe(ctx context.Context, d pbx.Desired) (pbx.Observation, error) {
	if err := s.inPlace(); err != nil {
		return pbx.Observation{}, err
	}
	return s.DB.Observe(ctx, d)
}

// Apply implements store.Store.
func (s *fileStore) Apply(ctx context.Context, t store.Transition) error {
	if err := s.inPlace(); err != nil {
		return err
	}
	if err := s.DB.Apply(ctx, t); err != nil || len(t.Changes) == 0 || !sqlstore.Erases(t.Changes) {
		return err
	}
	_ = s.sweep(ctx) // the purge is done; what fails here, the feed tries again, and tells
	return nil
}

// Configure implements store.Store.
func (s *fileStore) Configure(ctx context.Context, system pbx.System) (changed bool, err error) {
	if err := s.inPlace(); err != nil {
		return false, err
	}
	return s.DB.Configure(ctx, system)
}

// Release implements store.Store.
func (s *fileStore) Release(ctx context.Context) error {
	if err := s.inPlace(); err != nil {
		return err
	}
	return s.DB.Release(ctx)
}

// translate gives the errors of SQLite the names of package store.
func translate(err error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", store.ErrChanged, err)
	}
	if e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT {
		return fmt.Errorf("%w: %w", store.ErrRejected, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
