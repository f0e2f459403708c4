package storetest

import (
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// Usernames is what of the contract depends on the locale of a database, if anything does.
func Usernames(t *testing.T, b Backend) {
	t.Run("Unique", func(t *testing.T) { testUniqueUsernames(newFixture(t, b)) })
	t.Run("Registered", func(t *testing.T) { testRegisteredInAnyCase(newFixture(t, b)) })
	t.Run("Ended", func(t *testing.T) { testEndedInAnyCase(t, b) })
	t.Run("Bounded", func(t *testing.T) { testBoundedContacts(newFixture(t, b)) })
	t.Run("Emergency", func(t *testing.T) {
		f := newFixture(t, b)
		f.apply(line1("p", "").but(named("DIVIT")))
		equal(t, "what it shows", f.rows("SELECT number FROM pbx_emergency_callers WHERE username = 'divit'"), []string{"+49300"})
		equal(t, "told", f.observe(line1("p", "")).Facts.CallbackIsShared, true)
	})
	t.Run("Numbers", func(t *testing.T) { testNumberOf(newFixture(t, b)) })
}

// named gives a phone a SIP username.
func named(username string) func(*object) {
	return func(o *object) { o.phone.SIPUsername = username }
}

// testUniqueUsernames: engines fold A to Z, so that a SIP username, or a login, in other letters is the same: with the I as well,
// which in Turkish is not the capital of i.
func testUniqueUsernames(f *fixture) {
	f.apply(line1("a", "").but(named("DiVit")), user("u").but(func(o *object) { o.user.Login = "DiVit" }))
	for _, same := range []string{"divit", "DIVIT", "dIvIT"} {
		for _, o := range []object{line1("b-"+same, "").but(named(same)), user("v-" + same).but(func(o *object) { o.user.Login = same })} {
			plan := f.apply(o)
			if len(plan.Conflicts) != 1 {
				f.t.Errorf("%s %s: conflicts = %+v", o.key(), same, plan.Conflicts)
			}
		}
		for _, statement := range []string{
			"INSERT INTO pbx_phones (name, sip_username) VALUES ('x', $1)", "INSERT INTO pbx_users (name, login) VALUES ('x', $1)",
		} {
			f.unchanged(same, func() {
				if _, err := f.sql.ExecContext(f.t.Context(), statement, same); err == nil {
					f.t.Errorf("%s: a second one has it", statement)
				}
			})
		}
	}
	f.apply(line1("a", "").at(3).but(named("other")), line1("b-DIVIT", "").but(named("DIVIT")))
	equal(f.t, "taken over", f.value("SELECT name FROM pbx_phones WHERE sip_username = 'DIVIT'"), "b-DIVIT")
	equal(f.t, "it signs in with it as it is written", f.value("SELECT username FROM subscriber WHERE username LIKE 'D%'"), "DIVIT")
}

// testRegisteredInAnyCase: Kamailio folds the username of a registration, and Asterisk does not.
func testRegisteredInAnyCase(f *fixture) {
	o := line1("p", "").but(named("DeskI7"))
	f.apply(o)
	for engine, register := range map[string]func(){
		"Kamailio": func() { f.register("deski7", "r1", "Kamailio") },
		"Asterisk": func() {
			f.byHand("INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ('c', 'DeskI7', 'Asterisk')")
		},
	} {
		f.drain()
		register()
		f.registered("deski7|" + engine)
		f.wokenBy(engine, pbx.Key{Kind: pbx.KindRegistration, Name: "p"})
		equal(f.t, "told", f.observe(o).Facts.Registered.UserAgent, engine)
		f.byHand("DELETE FROM location")
		f.byHand("DELETE FROM ps_contacts")
		f.registered()
		equal(f.t, "gone", f.observe(o).Facts.Registered, pbx.Registration{})
	}
	f.register("deski7", "r1", "First")
	f.byHand("INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ('c', 'DeskI7', 'Second')")
	f.registered("deski7|First")
	f.byHand("DELETE FROM location")
	f.registered("deski7|First")
}

// testEndedInAnyCase: a registration ends whichever letters an engine wrote it in.
func testEndedInAnyCase(t *testing.T, b Backend) {
	p := line1("p", "e").but(named("DeskI7"))
	for name, end := range map[string]func(*fixture){
		"Deleted":     func(f *fixture) { f.apply(p.to(pbx.Deleted)) },
		"Purged":      func(f *fixture) { f.apply(p.to(pbx.Deleted), p.at(4).to(pbx.Purged)) },
		"Rotated":     func(f *fixture) { f.apply(p.but(func(o *object) { o.phone.Password = "another" })) },
		"Respelled":   func(f *fixture) { f.apply(p.but(named("dESKi7"))) },
		"UserDeleted": func(f *fixture) { f.apply(user("u", "p").to(pbx.Deleted)) },
		"LostIt":      func(f *fixture) { f.apply(user("u").at(2)) },
		"Reset":       func(f *fixture) { f.apply(user("w"), released("w").at(2)) },
		"RowRemoved":  func(f *fixture) { f.byHand("DELETE FROM pbx_phones WHERE name = 'p'") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, b)
			f.apply(user("u", "p"), released("u"), p)
			for i, username := range []string{"deski7", "DeskI7", "DESKI7"} {
				f.register(username, fmt.Sprint("r", i), "Snom")
				f.byHand("INSERT INTO ps_contacts (id, endpoint) VALUES ($1, $2)", username, username)
			}
			f.register("deski77", "other", "Snom")
			end(f)
			f.registered("deski77|Snom")
			equal(t, "contacts", f.rows("SELECT username FROM location UNION ALL SELECT endpoint FROM ps_contacts"), []string{"deski77"})
		})
	}
}

