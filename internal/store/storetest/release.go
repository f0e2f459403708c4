package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// office is an extension of ada's that rings her primary phone, another of hers, one that eve has as well, and one that
// nobody has.
type office struct {
	ada, bob, eve, line, primary, second, shared, door object
}

func newOffice(i int, clear ...string) office {
	name := func(what string) string { return fmt.Sprint(what, i) }
	number := fmt.Sprint(1000 + i)
	rings := func(what string) object {
		o := ringing(name(what), name("line"))
		o.phone.Password = "one"
		return o
	}
	o := office{
		ada: user(name("ada"), name("primary"), name("second"), name("shared")), bob: user(name("bob")), eve: user(name("eve"), name("shared")),
		line: holding(name("line"), number, name("ada")), primary: rings("primary"), second: rings("second"), shared: rings("shared"), door: rings("door"),
	}
	o.ada.user.Email = name("ada") + "@acme.example"
	o.line.number.Voicemail = pbx.Voicemail{Enabled: true, Email: o.ada.user.Email}
	o.line.number.OnRelease = clear
	o.line.given = map[pbx.Field]string{pbx.FieldPIN: "1234", pbx.FieldPINApplied: "hash", pbx.FieldPINSecret: "version"}
	return o
}

// open sets the office up, with data in the extension's box and beside it.
func (o office) open(f *fixture) {
	f.t.Helper()
	f.apply(o.ada, o.bob, o.eve, o.line, o.primary, o.second, o.shared, o.door)
	number := o.line.number.Number
	f.fillBox(number)
	f.byHand("INSERT INTO preferences (extension, name, value) VALUES ($1, 'ring', 'loud'), ('other', $1, 'x')", number)
	f.insert(call{"channel": o.primary.phone.SIPUsername, "src": number, "dst": number})
	f.drain()
	f.byHand("DELETE FROM pbx_changes")
}

// fillBox records two greetings and leaves two messages, as Asterisk does.
func (f *fixture) fillBox(number string) {
	f.t.Helper()
	for folder, msgnum := range map[string]int{"INBOX": 0, "Old": 0, "unavail": -1, "greet": -1} {
		f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, mailboxcontext, callerid) VALUES ($1, $2, $3, 'default', 'x')",
			"/spool/default/"+number+"/"+folder, msgnum, number)
	}
}

// left is what there is of the extension and its phones.
func (o office) left(f *fixture) map[string]string {
	f.t.Helper()
	number := o.line.number.Number
	all := map[string]string{
		"box":         f.value("SELECT voicemail_email, pin, mailbox FROM pbx_extensions WHERE name = $1", o.line.name),
		"greetings":   f.value("SELECT count(*) FROM voicemessages WHERE mailboxuser = $1 AND msgnum < 0", number),
		"messages":    f.value("SELECT count(*) FROM voicemessages WHERE mailboxuser = $1 AND msgnum >= 0", number),
		"preferences": f.value("SELECT count(*) FROM preferences WHERE extension = $1", number),
		"others'":     f.value("SELECT count(*) FROM preferences WHERE name = $1", number),
		"calls":       f.value("SELECT src_user_id, dst_user_id FROM cdr WHERE src = $1", number),
	}
	for what, p := range map[string]object{"primary": o.primary, "second": o.second, "shared": o.shared, "door": o.door} {
		all[what] = f.value(`SELECT CASE WHEN p.ha1 = '' THEN 'no password' ELSE 'password' END, r.effective
			FROM pbx_phones p JOIN pbx_phone_rights r ON r.id = p.id WHERE p.name = $1`, p.name)
	}
	return all
}

func (o office) untouched() map[string]string {
	number := o.line.number.Number
	id := o.ada.uid
	return map[string]string{
		"box": o.line.number.Voicemail.Email + "|1234|" + number, "greetings": "2", "messages": "2", "preferences": "1", "others'": "1",
		"calls":   id + "|" + id,
		"primary": "password|Normal", "second": "password|Normal", "shared": "password|Normal", "door": "password|Normal",
	}
}

// takes says what a reset takes away: changes of what is untouched.
var takes = map[string]func(o office, left map[string]string){
	"Email": func(_ office, left map[string]string) {
		_, rest, _ := strings.Cut(left["box"], "|")
		left["box"] = "|" + rest
	},
	"VoicemailPIN": func(_ office, left map[string]string) { left["box"] = strings.Replace(left["box"], "|1234|", "||", 1) },
	"Password": func(_ office, left map[string]string) {
		for _, p := range []string{"primary", "second", "shared", "door"} {
			left[p] = "no password|Blocked"
		}
	},
	"Devices": func(_ office, left map[string]string) {
		for _, p := range []string{"second", "door"} {
			left[p] = strings.Replace(left[p], "Normal", "Blocked", 1)
		}
	},
	"Preferences": func(_ office, left map[string]string) { left["greetings"], left["preferences"] = "0", "0" },
}

