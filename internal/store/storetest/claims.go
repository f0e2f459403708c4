package storetest

import (
	"sync"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// claim is a kind of value that has one holder.
type claim struct {
	name string
	// value, and another spelling of the same.
	value, other string
	object       func(value, name string) object
	// held reads who has the value in the store.
	held string
}

// claimsOf gives every kind of claim with values of its own, told apart by a letter.
func claimsOf(letter string) []claim {
	list := func(value string) []string {
		if value == "" {
			return nil
		}
		return []string{value}
	}
	return []claim{
		{
			"number", "10" + letter, "10" + letter,
			func(v, name string) object { o := extension(name, v); return o },
			"SELECT name FROM pbx_extensions WHERE number = $1",
		},
		{
			"direct", "+49" + letter, "+49" + letter,
			func(v, name string) object { o := extension(name, ""); o.number.DirectNumbers = list(v); return o },
			"SELECT e.name FROM pbx_direct_numbers d JOIN pbx_extensions e ON e.id = d.extension_id WHERE d.number = $1",
		},
		{
			"login", "login-" + letter, "LOGIN-" + letter,
			func(v, name string) object { o := user(name); o.user.Login = v; return o },
			"SELECT name FROM pbx_users WHERE lower(login) = lower($1)",
		},
		{
			"agent", "agent-" + letter, "agent-" + letter,
			func(v, name string) object { o := user(name); o.user.Login = ""; o.user.AgentIDs = list(v); return o },
			"SELECT u.name FROM pbx_user_agent_ids a JOIN pbx_users u ON u.id = a.user_id WHERE a.agent_id = $1",
		},
		{
			"sip", "sip-" + letter, "SIP-" + letter,
			func(v, name string) object { o := phone(name); o.phone.SIPUsername = v; return o },
			"SELECT name FROM pbx_phones WHERE lower(sip_username) = lower($1)",
		},
		{
			"mac", "00:1a:2b:3c:4d:" + hexOf(letter), "00-1A-2B-3C-4D-" + hexOf(letter),
			func(v, name string) object { o := phone(name); o.phone.SIPUsername, o.phone.MAC = "", v; return o },
			"SELECT name FROM pbx_phones WHERE mac = lower(replace($1, ':', ''))",
		},
	}
}

func hexOf(letter string) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[letter[0]>>4], digits[letter[0]&15]})
}

// testClaims lets many objects claim one value at once: one has it, the others see who.
func testClaims(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for _, c := range claimsOf("c") {
		t.Run(c.name, func(t *testing.T) {
			f := f.in(t)
			claimants := names(c.name+"-", 10)
			objectOf := func(i int) object {
				if i%2 == 0 {
					return c.object(c.value, claimants[i])
				}
				return c.object(c.other, claimants[i])
			}
			f.together(len(claimants), func(i int) error {
				_, err := reconcile(t.Context(), f.store, objectOf(i))
				return err
			})
			f.oneHolds(c, claimants, objectOf)
		})
	}
	t.Run("WhoClaimsWhileTheHolderLetsGo", func(t *testing.T) { testHandover(f.in(t)) })
}

// oneHolds sees that one of the claimants has the value, and that the others are told.
func (f *fixture) oneHolds(c claim, claimants []string, objectOf func(int) object) {
	f.t.Helper()
	holder := f.value(c.held, c.value)
	for i := range claimants {
		o := objectOf(i)
		_, plan := f.plan(o)
		if len(plan.Changes) > 0 {
			f.t.Errorf("%s: something is left to do: %+v", o.name, plan.Changes)
		}
		if o.name == holder {
			equal(f.t, o.name, plan.Conflicts, []pbx.Conflict(nil))
			continue
		}
		if len(plan.Conflicts) != 1 || plan.Conflicts[0].Holder.Key.Name != holder {
			f.t.Errorf("%s: conflicts = %+v, want %s as the holder", o.name, plan.Conflicts, holder)
		}
	}
}

// testHandover: while the holder lets a value go, others claim it; in the end one has it.
func testHandover(f *fixture) {
	for _, c := range claimsOf("h") {
		holder := c.object(c.value, "before-"+c.name)
		f.apply(holder)
		claimants := names("after-"+c.name+"-", 6)
		var once sync.Once
		f.together(len(claimants), func(i int) (err error) {
			once.Do(func() {
				gone := c.object("", holder.name)
				gone.generation = 2
				_, err = reconcile(f.t.Context(), f.store, gone)
			})
			if err == nil {
				_, err = reconcile(f.t.Context(), f.store, c.object(c.value, claimants[i]))
			}
			return err
		})
		objectOf := func(i int) object { return c.object(c.value, claimants[i]) }
		for i := range claimants {
			f.apply(objectOf(i))
		}
		f.oneHolds(c, claimants, objectOf)
	}
}
