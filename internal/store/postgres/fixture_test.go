package postgres

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

const limit = 30 * time.Second

var mine = store.Claim{UID: "mine", Namespace: "acme", Name: "default"}

// fixture is a store in a database of its own, with a user who has services a, b and c.
type fixture struct {
	db    database
	store store.Store
	sql   *sql.DB
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	db := templates.copy(t)
	f := fixture{db: db, store: mustOpen(t, db.dsn), sql: db.SQL(t)}
	f.apply(t, ada("Research"))
	return f
}

func mustOpen(t *testing.T, dsn string) store.Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, mine)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ada(department string) pbx.Desired {
	u := pbx.User{Login: "ada", Department: department, Services: []string{"a", "b", "c"}, PrimaryService: "a"}
	return pbx.Desired{
		Key: pbx.Key{Kind: pbx.KindUser, Name: "ada"}, Owner: pbx.Owner{UID: "ada", Generation: 1},
		State: pbx.Active, Content: u.Content(pbx.Active),
	}
}

func (f fixture) transition(t *testing.T, d pbx.Desired) store.Transition {
	t.Helper()
	o, err := f.store.Observe(t.Context(), d)
	if err != nil {
		t.Fatalf("Observe: %v", err)
	}
	plan, err := pbx.MakePlan(d, o)
	if err != nil {
		t.Fatalf("MakePlan: %v", err)
	}
	return store.Transition{Desired: d, Observed: o.Record, Changes: plan.Changes}
}

func (f fixture) apply(t *testing.T, d pbx.Desired) {
	t.Helper()
	if err := f.store.Apply(t.Context(), f.transition(t, d)); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func (f fixture) begin(t *testing.T, level sql.IsolationLevel) *sql.Tx {
	t.Helper()
	tx, err := f.sql.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	// The snapshot is taken by the first statement.
	if _, err := tx.Exec("SELECT count(*) FROM pbx_user_services"); err != nil {
		t.Fatal(err)
	}
	return tx
}

// waiting waits until so many connections of this database wait for a lock.
func (f fixture) waiting(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var now int
		err := f.sql.QueryRowContext(ctx,
			"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&now)
		if err != nil {
			t.Fatal(err)
		}
		if now == n {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d connections wait for a lock, want %d", now, n)
		}
	}
}

func receive(t *testing.T, what string, from <-chan error) error {
	t.Helper()
	select {
	case err := <-from:
		return err
	case <-time.After(limit):
		t.Fatalf("%s has not ended within %s", what, limit)
		return nil
	}
}
