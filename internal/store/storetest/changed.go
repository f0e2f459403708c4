package storetest

import (
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// testChanged: what was observed is no longer so when the plan is applied.
func testChanged(t *testing.T, b Backend) {
	sales := func(o *object) { o.user.Department = "Sales" }
	for name, byHand := range map[string]string{
		"a field that the plan sets":   "UPDATE pbx_users SET department = 'Support' WHERE name = 'ada'",
		"another field":                "UPDATE pbx_users SET location = 'Paris' WHERE name = 'ada'",
		"a secret field":               "UPDATE pbx_users SET password_hash = 'x' WHERE name = 'ada'",
		"the state":                    "UPDATE pbx_users SET state = 'Deleted' WHERE name = 'ada'",
		"the owner":                    "UPDATE pbx_users SET uid = 'another' WHERE name = 'ada'",
		"the generation":               "UPDATE pbx_users SET generation = 99 WHERE name = 'ada'",
		"the fingerprints":             "UPDATE pbx_users SET applied = '{}' WHERE name = 'ada'",
		"an item came":                 "INSERT INTO pbx_user_groups (user_id, group_name) SELECT id, 'x' FROM pbx_users WHERE name = 'ada'",
		"an item went":                 "DELETE FROM pbx_user_groups WHERE group_name = 'math'",
		"an item's value":              "UPDATE integrations SET account_id = 'x' WHERE name = 'zoom'",
		"the name":                     "UPDATE pbx_users SET name = 'ada2' WHERE name = 'ada'",
		"the record went":              "DELETE FROM pbx_users WHERE name = 'ada'",
		"a service went":               "DELETE FROM pbx_user_services WHERE service_name = 'mobile'",
		"another service became first": "UPDATE pbx_users SET primary_service = 'mobile' WHERE name = 'ada'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, b)
			f.apply(ada)
			transition, _ := f.plan(ada.but(sales))
			purge, _ := f.plan(ada.to(pbx.Purged))
			f.byHand(byHand)
			f.refused(transition)
			f.refused(purge)
		})
	}
	t.Run("a record came", func(t *testing.T) {
		f := newFixture(t, b)
		transition, _ := f.plan(ada)
		f.byHand("INSERT INTO pbx_users (name) VALUES ('ada')")
		f.refused(transition)
	})
	t.Run("applied twice", func(t *testing.T) {
		f := newFixture(t, b)
		transition, _ := f.plan(ada)
		if err := f.store.Apply(t.Context(), transition); err != nil {
			t.Fatal(err)
		}
		f.refused(transition)
	})
	t.Run("a value was claimed", func(t *testing.T) { testClaimedMeanwhile(newFixture(t, b)) })
}

func (f *fixture) refused(transition store.Transition) {
	f.t.Helper()
	f.unchanged("refused", func() {
		if err := f.store.Apply(f.t.Context(), transition); !errors.Is(err, store.ErrChanged) {
			f.t.Errorf("error = %v, want store.ErrChanged", err)
		}
	})
}

// testClaimedMeanwhile has another record take each unique value between Observe and Apply.
func testClaimedMeanwhile(f *fixture) {
	for _, c := range claimsOf("x") {
		winner, loser := c.object(c.value, "w-"+c.name), c.object(c.other, "l-"+c.name)
		fresh, _ := f.plan(loser)
		f.apply(winner)
		f.refused(fresh)
		seen := f.observe(loser)
		if len(seen.Holders) != 1 {
			f.t.Errorf("%s: holders = %v, want one", c.name, seen.Holders)
		}
		for _, holder := range seen.Holders {
			equal(f.t, "holder", holder, pbx.Holder{Key: winner.key(), State: pbx.Active})
		}
		// An existing record loses in the same way.
		waiting := c.object("", "e-"+c.name)
		f.apply(waiting, winner.to(pbx.Purged))
		wants := c.object(c.value, "e-"+c.name)
		wants.generation++
		late, _ := f.plan(wants)
		f.apply(c.object(c.value, "v-"+c.name))
		f.refused(late)
	}
}
