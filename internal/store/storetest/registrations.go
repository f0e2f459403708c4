package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

var deskRegistration = pbx.Key{Kind: pbx.KindRegistration, Name: "desk"}

func testRegistrations(t *testing.T, b Backend) {
	t.Run("Transitions", func(t *testing.T) { testRegistrationTransitions(newFixture(t, b)) })
	t.Run("TwoContacts", func(t *testing.T) { testTwoContacts(newFixture(t, b)) })
	t.Run("Asterisk", func(t *testing.T) { testAsteriskContacts(newFixture(t, b)) })
	t.Run("Ended", func(t *testing.T) { testEnded(t, b) })
}

func (f *fixture) register(username, ruid, agent string) {
	f.t.Helper()
	f.byHand("INSERT INTO location (ruid, username, domain, contact, user_agent) VALUES ($1, $2, 'acme.example', 'sip:x', $3)",
		ruid, username, agent)
}

// refresh is what Kamailio does when a phone registers again.
func (f *fixture) refresh(ruid, agent string) {
	f.t.Helper()
	f.byHand("UPDATE location SET expires = '2030-01-01 00:00:00', cseq = cseq + 1, user_agent = $2 WHERE ruid = $1", ruid, agent)
}

func (f *fixture) registered(want ...string) {
	f.t.Helper()
	equal(f.t, "registered", f.rows("SELECT username, user_agent FROM pbx_registrations ORDER BY username"), want)
}

// testRegistrationTransitions: who registers and who is gone is told, a refresh is not.
func testRegistrationTransitions(f *fixture) {
	f.apply(desk)
	f.register("desk-sip", "r1", "Snom")
	f.registered("desk-sip|Snom")
	f.wokenBy("registered", deskRegistration)
	told := f.observe(desk).Facts.Registered
	if since, err := time.Parse(time.RFC3339, told.Since); err != nil || time.Since(since).Abs() > limit || told.UserAgent != "Snom" {
		f.t.Errorf("told: %+v (%v)", told, err)
	}
	since := f.value("SELECT since FROM pbx_registrations")
	f.refresh("r1", "Snom")
	f.byHand(touchSystem)
	f.wokenBy("refreshed", always)
	f.refresh("r1", "Snom 2")
	f.registered("desk-sip|Snom 2")
	f.wokenBy("another program", deskRegistration)
	equal(f.t, "since", f.value("SELECT since FROM pbx_registrations"), since)
	f.byHand("DELETE FROM location")
	f.registered()
	f.wokenBy("gone", deskRegistration)
	equal(f.t, "told", f.observe(desk).Facts.Registered, pbx.Registration{})
	f.register("stranger", "r2", "Snom")
	f.byHand("DELETE FROM location")
	f.byHand(touchSystem)
	f.wokenBy("a phone that is not ours", always)
}

func testTwoContacts(f *fixture) {
	f.apply(desk)
	f.register("desk-sip", "r1", "First")
	f.register("desk-sip", "r2", "Second")
	f.drain()
	for range 2 {
		f.refresh("r1", "First")
		f.refresh("r2", "Second")
	}
	f.registered("desk-sip|First")
	f.byHand("DELETE FROM location WHERE ruid = 'r1'")
	f.byHand(touchSystem)
	f.wokenBy("one of two gone", always)
	f.refresh("r2", "Second")
	f.registered("desk-sip|Second")
	f.wokenBy("the other one shows", deskRegistration)
}

func testAsteriskContacts(f *fixture) {
	f.apply(desk)
	f.byHand("INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ('c', 'desk-sip', 'Yealink')")
	f.registered("desk-sip|Yealink")
	f.wokenBy("registered", deskRegistration)
	f.byHand("UPDATE ps_contacts SET expiration_time = 1")
	f.byHand(touchSystem)
	f.wokenBy("refreshed", always)
	f.byHand("DELETE FROM ps_contacts")
	f.registered()
	f.wokenBy("gone", deskRegistration)
}

// released is an extension whose next holder does not get the passwords of this one.
func released(holder string) object {
	o := held("e", "1001", holder)
	o.number.OnRelease = []string{"Password"}
	return o
}

// testEnded: what takes a phone's right or its credentials ends its registration in the same transaction; what leaves it
// the emergency numbers does not.
func testEnded(t *testing.T, b Backend) {
	set := func(edit func(*object)) func(*fixture) {
		return func(f *fixture) { f.apply(line1("p", "e").but(edit)) }
	}
	for name, c := range map[string]struct {
		do   func(*fixture)
		ends bool
	}{
		"Nothing":         {func(f *fixture) { f.apply(line1("p", "e").at(2)) }, false},
		"Relabelled":      {set(func(o *object) { o.phone.Label = "new" }), false},
		"Deactivated":     {set(func(o *object) { o.state = pbx.Deactivated }), false},
		"UserDeactivated": {func(f *fixture) { f.apply(user("u", "p").to(pbx.Deactivated)) }, false},
		"Deleted":         {set(func(o *object) { o.state = pbx.Deleted }), true},
		"Purged":          {func(f *fixture) { f.apply(line1("p", "e").to(pbx.Deleted), line1("p", "e").at(3).to(pbx.Purged)) }, true},
		"Rotated":         {set(func(o *object) { o.phone.Password = "another" }), true},
		"Renamed":         {set(func(o *object) { o.phone.SIPUsername = "q" }), true},
		"UserDeleted":     {func(f *fixture) { f.apply(user("u", "p").to(pbx.Deleted)) }, true},
		"UserPurged":      {func(f *fixture) { f.apply(user("u", "p").to(pbx.Deleted), user("u").at(3).to(pbx.Purged)) }, true},
		"OtherUserDeleted": {func(f *fixture) {
			f.apply(user("v", "p"), user("v", "p").to(pbx.Deleted))
		}, false},
		"LeftToADeletedOne": {func(f *fixture) {
			f.apply(user("v", "p").to(pbx.Deleted), user("u").at(2))
		}, true},
		"Reset":      {func(f *fixture) { f.apply(user("w"), released("w").at(2)) }, true},
		"RowRemoved": {func(f *fixture) { f.byHand("DELETE FROM pbx_phones WHERE name = 'p'") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, b)
			f.apply(user("u", "p"), released("u"), line1("p", "e"), line1("bystander", "e"), user("b", "bystander"))
			f.register("p", "r1", "Snom")
			f.register("p", "r2", "Snom")
			f.byHand("INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ('c', 'p', 'Snom')")
			f.register("someone", "r3", "Snom")
			c.do(f)
			want := []string{"p|Snom", "someone|Snom"}
			contacts := 4
			if c.ends {
				want, contacts = want[1:], 1
			}
			f.registered(want...)
			equal(t, "contacts", f.value("SELECT (SELECT count(*) FROM location) + (SELECT count(*) FROM ps_contacts)"), fmt.Sprint(contacts))
		})
	}
}
