package storetest

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// testCost counts transactions: one to look, one to write, none for nothing.
func testCost(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(user("warm"), extension("warm", "1"), phone("warm"))
	counter := f.db.Count(t, f.store)
	count := func(what string, want Counts, do func()) {
		t.Helper()
		got := counter.during(do)
		got.Statements = 0
		equal(t, what, got, want)
	}
	look, write := Counts{Reads: 1}, Counts{Writes: 1, Commits: 1}
	for _, o := range fullObjects {
		for _, state := range append(states, pbx.Active, pbx.Purged) {
			var transition store.Transition
			count("Observe "+o.name, look, func() { transition, _ = f.plan(o.to(state)) })
			want := write
			if state == pbx.Purged && !b.Postgres {
				want = purgeOnSQLite(o.kind)
			}
			count("Apply "+o.name+" "+string(state), want, func() { f.mustApply(transition) })
			count("Observe "+o.name, look, func() { transition, _ = f.plan(o.to(state)) })
			count("nothing to apply to "+o.name, Counts{}, func() { f.mustApply(transition) })
		}
	}
	count("Configure, the same", look, func() { f.configure(system, false) })
	other := system
	other.Domain = "other.example"
	count("Configure", Counts{Reads: 1, Writes: 1, Commits: 1}, func() { f.configure(other, true) })
	stale, _ := f.plan(user("late"))
	f.byHand("INSERT INTO pbx_users (name) VALUES ('late')")
	count("Apply, refused", Counts{Writes: 1}, func() { _ = f.store.Apply(t.Context(), stale) })
	t.Run("StatementsOfAnObserve", func(t *testing.T) { testObserveStatements(f.in(t), counter) })
	t.Run("Feed", func(t *testing.T) { testFeedCost(f.in(t), counter) })
}

// purgeOnSQLite is a transaction as well, with a look ahead for a person's names, and a sweep of the log that waits for nobody.
func purgeOnSQLite(kind pbx.Kind) Counts {
	want := Counts{Writes: 1, Commits: 1, Loose: 3}
	if kind == pbx.KindUser {
		want.Reads = 1
	}
	return want
}

func (f *fixture) mustApply(transition store.Transition) {
	f.t.Helper()
	if err := f.store.Apply(f.t.Context(), transition); err != nil {
		f.t.Fatalf("Apply: %v", err)
	}
}

// testObserveStatements: an unchanged user costs the same, however many others there are.
func testObserveStatements(f *fixture, counter *Counter) {
	f.apply(ada.of("counted"))
	alone := counter.during(func() { f.observe(ada) })
	for _, name := range names("crowd", 50) {
		f.apply(user(name, "desk", "mobile"))
	}
	crowded := counter.during(func() { f.observe(ada) })
	equal(f.t, "in a crowd", crowded, alone)
	if alone.Statements > 8 {
		f.t.Errorf("%d statements to observe a user", alone.Statements)
	}
}

// testFeedCost: a batch costs one transaction, whatever is in it.
func testFeedCost(f *fixture, counter *Counter) {
	c := f.feed()
	f.byHand(touchSystem)
	c.next()
	for _, statement := range []string{touchSystem, "UPDATE pbx_users SET location = 'x'"} {
		cost := counter.during(func() {
			f.byHand(statement)
			c.next()
		})
		if cost.Writes != 1 || cost.Commits != 1 || cost.Loose > 0 || cost.Reads > 4 {
			f.t.Errorf("%s: cost %+v", statement, cost)
		}
	}
	c.stop()
}