// testBoundedContacts: a phone has at most five contacts, of which the one that was refreshed longest ago makes room.
func testBoundedContacts(f *fixture) {
	f.register("other", "o", "Snom")
	for i := range 7 {
		username := []string{"deski7", "DeskI7"}[i%2]
		f.byHand("INSERT INTO location (ruid, username, contact, last_modified) VALUES ($1, $2, 'sip:x', $3)",
			fmt.Sprint("r", i), username, fmt.Sprintf("2030-01-01 00:00:%02d", 30-i%3))
	}
	// Those with the oldest times went, of equal ones the first.
	equal(f.t, "left", f.rows("SELECT ruid FROM location ORDER BY ruid"), []string{"o", "r0", "r1", "r3", "r4", "r6"})
	f.registered("deski7|", "other|Snom")
}

// testNumberOf: whose number the wanted SIP username is, in either spelling; and the phone is woken when that changes.
func testNumberOf(f *fixture) {
	f.apply(withDirect("e", "1001", "+49301001"), extension("own", "1002"))
	of := func(username, extension string) (string, string) {
		o := line1("p", extension).but(named(username))
		seen := f.observe(o)
		return seen.Facts.NumberOf, seen.NumberOfAnother(o.desired())
	}
	for _, c := range []struct{ username, rings, of, another string }{
		{"1001", "own", "e", "e"},
		{"+1001", "own", "e", "e"},
		{"49301001", "own", "e", "e"},
		{"+49301001", "own", "e", "e"},
		{"1002", "own", "own", ""},
		{"1003", "own", "", ""},
		{"1001a", "own", "", ""},
		{"1001", "", "e", "e"},
	} {
		number, another := of(c.username, c.rings)
		equal(f.t, c.username, []string{number, another}, []string{c.of, c.another})
	}
	f.apply(line1("p", "own").but(named("1003")))
	f.drain()
	woken := pbx.Key{Kind: pbx.KindPhoneService, Name: "p"}
	f.apply(extension("own", "1004").at(2))
	f.apply(extension("late", "1003"))
	f.wokenBy("a number comes", woken)
	f.apply(extension("late", "1005").at(2))
	f.wokenBy("it goes", woken)
}
