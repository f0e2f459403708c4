package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

func testFencing(t *testing.T, b Backend) {
	t.Run("EveryWriteOfTheOldLeader", func(t *testing.T) { testOldLeader(newFixture(t, b)) })
	t.Run("Generations", func(t *testing.T) { testGenerations(newFixture(t, b)) })
	t.Run("OneOfManyLeads", func(t *testing.T) { testManyLeaders(newFixture(t, b)) })
}

func testOldLeader(f *fixture) {
	f.apply(ada)
	change, _ := f.plan(ada.to(pbx.Deleted))
	purge, _ := f.plan(ada.to(pbx.Purged))
	create, _ := f.plan(line)
	old := f.store
	f.store = open(f.t, f.db, mine)
	f.byHand("UPDATE pbx_users SET location = 'Paris' WHERE name = 'ada'")

	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	other := system
	other.Domain = "other.example"
	writes := map[string]func() error{
		"Apply, change": func() error { return old.Apply(ctx, change) },
		"Apply, purge":  func() error { return old.Apply(ctx, purge) },
		"Apply, create": func() error { return old.Apply(ctx, create) },
		"Configure":     func() error { _, err := old.Configure(ctx, other); return err },
		"Release":       func() error { return old.Release(ctx) },
		"Changes":       func() error { return old.Changes(ctx, func([]pbx.Key) {}) },
	}
	for name, write := range writes {
		f.unchanged(name, func() {
			if err := write(); !errors.Is(err, store.ErrFenced) {
				f.t.Errorf("%s: error = %v, want store.ErrFenced", name, err)
			}
		})
	}
	if got, err := old.Observe(ctx, ada.desired()); err != nil || got.Record == nil {
		f.t.Errorf("the old leader cannot look any more: %v", err)
	}
	f.apply(ada, line)
	f.quiet(ada, line)
	f.feed().next() // the change by hand was left for the new leader
}

func testGenerations(f *fixture) {
	newer := ada.but(func(o *object) { o.user.Department = "Sales" })
	newer.generation = 5
	f.apply(newer)
	for _, state := range append(states, pbx.Purged) {
		older := ada.to(state)
		older.generation = 4
		f.unchanged("an older generation", func() {
			_, err := reconcile(f.t.Context(), f.store, older)
			equal(f.t, "error", err, error(&pbx.StaleError{Key: ada.key(), Have: 4, Seen: 5}))
		})
	}
	newer.generation = 6
	f.unchanged("a newer one that says the same", func() { f.apply(newer) })
	other := ada.of("another") // generation 1 of another object
	f.apply(other)
	equal(f.t, "owner", f.value("SELECT uid, generation FROM pbx_users"), "another|1")
}

// testManyLeaders opens the store many times at once, each writing: who opened last is the only one who may.
func testManyLeaders(f *fixture) {
	const n = 6
	stores := make([]store.Store, n)
	f.together(n, func(i int) (err error) {
		stores[i], err = f.db.Open(f.t.Context(), mine)
		return err
	})
	leaders := 0
	for i, s := range stores {
		if s == nil {
			continue
		}
		f.t.Cleanup(func() { _ = s.Close() })
		_, err := reconcile(f.t.Context(), s, user(names("leader", n)[i]))
		switch {
		case err == nil:
			leaders++
		case !errors.Is(err, store.ErrFenced):
			f.t.Errorf("error = %v, want store.ErrFenced", err)
		}
	}
	equal(f.t, "leaders", leaders, 1)
	if _, err := reconcile(f.t.Context(), f.store, ada); !errors.Is(err, store.ErrFenced) {
		f.t.Errorf("the first leader: error = %v, want store.ErrFenced", err)
	}
}
