package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/storetest"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

var backend = storetest.Backend{
	Postgres: true,
	New:      func(t *testing.T) storetest.Database { return database{pgserver.NewDatabase(t)} },
	NewMigrated: func(t *testing.T) storetest.Database {
		return templates.copy(t)
	},
	NewBreakable: func(t *testing.T) storetest.Breakable {
		server := pgserver.New(t)
		return ownServer{database{server.NewDatabase(t)}, server}
	},
}

func TestContract(t *testing.T) { storetest.Run(t, backend) }

func TestConverge(t *testing.T) { storetest.Converge(t, backend, 25) }

// database is one of the server that all tests share.
type database struct{ dsn string }

// Open implements storetest.Database.
func (d database) Open(ctx context.Context, claim store.Claim) (store.Store, error) {
	return Open(ctx, d.dsn, claim)
}

// Count implements storetest.Database.
func (d database) Count(t *testing.T, s store.Store) *storetest.Counter {
	t.Helper()
	opened := s.(*dbStore)
	counter := &storetest.Counter{}
	counted := sql.OpenDB(counter.Connector(stdlib.GetConnector(*opened.config)))
	if err := opened.Write.Close(); err != nil {
		t.Fatal(err)
	}
	opened.Write, opened.Read = counted, counted
	return counter
}

// SQL implements storetest.Database.
func (d database) SQL(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", d.dsn)
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

// template is a database on the shared server that others are copied from, made with options.
type template struct {
	once          sync.Once
	name, options string
	copies        atomic.Int64
}

var templates = template{name: "pbx_template"}

func (c *template) copy(t *testing.T) database {
	t.Helper()
	admin := pgserver.Start(t)
	c.once.Do(func() { migrate(t, admin, c.name, c.options) })
	name := fmt.Sprint(c.name, "_", c.copies.Add(1))
	run(t, admin, "CREATE DATABASE "+name+" TEMPLATE "+c.name)
	t.Cleanup(func() { run(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return database{named(t, admin, name)}
}

// migrate makes a database with the schema.
func migrate(t *testing.T, admin, name, options string) {
	t.Helper()
	run(t, admin, "CREATE DATABASE "+name+" "+options)
	s, err := Open(t.Context(), named(t, admin, name), store.Claim{UID: "template"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Release(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func named(t *testing.T, admin, name string) string {
	t.Helper()
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func run(t *testing.T, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	connection, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = connection.Exec(ctx, statement)
	if err := errors.Join(err, connection.Close(ctx)); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// ownServer is a database with a server of its own, which can be stopped.
type ownServer struct {
	database
	server *pgserver.Server
}

// Break implements storetest.Breakable.
func (s ownServer) Break(t *testing.T) { s.server.Stop(t) }

// Heal implements storetest.Breakable.
func (s ownServer) Heal(t *testing.T) { s.server.Restart(t) }
