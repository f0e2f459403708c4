package storetest

import (
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// rank orders states by what they allow.
var rank = map[pbx.State]int{pbx.Active: 2, pbx.Deactivated: 1, pbx.Deleted: 0}

var rights = []string{"Blocked", "EmergencyOnly", "Normal"}

// right is the rule itself: the lower of the phone's own state and the best of its users.
func right(own pbx.State, users ...pbx.State) string {
	if len(users) == 0 {
		return rights[rank[own]]
	}
	best := 0
	for _, state := range users {
		best = max(best, rank[state])
	}
	return rights[min(best, rank[own])]
}

func testRights(t *testing.T, b Backend) {
	f := newFixture(t, b)
	equal(t, "the rule", []string{
		right(pbx.Active), right(pbx.Active, pbx.Deactivated), right(pbx.Deactivated, pbx.Active, pbx.Deleted),
		right(pbx.Active, pbx.Deleted, pbx.Deleted), right(pbx.Deleted, pbx.Active),
	}, []string{"Normal", "EmergencyOnly", "EmergencyOnly", "Blocked", "Blocked"})
	t.Run("OwnAndUsers", func(t *testing.T) { testOwnAndUsers(f.in(t)) })
	t.Run("LastUserPurged", func(t *testing.T) { testLastUserPurged(f.in(t)) })
	t.Run("PurgedOneOfTwo", func(t *testing.T) {
		f := f.in(t)
		f.apply(phone("two"), user("t1", "two"), user("t2", "two"), user("t1").to(pbx.Purged))
		f.effective("two", "Normal")
		f.apply(user("t2", "two").to(pbx.Deleted))
		f.effective("two", "Blocked")
		f.apply(user("t2").to(pbx.Purged))
		f.effective("two", "Blocked")
	})
	t.Run("Disassociated", func(t *testing.T) {
		f := f.in(t)
		f.apply(phone("left"), user("l1", "left").to(pbx.Deactivated))
		f.effective("left", "EmergencyOnly")
		f.apply(user("l1").to(pbx.Deactivated))
		f.effective("left", "Blocked")
	})
	t.Run("UserBeforePhone", func(t *testing.T) {
		f := f.in(t)
		f.apply(user("b1", "before").to(pbx.Deactivated), phone("before"))
		f.effective("before", "EmergencyOnly")
	})
	t.Run("Columns", func(t *testing.T) {
		f := f.in(t)
		f.apply(desk)
		equal(t, "row", f.rows("SELECT name, sip_username, extension, type, state, effective FROM pbx_phone_rights WHERE name = 'desk'"),
			[]string{"desk|desk-sip|line|Local|Active|Normal"})
	})
}

func (f *fixture) effective(name, want string) {
	f.t.Helper()
	equal(f.t, name, f.value("SELECT effective FROM pbx_phone_rights WHERE name = $1", name), want)
	equal(f.t, name+", told", f.observe(phone(name)).Facts.Effective, want)
}

// testOwnAndUsers: each state of a phone with no user, with one, and with two, in each of theirs.
func testOwnAndUsers(f *fixture) {
	for i, own := range states {
		name := fmt.Sprint("p", i)
		f.apply(phone(name).to(own))
		f.effective(name, right(own))
		for j, first := range states {
			one := fmt.Sprint(name, "-", j)
			f.apply(phone(one).to(own), user("u-"+one, one).to(first))
			f.effective(one, right(own, first))
			for k, second := range states {
				two := fmt.Sprint(one, "-", k)
				f.apply(phone(two).to(own), user("u-"+two, two).to(first), user("v-"+two, "x", two).to(second))
				f.effective(two, right(own, first, second))
			}
		}
	}
}

// testLastUserPurged: a phone whose last user was purged is nobody's, until it is given to somebody.
func testLastUserPurged(f *fixture) {
	for _, own := range states {
		name := "last-" + string(own)
		f.apply(phone(name).to(own), user("gone-"+name, name).to(pbx.Deleted), user("gone-"+name).to(pbx.Purged))
		f.effective(name, "Blocked")
		f.apply(phone(name).to(own).but(func(o *object) { o.phone.Label = "Changed" }))
		f.effective(name, "Blocked")
		f.apply(user("heir-"+name, name).to(pbx.Deactivated))
		f.effective(name, right(own, pbx.Deactivated))
		f.apply(user("heir-" + name).to(pbx.Deactivated))
		f.effective(name, "Blocked")
	}
}
