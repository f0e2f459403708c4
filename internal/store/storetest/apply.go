package storetest

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

func testApply(t *testing.T, b Backend) {
	t.Run("Converges", func(t *testing.T) { testConverges(t, b) })
	t.Run("NothingToDoWritesNothing", func(t *testing.T) {
		f := newFixture(t, b)
		f.apply(fullObjects...)
		f.unchanged("no changes", func() { f.apply(fullObjects...) })
		f.unchanged("no steps", func() {
			if err := f.store.Apply(t.Context(), store.Transition{Desired: user("eve").desired()}); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("AllOrNothing", func(t *testing.T) { testAllOrNothing(t, b) })
	t.Run("ConcurrentObjects", func(t *testing.T) { testConcurrentObjects(t, b) })
}

// testConverges goes every way between the states, with a spec that has everything and one that has nothing: one Apply
// is enough, and what is observed then is what was declared.
func testConverges(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for _, o := range fullObjects {
		bare := newObject(o.kind, o.name)
		for _, from := range states {
			for _, to := range states {
				f.apply(o.to(from))
				f.quiet(o.to(from))
				f.apply(o.to(to))
				f.quiet(o.to(to))
				f.sameAs(o.to(to))
				bare.state, bare.generation, bare.given = to, o.generation+1, emptied(o.given)
				f.apply(bare)
				f.quiet(bare)
				f.sameAs(bare)
			}
		}
		f.apply(o.to(pbx.Purged))
		f.quiet(o.to(pbx.Purged))
		if f.observe(o).Record != nil {
			t.Errorf("%s is there after its purge", o.key())
		}
	}
}

func emptied(fields map[pbx.Field]string) map[pbx.Field]string {
	empty := map[pbx.Field]string{}
	for field := range fields {
		empty[field] = ""
	}
	return empty
}

// sameAs sees that the store holds what is desired, read anew.
func (f *fixture) sameAs(o object) {
	f.t.Helper()
	record, d := f.observe(o).Record, o.desired()
	if record == nil {
		f.t.Fatalf("%s is not there", o.key())
	}
	for field, want := range d.Fields {
		if got := record.Fields[field]; got != want {
			f.t.Errorf("%s: %s = %q, want %q", o.key(), field, got, want)
		}
	}
	equal(f.t, o.key().String(), sortedLists(record.Content), sortedLists(d.Content))
}

// sortedLists puts the lists in one order, and leaves out the empty ones.
func sortedLists(c pbx.Content) map[pbx.List][]pbx.Item {
	lists := map[pbx.List][]pbx.Item{}
	for name, items := range c.Lists {
		if len(items) > 0 {
			lists[name] = slices.SortedFunc(slices.Values(items), func(a, b pbx.Item) int { return cmp.Compare(a.Key, b.Key) })
		}
	}
	return lists
}

// testAllOrNothing has a step fail behind others that are fine by themselves.
func testAllOrNothing(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	nine := []string{"s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"}
	type breaking struct {
		object object
		broken func(*pbx.Desired)
	}
	tests := map[string]breaking{
		"a ninth service": {ada, func(d *pbx.Desired) {
			d.Content = pbx.User{Department: "Sales", Login: "ada.l", Services: nine, PrimaryService: "s1"}.Content(pbx.Active)
		}},
		"a new user with nine services": {user("eve"), func(d *pbx.Desired) {
			d.Content = pbx.User{Login: "eve", AgentIDs: []string{"9"}, Services: nine, PrimaryService: "s1"}.Content(pbx.Active)
		}},
		"a state that there is not": {line, func(d *pbx.Desired) {
			d.Fields[pbx.FieldDisplayName], d.Fields[pbx.FieldState] = "Lobby", "Asleep"
			d.Lists[pbx.ListDirectNumbers] = nil
		}},
		"a new phone in a state that there is not": {phone("new"), func(d *pbx.Desired) {
			d.Fields[pbx.FieldState] = "Asleep"
		}},
	}
	if b.Postgres { // SQLite keeps a text in a column of numbers
		tests["a direct number in no position"] = breaking{line, func(d *pbx.Desired) {
			d.Fields[pbx.FieldDisplayName] = "Lobby"
			d.Lists[pbx.ListDirectNumbers] = []pbx.Item{{Key: "+4930555", Value: "1"}, {Key: "+4930556", Value: "99999999999999999999x"}}
		}}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := f.in(t)
			f.unchanged(name, func() {
				d := tt.object.but(func(*object) {}).desired()
				tt.broken(&d)
				if err := f.applyDesired(d); !errors.Is(err, store.ErrRejected) {
					t.Errorf("error = %v, want store.ErrRejected", err)
				}
			})
		})
	}
}

// applyDesired observes, plans and applies what no manifest could declare.
func (f *fixture) applyDesired(d pbx.Desired) error {
	f.t.Helper()
	seen, err := f.store.Observe(f.t.Context(), d)
	if err != nil {
		return err
	}
	plan, err := pbx.MakePlan(d, seen)
	if err != nil {
		return err
	}
	return f.store.Apply(f.t.Context(), store.Transition{Desired: d, Observed: seen.Record, Changes: plan.Changes})
}

// testConcurrentObjects reconciles many objects at once, as workers do.
func testConcurrentObjects(t *testing.T, b Backend) {
	f := newFixture(t, b)
	var objects []object
	for _, name := range names("o", 8) {
		objects = append(objects, user(name, "a", "b"), phone(name), extension(name, name))
	}
	for _, state := range append(states, pbx.Active) {
		f.together(len(objects), func(i int) error {
			_, err := reconcile(t.Context(), f.store, objects[i].to(state))
			return err
		})
		for _, o := range objects {
			f.quiet(o.to(state))
		}
	}
}
