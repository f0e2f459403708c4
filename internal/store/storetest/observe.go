package storetest

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func testObserve(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for _, o := range fullObjects {
		t.Run(string(o.kind), func(t *testing.T) {
			f := f.in(t)
			f.unchanged("while nothing is there", func() {
				if got := f.observe(o); got.Record != nil || got.Known || got.Erased || len(got.Holders) > 0 {
					t.Errorf("observed %+v of nothing", got)
				}
			})
			f.apply(o)
			f.unchanged("while it is there", func() {
				got := f.observe(o)
				d := o.desired()
				if got.Record == nil {
					t.Fatal("no record")
				}
				equal(t, "key", got.Record.Key, d.Key)
				equal(t, "owner", got.Record.Owner, d.Owner)
				equal(t, "fields", set(got.Record.Fields), set(d.Fields))
				equal(t, "lists", sortedLists(got.Record.Content), sortedLists(d.Content))
			})
		})
	}
	t.Run("HoldersOfOtherKindsDoNotCount", func(t *testing.T) {
		f := f.in(t)
		f.apply(user("1001"), phone("1001"))
		if got := f.observe(extension("other", "7001")); len(got.Holders) > 0 {
			t.Errorf("holders = %v", got.Holders)
		}
	})
	t.Run("HolderIsNamedWithState", func(t *testing.T) {
		f := f.in(t)
		f.apply(extension("held", "2001"), extension("held", "2001").to(pbx.Deleted))
		got := f.observe(extension("claimant", "2001"))
		equal(t, "holders", got.Holders, map[pbx.Claim]pbx.Holder{
			{Field: pbx.FieldNumber, Value: "2001"}: {
				Key: pbx.Key{Kind: pbx.KindExtension, Name: "held"}, State: pbx.Deleted,
			},
		})
	})
	t.Run("Past", func(t *testing.T) { testPast(f.in(t)) })
}

// testPast: a record that somebody removed was known, one that was purged was erased, to the object itself only.
func testPast(f *fixture) {
	for _, o := range []object{user("past"), extension("past", "3001"), phone("past")} {
		past := func(o object) [2]bool {
			got := f.observe(o)
			return [2]bool{got.Known, got.Erased}
		}
		equal(f.t, "before", past(o), [2]bool{false, false})
		f.apply(o)
		f.byHand("DELETE FROM " + tableOf[o.kind] + " WHERE name = 'past'")
		equal(f.t, "removed by hand", past(o), [2]bool{true, false})
		equal(f.t, "removed by hand, another object", past(o.of("another")), [2]bool{false, false})
		f.apply(o, o.to(pbx.Purged))
		equal(f.t, "purged", past(o), [2]bool{true, true})
		equal(f.t, "purged, another object", past(o.of("another")), [2]bool{false, false})
	}
}

var tableOf = map[pbx.Kind]string{
	pbx.KindUser: "pbx_users", pbx.KindExtension: "pbx_extensions", pbx.KindPhoneService: "pbx_phones",
}

// set leaves out what is empty: a field that is not managed is like an empty one.
func set(fields map[pbx.Field]string) map[pbx.Field]string {
	filled := map[pbx.Field]string{}
	for field, value := range fields {
		if value != "" {
			filled[field] = value
		}
	}
	return filled
}
