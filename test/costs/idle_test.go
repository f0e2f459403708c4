package costs

import (
	"database/sql"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
	"github.com/pbx-operator/pbx-operator/internal/store/storetest"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// window is how long the queries of an idle operator are counted.
	window = 15 * time.Second
	// statsLag is how long a connection of PostgreSQL may keep its figures to itself while it is idle.
	statsLag = 11 * time.Second
	// What an idle operator may ask of a store, in transactions per second: SQLite is looked at twice a second, PostgreSQL
	// tells by itself.
	perSecondSQLite, perSecondPostgres = 2.5, 1.0
	// spread is what two windows may differ by, since they begin at different points of the beat.
	spread = 4
)

// TestIdle: an operator that has nothing to do asks a store a constant number of queries, however many users there are.
func TestIdle(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testIdle(t, perSecondSQLite, func(t *testing.T, users int) (*scene, func() int) {
			counter := &storetest.Counter{}
			s := newCrowd(t, operator.SQLite, users, func(s store.Store) store.Store { return countReads(t, s, counter) })
			return s, func() int { return counter.Counts().Reads + counter.Counts().Loose }
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testIdle(t, perSecondPostgres, func(t *testing.T, users int) (*scene, func() int) {
			s := newCrowd(t, operator.Postgres, users, nil)
			return s, s.transactions
		})
	})
}

func testIdle(t *testing.T, perSecond float64, idle func(*testing.T, int) (*scene, func() int)) {
	few, countFew := idle(t, 5)
	many, countMany := idle(t, 500)
	few.reset()
	many.reset()
	wait(statsLag)
	beforeFew, beforeMany := countFew(), countMany()
	wait(window)
	ofFew, ofMany := countFew()-beforeFew, countMany()-beforeMany
	t.Logf("transactions in %s: %d with 5 users, %d with 500", window, ofFew, ofMany)
	if ofFew == 0 {
		t.Error("nothing is counted: not even the change feed")
	}
	if bound := int(perSecond * window.Seconds()); ofMany > bound {
		t.Errorf("%d transactions with 500 users, want at most %d", ofMany, bound)
	}
	if ofMany > ofFew+spread {
		t.Errorf("%d transactions with 500 users, %d with 5: want the same", ofMany, ofFew)
	}
	for _, s := range []*scene{few, many} {
		s.equal("an idle operator", s.bill(), Bill{})
		s.equal("an idle operator: records looked at", len(s.operator.Store.Observed()), 0)
	}
}

// wait lets a time of measurement pass.
func wait(d time.Duration) { <-time.After(d) }

// newCrowd gives an operator with users who are Ready, and nothing left to do.
func newCrowd(t *testing.T, b operator.Backend, users int, wrap func(store.Store) store.Store) *scene {
	t.Helper()
	s := &scene{Tenant: operator.NewTenant(t, b), t: t}
	options := s.Options()
	options.WrapStore = wrap
	s.Create(s.NewPhoneSystem())
	s.operator = operator.Start(t, options)
	var crowd []client.Object
	for i := range users {
		crowd = append(crowd, s.User(fmt.Sprintf("user-%d", i)))
	}
	s.CreateAll(crowd)
	s.settle()
	return s
}

// transactions is the number that PostgreSQL has counted in the tenant's database. Who asks is in another one.
func (s *scene) transactions() int {
	s.t.Helper()
	database := s.DSN[strings.LastIndex(s.DSN, "/")+1:]
	database, _, _ = strings.Cut(database, "?")
	db, err := sql.Open("pgx", strings.Replace(s.DSN, "/"+database+"?", "/postgres?", 1))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	rows := s.Rows(db, "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1", database)
	count, err := strconv.Atoi(strings.Join(rows, ""))
	if err != nil {
		s.t.Fatal(err)
	}
	return count
}

// countReads has the connections that an SQLite store reads by count what passes through them.
func countReads(t *testing.T, s store.Store, counter *storetest.Counter) store.Store {
	db, ok := reflect.ValueOf(s).Elem().FieldByName("DB").Interface().(*sqlstore.DB)
	if !ok {
		t.Errorf("%T is not made of a *sqlstore.DB", s)
		return s
	}
	connector, err := sqlite.NewConnector("file:" + s.Info().Location + "?mode=rw&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		t.Error(err)
		return s
	}
	_ = db.Read.Close()
	db.Read = sql.OpenDB(counter.Connector(connector))
	return s
}
