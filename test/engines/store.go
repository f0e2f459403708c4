package engines

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlite"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// People is how many a store has that is to be fast.
const People = 10_000

// Store is a store with people in it.
type Store struct {
	// Postgres says that it is in PostgreSQL, at DSN. Otherwise it is the SQLite file at Path.
	Postgres  bool
	DSN, Path string
	People    int

	dialect dialect
}

// NewSQLite makes a store in a file, with so many people.
func NewSQLite(tb testing.TB, people int) *Store {
	tb.Helper()
	s := &Store{Path: filepath.Join(tb.TempDir(), "acme.db")}
	opened, err := sqlite.Open(tb.Context(), s.Path, store.Claim{UID: "engines"})
	return s.fill(tb, opened, err, people)
}

// NewPostgres makes a store on a server of tests, in an empty database. Nothing there runs by itself, so what the planner
// knows of the tables is what a test has it know.
func NewPostgres(tb testing.TB, dsn string, people int) *Store {
	tb.Helper()
	s := &Store{Postgres: true, DSN: dsn}
	opened, err := postgres.Open(tb.Context(), s.DSN, store.Claim{UID: "engines"})
	return s.fill(tb, opened, err, people)
}

// New makes a store of either kind.
func New(tb testing.TB, inPostgres bool, people int) *Store {
	tb.Helper()
	if inPostgres {
		return NewPostgres(tb, pgserver.NewDatabase(tb), people)
	}
	return NewSQLite(tb, people)
}

// fill configures an opened store, closes it, and loads the people.
func (s *Store) fill(tb testing.TB, opened store.Store, err error, people int) *Store {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	_, err = opened.Configure(tb.Context(), pbx.System{
		Domain: Domain, MainNumber: "+49300", EmergencyNumbers: []string{"110", "112"}, VoicemailDigits: 4, CallbackMinutes: 60,
		Numbering: pbx.Numbering{Country: "49", Area: "30", Outside: "0"}.WithDefaults(), TrustedNetworks: []string{"127.0.0.0/8"},
	})
	if err := errors.Join(err, opened.Close()); err != nil {
		tb.Fatal(err)
	}
	s.People, s.dialect = people, dialectOf(s.Postgres)
	if people == 0 {
		return s
	}
	if err := Load(tb.Context(), s.SQL(tb), s.Postgres, people); err != nil {
		tb.Fatalf("load %d people: %v", people, err)
	}
	return s
}

// SQL connects as a plain client does.
func (s *Store) SQL(tb testing.TB) *sql.DB {
	tb.Helper()
	driver, source := "sqlite", "file:"+s.Path+"?mode=rw&_pragma=busy_timeout(10000)"
	if s.Postgres {
		driver, source = "pgx", s.DSN
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// Analyze has the database look at what its tables hold.
func (s *Store) Analyze(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "ANALYZE")
	return err
}

// Name is that of the kind of database.
func (s *Store) Name() string {
	if s.Postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}
