package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/storetest"
)

var backend = storetest.Backend{
	New:          func(t *testing.T) storetest.Database { return newFile(t) },
	NewMigrated:  func(t *testing.T) storetest.Database { return newFile(t) },
	NewBreakable: func(t *testing.T) storetest.Breakable { return newFile(t) },
}

func TestContract(t *testing.T) { storetest.Run(t, backend) }

func TestConverge(t *testing.T) { storetest.Converge(t, backend, 120) }

// file is a database in a directory of its own.
type file struct{ path string }

func newFile(t *testing.T) file {
	return file{filepath.Join(t.TempDir(), "acme", "default.db")}
}

// Open implements storetest.Database.
func (f file) Open(ctx context.Context, claim store.Claim) (store.Store, error) {
	return Open(ctx, f.path, claim)
}

// Count implements storetest.Database.
func (f file) Count(t *testing.T, s store.Store) *storetest.Counter {
	t.Helper()
	counter := &storetest.Counter{}
	counted := func(old *sql.DB, name string, connections int) *sql.DB {
		connector, err := sqlite.NewConnector(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(counter.Connector(connector))
		db.SetMaxOpenConns(connections)
		return db
	}
	db := s.(*fileStore).DB
	db.Write = counted(db.Write, dsn(f.path, "rwc", "_txlock=immediate"), 1)
	db.Read = counted(db.Read, dsn(f.path, "rw", "_pragma=query_only(1)"), 4)
	return counter
}

// SQL implements storetest.Database: as the sqlite3 program has it, with foreign keys off, and patient.
func (f file) SQL(t *testing.T) *sql.DB {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+f.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Break implements storetest.Breakable: somebody moves the directory away.
func (f file) Break(t *testing.T) { f.move(t, filepath.Dir(f.path), filepath.Dir(f.path)+".away") }

// Heal implements storetest.Breakable.
func (f file) Heal(t *testing.T) { f.move(t, filepath.Dir(f.path)+".away", filepath.Dir(f.path)) }

func (f file) move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
