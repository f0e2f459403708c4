package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// testOutage takes the database away and gives it back: nobody is told anything but that it is not available, and the
// same store goes on where it stopped.
func testOutage(t *testing.T, b Backend) {
	db := b.NewBreakable(t)
	f := &fixture{t: t, db: db, store: open(t, db, mine), sql: db.SQL(t)}
	f.configure(system, true)
	f.apply(ada, line)
	transition, _ := f.plan(ada.to(pbx.Deleted))
	running := f.feed()
	f.byHand("UPDATE pbx_extensions SET display_name = 'x'")
	equal(t, "woken", running.next(), []pbx.Key{line.key()})

	for range 2 {
		db.Break(t)
		if err := running.end(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the feed ended with %v, want store.ErrUnavailable", err)
		}
		f.unavailable(transition)
		db.Heal(t)
		f.heals()
		running = f.feed()
		f.byHand("UPDATE pbx_users SET location = location || 'x'")
		equal(t, "woken after the outage", running.next(), []pbx.Key{ada.key()})
		f.apply(ada, line)
		transition, _ = f.plan(ada.to(pbx.Deleted))
	}
	f.quiet(ada, line)
	running.stop()
}

// unavailable sees that each call says so, within a bounded time, and more than once.
func (f *fixture) unavailable(transition store.Transition) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	other := system
	other.Domain = "other.example"
	for range 2 {
		for name, call := range map[string]func() error{
			"Observe":   func() error { _, err := f.store.Observe(ctx, ada.desired()); return err },
			"Apply":     func() error { return f.store.Apply(ctx, transition) },
			"Configure": func() error { _, err := f.store.Configure(ctx, other); return err },
			"Release":   func() error { return f.store.Release(ctx) },
			"Changes":   func() error { return f.store.Changes(ctx, func([]pbx.Key) {}) },
			"Open": func() error {
				inUse := mine
				inUse.InUse = true
				_, err := f.db.Open(ctx, inUse)
				if errors.Is(err, store.ErrMissing) {
					return store.ErrUnavailable // a file that is not there
				}
				return err
			},
		} {
			if err := call(); !errors.Is(err, store.ErrUnavailable) {
				f.t.Errorf("%s: error = %v, want store.ErrUnavailable", name, err)
			}
		}
	}
}

// heals waits until the store answers again, by itself.
func (f *fixture) heals() {
	f.t.Helper()
	await(f.t, "the store answers again", func() bool {
		got, err := f.store.Observe(f.t.Context(), ada.desired())
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			f.t.Fatalf("while it heals: %v", err)
		}
		return err == nil && got.Record != nil
	})
	await(f.t, "somebody else can write again", func() bool { return f.sql.PingContext(f.t.Context()) == nil })
	f.apply(ada.to(pbx.Active), line)
}