func (o office) taken(clear []string) map[string]string {
	left := o.untouched()
	for _, item := range clear {
		takes[item](o, left)
	}
	return left
}

func (o office) heldBy(holder string, generation int64) object {
	line := o.line
	line.number.Holder, line.generation, line.given = holder, generation, nil
	return line
}

func testReset(t *testing.T, b Backend) {
	t.Run("Items", func(t *testing.T) { testReleaseItems(newFixture(t, b)) })
	t.Run("OfAUser", func(t *testing.T) { testReleaseOfAUser(newFixture(t, b)) })
	t.Run("NoReset", func(t *testing.T) { testNoReset(newFixture(t, b)) })
	t.Run("PurgeOfWhoNeverWas", func(t *testing.T) { testPurgeOfWhoNeverWas(newFixture(t, b)) })
	t.Run("Box", func(t *testing.T) { testReleasedBox(newFixture(t, b)) })
	t.Run("Password", func(t *testing.T) { testReleasedPassword(newFixture(t, b)) })
	t.Run("Number", func(t *testing.T) { testReleasedWithANumber(newFixture(t, b)) })
	t.Run("AuditOfPhones", func(t *testing.T) { testResetPhonesInAudit(newFixture(t, b)) })
	t.Run("Devices", func(t *testing.T) { testReleasedDevices(newFixture(t, b)) })
}

var allItems = []string{"Email", "Password", "VoicemailPIN", "Devices", "Preferences"}

// testReleaseItems resets by an emptied and by a changed userRef, item by item, all together, and with none.
func testReleaseItems(f *fixture) {
	cases := [][]string{nil, allItems}
	for _, item := range allItems {
		cases = append(cases, []string{item})
	}
	i := 0
	for _, clear := range cases {
		for _, to := range []string{"", "bob"} {
			i++
			o := newOffice(i, clear...)
			o.open(f)
			if to != "" {
				to = o.bob.name
			}
			what := fmt.Sprintf("%v, to %q", clear, to)
			plan := f.apply(o.heldBy(to, 2))
			equal(f.t, what, o.left(f), o.taken(clear))
			equal(f.t, what+": the reset", slices.ContainsFunc(plan.Changes, func(c pbx.Change) bool { return c.What() == "reset" }), true)
			equal(f.t, what+": in the audit", f.value("SELECT new_value FROM audit WHERE name = $1 AND what = 'reset'", o.line.name),
				strings.Join(clear, ", "))
			equal(f.t, what+": in the change feed", f.rows("SELECT DISTINCT kind, name FROM pbx_changes ORDER BY name"), []string{
				"PhoneService|" + o.door.name, "PhoneService|" + o.primary.name, "PhoneService|" + o.second.name, "PhoneService|" + o.shared.name,
			})
			f.quiet(o.heldBy(to, 2))
		}
	}
}

// testReleaseOfAUser: a deletion is no reset, a purge is, and it blocks her primary phone as well.
func testReleaseOfAUser(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	for i, state := range []pbx.State{pbx.Deactivated, pbx.Deleted, pbx.Active, pbx.Deleted} {
		u := o.ada
		u.state = state
		f.apply(u.at(int64(i + 2)))
		f.apply(o.heldBy(o.ada.name, 2))
		if state == pbx.Active {
			equal(f.t, "restored", o.left(f), o.untouched())
		}
	}
	want := o.untouched()
	want["primary"], want["second"] = "password|Blocked", "password|Blocked"
	equal(f.t, "deleted", o.left(f), want)
	f.apply(o.ada.to(pbx.Purged).at(9))
	want = o.taken(allItems)
	want["calls"] = "NULL|NULL"
	equal(f.t, "purged", o.left(f), want)
	f.quiet(o.heldBy("", 2))
	p := newOffice(2, "Preferences")
	p.open(f)
	f.apply(p.ada.to(pbx.Deleted), p.ada.to(pbx.Purged).at(3))
	want = p.taken([]string{"Preferences", "Email"}) // the address is hers
	want["calls"], want["primary"], want["second"] = "NULL|NULL", "password|Blocked", "password|Blocked"
	equal(f.t, "purged, only preferences cleared", p.left(f), want)
}

