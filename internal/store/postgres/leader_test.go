package postgres

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// A new leader waits for what the old one is about to commit: what comes later is refused, and nothing in between.
func TestANewLeaderWaits(t *testing.T) {
	f := newFixture(t)
	old := f.store
	block := f.begin(t, sql.LevelReadCommitted)
	if _, err := block.Exec("UPDATE pbx_users SET location = location"); err != nil {
		t.Fatal(err)
	}
	transition, applied, opened := f.transition(t, ada("Sales")), make(chan error, 1), make(chan error, 1)
	go func() { applied <- old.Apply(t.Context(), transition) }()
	f.waiting(t, 1)
	go func() {
		s, err := Open(t.Context(), f.db.dsn, mine)
		if err == nil {
			t.Cleanup(func() { _ = s.Close() })
		}
		opened <- err
	}()
	f.waiting(t, 2)
	if err := block.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "Apply", applied); err != nil {
		t.Errorf("Apply: %v", err)
	}
	if err := receive(t, "Open", opened); err != nil {
		t.Errorf("Open: %v", err)
	}
	late := f.transition(t, ada("Support"))
	if err := old.Apply(t.Context(), late); !errors.Is(err, store.ErrFenced) {
		t.Errorf("error = %v, want store.ErrFenced", err)
	}
	// Who came first in line was not fenced; the record is as it was left.
	if got := f.transition(t, ada("Sales")); len(got.Changes) > 0 {
		t.Errorf("something is left to do: %+v", got.Changes)
	}
}
