package storetest

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// lose are the ways in which a phone loses its only user.
var lose = map[string]func(f *fixture, u object){
	"edit":          func(f *fixture, u object) { f.apply(user(u.name).at(2)) },
	"exchange":      func(f *fixture, u object) { f.apply(user(u.name, "another").at(2)) },
	"row by hand":   func(f *fixture, u object) { f.byHand("DELETE FROM pbx_user_services WHERE user_id = $1", u.uid) },
	"user by hand":  func(f *fixture, u object) { f.byHand("DELETE FROM pbx_users WHERE id = $1", u.uid) },
	"user Deleted":  func(f *fixture, u object) { f.apply(u.to(pbx.Deleted)) },
	"state by hand": func(f *fixture, u object) { f.byHand("UPDATE pbx_users SET state = 'Deleted' WHERE id = $1", u.uid) },
	"user purged":   func(f *fixture, u object) { f.apply(u.to(pbx.Deleted), u.at(3).to(pbx.Purged)) },
}

// testLostUsers: a phone that nobody has any more is of no use to who knows its password, whichever way it was lost.
func testLostUsers(t *testing.T, b Backend) {
	for way, lost := range lose {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, b)
			u := user("u", "p")
			f.apply(line1("p", "e"), u, line1("other", "e"), user("o", "other"))
			f.register("p", "r1", "Snom")
			f.byHand("INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ('c', 'p', 'Snom')")
			f.register("other", "r2", "Snom")
			lost(f, u)
			f.effective("p", "Blocked")
			f.effective("other", "Normal")
			f.registered("other|Snom")
			equal(t, "contacts", f.value("SELECT (SELECT count(*) FROM location) + (SELECT count(*) FROM ps_contacts)"), "1")
			testStillLost(f)
			testFoundAgain(f)
		})
	}
	t.Run("Deleted", func(t *testing.T) { testNewPasswordOfTheDeleted(newFixture(t, b)) })
	t.Run("Order", func(t *testing.T) { testOrderOfUserAndPhone(newFixture(t, b)) })
	t.Run("Rebuilt", func(t *testing.T) { testRebuiltPhone(newFixture(t, b)) })
}

// withPassword is the phone p with another password.
func withPassword(generation int64, password string) object {
	o := line1("p", "e").at(generation)
	o.phone.Password = password
	return o
}

// testStillLost: neither another name nor the same password gives the phone to anybody.
func testStillLost(f *fixture) {
	f.t.Helper()
	renamed := line1("p", "e").but(func(o *object) { o.phone.SIPUsername = "renamed" })
	f.apply(renamed)
	f.effective("p", "Blocked")
	f.byHand("UPDATE pbx_phones SET password_print = '' WHERE name = 'p'")
	f.apply(renamed)
	f.effective("p", "Blocked")
	f.apply(line1("p", "e").at(3).but(func(o *object) { o.state = pbx.Deactivated }), line1("p", "e").at(5))
	f.effective("p", "Blocked")
}

// testFoundAgain: given to somebody it is of use again, and with a new password, until the next one has lost it.
func testFoundAgain(f *fixture) {
	f.t.Helper()
	f.apply(user("heir", "p"))
	f.effective("p", "Normal")
	f.apply(user("heir").at(2))
	f.effective("p", "Blocked")
	f.apply(withPassword(6, "a new one"))
	f.effective("p", "Normal")
	f.apply(user("heir", "p").at(3), withPassword(7, "another one"))
	f.effective("p", "Normal")
	f.apply(user("heir").at(4))
	f.effective("p", "Blocked")
}

// testNewPasswordOfTheDeleted: who is Deleted does not know the new password; restored they have the phone, and lose it again.
func testNewPasswordOfTheDeleted(f *fixture) {
	u, v := user("u", "p"), user("v", "p").to(pbx.Deactivated)
	f.apply(line1("p", "e"), u, v, u.to(pbx.Deleted))
	f.effective("p", "EmergencyOnly")
	f.apply(withPassword(2, "while v has it"), v.to(pbx.Deleted))
	f.effective("p", "Blocked")
	f.apply(withPassword(3, "while nobody has it"))
	f.effective("p", "Normal")
	f.apply(u.at(3))
	f.effective("p", "Normal")
	f.apply(u.at(3).to(pbx.Deleted))
	f.effective("p", "Blocked")
	f.apply(withPassword(4, "the last one"), u.at(5).to(pbx.Purged), v.at(4).to(pbx.Purged))
	f.effective("p", "Normal")
	f.apply(user("w", "p").to(pbx.Deleted))
	f.effective("p", "Blocked")
}

// testOrderOfUserAndPhone: who had it before it was there had it as well; who never had it, did not.
func testOrderOfUserAndPhone(f *fixture) {
	f.apply(user("u", "p"), line1("p", "e"), line1("never", "e"), user("u").at(2))
	f.effective("p", "Blocked")
	f.effective("never", "Normal")
	pairs := names("pair", 20)
	f.together(2*len(pairs), func(i int) error {
		o := line1(pairs[i/2], "e")
		if i%2 == 0 {
			o = user("of-"+pairs[i/2], pairs[i/2])
		}
		_, err := reconcile(f.t.Context(), f.store, o)
		return err
	})
	equal(f.t, "made at once", f.value("SELECT count(*) FROM pbx_phones WHERE name LIKE 'pair%' AND had_users = 1"), "20")
	f.apply(user("twice", "q", "r"), line1("q", "e"), line1("r", "e"))
	f.byHand("UPDATE pbx_phones SET had_users = 0") // as when another password came at once
	f.apply(user("twice", "q").at(2))
	f.effective("r", "Blocked")
	f.apply(user("twice", "q").at(2).to(pbx.Deleted))
	f.effective("q", "Blocked")
}

// testRebuiltPhone: a row that somebody removed, and the operator made again, had the users that it has, or that the audit
// tells of since the last password.
func testRebuiltPhone(f *fixture) {
	rebuild := func(o object) {
		f.t.Helper()
		f.byHand("DELETE FROM pbx_phones WHERE name = 'p'")
		f.apply(o)
	}
	f.apply(line1("p", "e"))
	rebuild(line1("p", "e"))
	f.effective("p", "Normal")
	f.apply(user("u", "p"))
	rebuild(line1("p", "e"))
	f.effective("p", "Normal")
	f.apply(user("u").at(2))
	rebuild(line1("p", "e"))
	f.effective("p", "Blocked")
	f.apply(withPassword(2, "a new one"))
	rebuild(withPassword(2, "a new one"))
	f.effective("p", "Normal")
	f.apply(user("v", "p"), user("v", "p").to(pbx.Purged))
	rebuild(withPassword(2, "a new one"))
	f.effective("p", "Blocked")
}
