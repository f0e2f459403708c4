package storetest

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func testFacts(t *testing.T, b Backend) {
	t.Run("Services", func(t *testing.T) { testServiceStates(newFixture(t, b)) })
	t.Run("Setup", func(t *testing.T) { testSetup(newFixture(t, b)) })
	t.Run("Messages", func(t *testing.T) {
		f := newFixture(t, b)
		f.apply(line)
		equal(t, "none", f.observe(line).Facts.Messages, int64(0))
		f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ('a', 0, '1001'), ('a', 1, '1001'), ('b', 0, '1002')")
		equal(t, "two", f.observe(line).Facts.Messages, int64(2))
	})
	t.Run("Offboarded", func(t *testing.T) {
		f := newFixture(t, b)
		leaver := user("leaver", "desk")
		leaver.user.OffboardingServices = "Delete"
		f.apply(leaver)
		equal(t, "with an Active user", f.observe(phone("desk")).Facts.Offboarded, false)
		f.apply(leaver.to(pbx.Deleted))
		equal(t, "before it is there", f.observe(phone("desk")).Facts.Offboarded, true)
		f.apply(phone("desk"))
		equal(t, "when it is there", f.observe(phone("desk")).Facts.Offboarded, true)
		equal(t, "another's", f.observe(phone("other")).Facts.Offboarded, false)
	})
	t.Run("Extensions", func(t *testing.T) { testExtensionsHeld(newFixture(t, b)) })
	t.Run("Refers", func(t *testing.T) { testRefers(newFixture(t, b)) })
	t.Run("OfNothing", func(t *testing.T) {
		f := newFixture(t, b)
		for _, o := range fullObjects {
			equal(t, string(o.kind), f.observe(o).Facts, pbx.Facts{})
		}
	})
	t.Run("AreNotCompared", func(t *testing.T) {
		f := newFixture(t, b)
		f.apply(ada, line, desk)
		transition, _ := f.plan(ada.to(pbx.Deactivated))
		f.apply(desk.to(pbx.Deactivated), line.to(pbx.Deleted))
		if err := f.store.Apply(t.Context(), transition); err != nil {
			t.Errorf("another object's change refuses the plan: %v", err)
		}
	})
}

// testServiceStates follows a phone through the eyes of a user who has it.
func testServiceStates(f *fixture) {
	u := user("u", "p", "q")
	f.apply(u)
	told := func(what string, want pbx.State) {
		f.t.Helper()
		equal(f.t, what, f.observe(u).Facts.Services, map[string]pbx.State{"p": want, "q": ""})
	}
	told("not there yet", "")
	p := phone("p")
	for i, state := range append(states, pbx.Active, pbx.Deleted) {
		p.state, p.generation = state, int64(i+1)
		f.apply(p)
		told(string(state), state)
	}
	f.apply(p.to(pbx.Purged))
	told("purged", pbx.Purged)
	f.apply(user("late", "p"))
	equal(f.t, "given to somebody after it is gone", f.observe(user("late")).Facts.Services, map[string]pbx.State{"p": ""})
	f.apply(p.of("new").to(pbx.Deactivated))
	told("there again", pbx.Deactivated)
	f.byHand("DELETE FROM pbx_phones WHERE name = 'p'")
	told("removed by hand", "")
	f.apply(u.to(pbx.Deleted))
	told("of a deleted user", "")
}

// testSetup: what an extension and its holder still need.
func testSetup(f *fixture) {
	u, e := user("u"), extension("e", "1001")
	hash := func(value string) map[pbx.Field]string { return map[pbx.Field]string{pbx.FieldPasswordHash: value} }
	pin := func(value string) map[pbx.Field]string { return map[pbx.Field]string{pbx.FieldPIN: value} }
	generation := int64(0)
	step := func(what, extensionSetup, userSetup string, change func()) {
		f.t.Helper()
		change()
		generation++
		u.generation, e.generation = generation, generation
		f.apply(u, e)
		equal(f.t, what+", extension", f.observe(e).Facts.Setup, extensionSetup)
		if u.state != pbx.Purged {
			equal(f.t, what+", user", f.observe(u).Facts.Setup, userSetup)
		}
	}
	const complete, password, required = "Complete", "PasswordRequired", "SetupRequired"
	step("no holder", required, password, func() {})
	step("a common number", complete, password, func() { e.number.DisplayName = "Lobby" })
	step("a holder without a password", password, password, func() { e.number.Holder, e.number.DisplayName = "u", "" })
	step("a holder with a password", complete, complete, func() { u.given = hash("x") })
	step("a box without a PIN", password, password, func() { e.number.Voicemail.Enabled = true })
	step("a box with a PIN", complete, complete, func() { e.given = pin("1234") })
	step("a PIN without a box", complete, complete, func() { e.number.Number = "100" })
	step("a deactivated holder", complete, complete, func() { u.state = pbx.Deactivated })
	step("a deleted holder", required, complete, func() { u.state = pbx.Deleted })
	step("a restored holder", complete, complete, func() { u.state = pbx.Active })
	step("a purged holder", required, "", func() { u.state, u.given = pbx.Purged, nil })
}

// testRefers: the state of the record that an extension's holder, or a phone's extension, names.
func testRefers(f *fixture) {
	for _, pair := range [][2]object{{desk, line}, {line.of("new"), ada}} {
		from, to := pair[0], pair[1]
		f.apply(from)
		equal(f.t, from.name+", nothing", f.observe(from).Facts.Refers, pbx.State(""))
		for i, state := range append(states, pbx.Active) {
			to.state = state
			f.apply(to.at(int64(i + 1)))
			equal(f.t, from.name, f.observe(from).Facts.Refers, state)
		}
		to.state = pbx.Purged
		f.apply(to.at(9))
		equal(f.t, from.name+", purged", f.observe(from).Facts.Refers, pbx.State(""))
	}
}

func testExtensionsHeld(f *fixture) {
	u, e, other := user("u"), extension("e", "1001"), extension("other", "1002")
	e.number.Holder, other.number.Holder = "u", "v"
	f.apply(u, e, other)
	held := []pbx.Item{{Key: "e", Value: "1001"}}
	equal(f.t, "held", f.observe(u).Facts.Extensions, held)
	f.apply(e.to(pbx.Deactivated))
	equal(f.t, "deactivated", f.observe(u).Facts.Extensions, held)
	f.apply(e.to(pbx.Deleted))
	equal(f.t, "deleted", f.observe(u).Facts.Extensions, nil)
}