// testNoReset: what somebody else wrote into the store is repaired, and was never a holder.
func testNoReset(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	for _, hand := range []string{o.bob.name, "", "nobody"} {
		f.byHand("UPDATE pbx_extensions SET holder = $1 WHERE name = $2", hand, o.line.name)
		plan := f.apply(o.heldBy(o.ada.name, 1))
		equal(f.t, "drift", plan.Drift(), []string{"holder"})
		equal(f.t, "repaired from "+hand, o.left(f), o.untouched())
	}
	f.apply(o.heldBy(o.ada.name, 2).to(pbx.Deactivated), o.heldBy(o.ada.name, 4).to(pbx.Deleted), o.heldBy(o.ada.name, 6))
	equal(f.t, "the extension deleted and restored", o.left(f), o.untouched())
	for i, hand := range []string{o.bob.name, ""} {
		f.byHand("UPDATE pbx_extensions SET holder = $1 WHERE name = $2", hand, o.line.name)
		equal(f.t, "a hand-made holder is declared", o.left(f)["primary"], "password|Normal")
		f.apply(o.heldBy(hand, 10+int64(i)))
		equal(f.t, fmt.Sprintf("%q is declared after it was made by hand", hand), o.left(f), o.taken(allItems))
		f.quiet(o.heldBy(hand, 10+int64(i)))
		o = newOffice(2+i, allItems...)
		o.open(f)
	}
}

// testPurgeOfWhoNeverWas: who was written into the store by hand takes nothing from the holder with them.
func testPurgeOfWhoNeverWas(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	before := o.left(f)
	f.byHand("UPDATE pbx_extensions SET holder = $1 WHERE name = $2", o.bob.name, o.line.name)
	f.apply(o.bob.to(pbx.Deleted), o.bob.to(pbx.Purged).at(3))
	equal(f.t, "holder", f.value("SELECT holder FROM pbx_extensions WHERE name = $1", o.line.name), "")
	f.apply(o.heldBy(o.ada.name, 2))
	equal(f.t, "after the purge of who was written over the holder", o.left(f), before)
}

// testReleasedBox: the address and the PIN that were taken away count as unset until they are others.
func testReleasedBox(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	box := func() string {
		return f.value("SELECT voicemail_email, pin FROM pbx_extensions WHERE name = $1", o.line.name)
	}
	step := func(what string, generation int64, holder, email, pin, want string) {
		f.t.Helper()
		line := o.heldBy(holder, generation)
		line.number.Voicemail.Email = email
		if pin != "" {
			line.given = map[pbx.Field]string{pbx.FieldPIN: pin}
		}
		f.apply(line)
		equal(f.t, what, box(), want)
		f.quiet(line)
	}
	old := o.line.number.Voicemail.Email
	step("reset", 2, "", old, "", "|")
	step("a new holder, the same address", 3, o.bob.name, old, "", "|")
	step("another address", 4, o.bob.name, "bob@acme.example", "", "bob@acme.example|")
	step("the old address again", 5, o.bob.name, old, "4321", old+"|4321")
	step("reset with another address and PIN at once", 6, o.ada.name, "new@acme.example", "5555", "new@acme.example|5555")
	step("reset without an address", 7, o.bob.name, "", "", "|")
	step("the address of before the reset", 8, o.bob.name, "new@acme.example", "", "|")
	step("no address", 9, o.bob.name, "", "", "|")
	step("still the address of before the reset", 10, o.bob.name, "new@acme.example", "", "|")
	equal(f.t, "setup", f.observe(o.line).Facts.Setup, "PasswordRequired")
}

// testReleasedPassword: a phone has no credentials after a reset, and may not register, until it has another password.
func testReleasedPassword(f *fixture) {
	o := newOffice(1, "Password")
	o.open(f)
	f.apply(o.heldBy(o.bob.name, 2), user(o.bob.name, o.second.name).at(2))
	for _, password := range []string{"one", "two"} {
		record := f.observe(o.second).Record
		equal(f.t, "released "+password, record.PasswordReleased(password), password == "one")
	}
	equal(f.t, "digests", f.value("SELECT ha1, ha1b FROM pbx_phones WHERE name = $1", o.second.name), "|")
	f.effective(o.second.name, "Blocked")
	same := o.second.but(func(p *object) { p.phone.Password = "" })
	f.apply(same)
	f.quiet(same)
	f.effective(o.second.name, "Blocked")
	f.apply(o.second.but(func(p *object) { p.phone.Password, p.generation = "two", 3 }))
	f.effective(o.second.name, "Normal")
	// Another reset takes the new one.
	f.apply(o.heldBy("", 3))
	equal(f.t, "released two", f.observe(o.second).Record.PasswordReleased("two"), true)
	// A phone without a password has none that could be taken, and follows its users when it gets one.
	bare := ringing("bare", o.line.name)
	f.apply(bare, o.heldBy(o.ada.name, 4), o.heldBy("", 5))
	f.effective("bare", "Normal")
}

