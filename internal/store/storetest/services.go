package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// broken finds the users that break the rule of their services, and services of nobody. It is one statement, so it
// sees one commit.
const broken = `SELECT u.name, u.primary_service FROM pbx_users u
	WHERE (SELECT count(*) FROM pbx_user_services s WHERE s.user_id = u.id) > 8
	   OR (u.primary_service = '' AND EXISTS (SELECT 1 FROM pbx_user_services s WHERE s.user_id = u.id))
	   OR (u.primary_service <> '' AND NOT EXISTS (
	       SELECT 1 FROM pbx_user_services s WHERE s.user_id = u.id AND s.service_name = u.primary_service))
	UNION ALL
	SELECT s.user_id, s.service_name FROM pbx_user_services s WHERE NOT EXISTS (SELECT 1 FROM pbx_users u WHERE u.id = s.user_id)`

func (f *fixture) servicesKept(when string) {
	f.t.Helper()
	equal(f.t, when+": users who break the rule", f.rows(broken), nil)
}

func testServices(t *testing.T, b Backend) {
	f := newFixture(t, b)
	eight := names("s", 8)
	t.Run("Eight", func(t *testing.T) {
		f := f.in(t)
		f.apply(user("eight", eight...))
		f.quiet(user("eight", eight...))
		f.servicesKept("eight")
	})
	t.Run("Refused", func(t *testing.T) { testRefusedServices(f.in(t)) })
	t.Run("ReplacedAtOnce", func(t *testing.T) {
		f := f.in(t)
		f.apply(user("replaced", eight...))
		others := user("replaced", names("t", 8)...).to(pbx.Active)
		if plan := f.apply(others); len(plan.Changes) != 17 {
			t.Errorf("%d steps, want eight out, eight in and the primary", len(plan.Changes))
		}
		f.sameAs(others)
		f.quiet(others)
		f.servicesKept("replaced")
	})
	t.Run("EveryStep", func(t *testing.T) {
		f := f.in(t)
		generation := int64(0)
		for _, services := range [][]string{
			nil, {"a"}, {"b"}, {"b", "a"}, {"a", "b", "c"}, {"c"}, eight, eight[1:], {"c", "s1"}, nil,
		} {
			o := user("steps", services...)
			generation++
			o.generation = generation
			f.apply(o)
			f.sameAs(o)
			f.quiet(o)
			f.servicesKept(fmt.Sprint(services))
		}
	})
	t.Run("KeptInEveryState", func(t *testing.T) {
		f := f.in(t)
		for _, state := range append(states, pbx.Active, pbx.Deleted, pbx.Purged) {
			f.apply(user("states", eight...).to(state))
			f.servicesKept(string(state))
		}
	})
}

func testRefusedServices(f *fixture) {
	tests := map[string]struct {
		services []string
		primary  string
	}{
		"nine":                       {names("s", 9), "s0"},
		"none chosen":                {[]string{"a", "b"}, ""},
		"one that is not among them": {[]string{"a", "b"}, "c"},
		"one beside none":            {nil, "a"},
	}
	for name, tt := range tests {
		for _, o := range []object{user("refused-new"), user("refused", "a", "b")} {
			if o.name == "refused" {
				f.apply(o)
			}
			f.unchanged(name, func() {
				bad := o.but(func(o *object) { o.user.Services, o.user.PrimaryService = tt.services, tt.primary })
				if err := f.applyDesired(bad.desired()); !errors.Is(err, store.ErrRejected) {
					f.t.Errorf("%s, %s: error = %v, want store.ErrRejected", o.name, name, err)
				}
			})
		}
	}
}