// testReleasedDevices: phones are blocked until somebody else has them, or the leaver has the extension back.
func testReleasedDevices(f *fixture) {
	o := newOffice(1, "Devices")
	o.open(f)
	rights := func(what string, second, shared, door string) { // the leaver's primary phone stays as it is
		f.t.Helper()
		equal(f.t, what, []string{o.left(f)["primary"], o.left(f)["second"], o.left(f)["shared"], o.left(f)["door"]},
			[]string{"password|Normal", "password|" + second, "password|" + shared, "password|" + door})
	}
	const normal, blocked = "Normal", "Blocked"
	f.apply(o.heldBy("", 2))
	rights("emptied", blocked, normal, blocked)
	f.apply(o.ada.at(2), o.second.at(2))
	rights("reconciled", blocked, normal, blocked)
	f.apply(o.heldBy(o.ada.name, 3))
	rights("given back", normal, normal, normal)
	f.apply(o.heldBy(o.bob.name, 4))
	rights("handed over", blocked, normal, blocked)
	f.apply(o.eve.but(func(e *object) { e.user.Services, e.user.PrimaryService = nil, "" }))
	rights("eve gives the shared phone back", blocked, blocked, blocked)
	f.apply(user(o.bob.name, o.door.name).at(2))
	rights("the new holder has one", blocked, blocked, normal)
	f.apply(o.heldBy(o.eve.name, 5))
	rights("handed over again", blocked, blocked, normal)
	f.apply(user(o.bob.name, o.door.name, o.second.name).at(3))
	rights("somebody has the second", normal, blocked, normal)
	f.apply(o.heldBy(o.ada.name, 6))
	rights("the first has it back", normal, normal, normal)
}

// testReleasedWithANumber: the number may change in the same step, or be waited for: what is taken is the old box's.
func testReleasedWithANumber(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	other := extension("other", "1002")
	f.apply(other)
	f.fillBox("1002")
	preferences := "SELECT extension, name FROM preferences WHERE name = 'ring' ORDER BY 1"
	greetings := "SELECT mailboxuser, dir FROM voicemessages WHERE msgnum < 0 ORDER BY 2"
	f.byHand("INSERT INTO preferences (extension, name) VALUES ('1002', 'ring')")
	others := []string{"1002|/spool/default/1002/greet", "1002|/spool/default/1002/unavail"}
	waits := o.heldBy(o.ada.name, 2)
	waits.number.Number = "1002"
	f.apply(waits)
	waits.number.Holder = o.bob.name
	f.apply(waits.at(3))
	equal(f.t, "preferences, while it waits", f.rows(preferences), []string{"1002|ring"})
	equal(f.t, "greetings, while it waits", f.rows(greetings), others)
	f.apply(other.numbered("1003"), waits.at(3))
	equal(f.t, "messages", f.value("SELECT count(*) FROM voicemessages WHERE mailboxuser = '1002' AND msgnum >= 0"), "2")
	p := newOffice(4, allItems...)
	p.open(f)
	moved := p.heldBy(p.bob.name, 2)
	moved.number.Number = "1005"
	f.apply(moved)
	equal(f.t, "preferences, at once", f.rows(preferences), []string{"1003|ring"})
	equal(f.t, "greetings, at once", f.value("SELECT count(*) FROM voicemessages WHERE msgnum < 0 AND mailboxuser <> '1003'"), "0")
	equal(f.t, "messages, at once", f.value("SELECT count(*) FROM voicemessages WHERE mailboxuser = '1005'"), "2")
}

// testResetPhonesInAudit: what a reset, and a purge, take with a phone is in the audit of the phone.
func testResetPhonesInAudit(f *fixture) {
	o := newOffice(1, "Password", "Devices")
	o.open(f)
	taken := func() []string {
		return f.rows("SELECT name, uid, generation, new_value, requester FROM audit WHERE kind = 'PhoneService' AND what = 'reset' ORDER BY id")
	}
	transition, _ := f.plan(o.line.but(func(l *object) { l.number.Holder = o.bob.name }))
	transition.Author.Requester = "kim@acme.example"
	f.mustApply(transition)
	var want []string
	for _, what := range []struct{ phone, item string }{
		{"door1", "Password"},
		{"primary1", "Password"},
		{"second1", "Password"},
		{"shared1", "Password"},
		{"door1", "Devices"},
		{"second1", "Devices"},
		{"shared1", "Devices"},
	} {
		want = append(want, strings.Join([]string{what.phone, "uid-" + what.phone, "1", what.item, "kim@acme.example"}, "|"))
	}
	equal(f.t, "reset", taken(), want)
	transition, _ = f.plan(o.ada.to(pbx.Purged))
	transition.Author.Requester = "lee@acme.example"
	f.mustApply(transition)
	equal(f.t, "purge", taken()[len(want):], []string{"primary1|uid-primary1|1|Devices|lee@acme.example"})
}
