package storetest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// al is a person with names that are hard to find: a short one that is part of other words, quotes, umlauts, signs that
// patterns know, and right-to-left letters.
var al = object{
	kind: pbx.KindUser, name: "obrien-al", uid: "uid-al", generation: 1, state: pbx.Active,
	user: pbx.User{
		FirstName: "Al", LastName: `O'Brien-Müller "100%_X"`, Email: "al.obrien@acme.example", Department: "Secret Dept", Location: "Nowhere",
		BusinessUnit: "Engines", Role: "spy", Login: "al.ob", Groups: []string{"spies"}, AgentIDs: []string{"agent-of-al"},
		Services: []string{"desk"}, PrimaryService: "desk", Integrations: []pbx.Item{{Key: "zoom", Value: "al-zoom"}},
	},
	given: map[pbx.Field]string{pbx.FieldPasswordHash: "al-hash", pbx.FieldPasswordSecret: "al-version"},
}

// valuesOfAl are all personal values that al was ever given, except for the first name, which is searched as a word.
var valuesOfAl = []string{
	"obrien-al", `O'Brien-Müller`, "o'brien-müller", "O'BRIEN-MÜLLER", `100%_X`, "al.obrien@acme.example", "AL.OBRIEN", "al.ob", "AL.OB",
	"עדה", "Ölçer", "ÖLÇER", "ölçer", "Handmade", "İnci", "al.old@acme.example", "al-zoom", "al-hash", "al-version", "agent-of-al", "spies",
	"Secret Dept", "Nowhere", "Müller",
}

func testErased(t *testing.T, b Backend) {
	t.Run("Words", func(t *testing.T) { testErasedWords(newFixture(t, b)) })
	if b.Postgres { // SQLite has one writer at a time
		t.Run("WhileItMoves", func(t *testing.T) { testErasedWhileItMoves(newFixture(t, b)) })
		t.Run("WhileTheyCall", func(t *testing.T) { testErasedWhileTheyCall(newFixture(t, b)) })
	} else {
		t.Run("WhileItWaits", func(t *testing.T) { testErasedWhileItWaits(newFixture(t, b)) })
	}
	t.Run("ByThemselves", func(t *testing.T) { testErasedByThemselves(newFixture(t, b)) })
	t.Run("AfterAHandOver", func(t *testing.T) { testErasedAfterAHandOver(newFixture(t, b)) })
	t.Run("WhateverIsCleared", func(t *testing.T) { testErasedWhateverIsCleared(newFixture(t, b)) })
	t.Run("AfterALoss", func(t *testing.T) { testErasedAfterALoss(newFixture(t, b)) })
	t.Run("AfterALife", func(t *testing.T) { testErasedAfterALife(newFixture(t, b)) })
}

// testErasedAfterALife searches every text of the store for every personal value that there ever was.
func testErasedAfterALife(f *fixture) {
	livesOn := f.lifeOfAl()
	kept := map[string][]string{}
	for _, query := range livesOn {
		kept[query] = f.rows(query)
	}
	f.drain()
	before := f.search(append(valuesOfAl, "Al")...)
	if len(before) < 60 {
		f.t.Errorf("there is little to find: %q", before)
	}
	f.apply(newObject(pbx.KindUser, "obrien-al").of("uid-last").bornPurged())
	if found := f.search(valuesOfAl...); len(found) > 0 {
		f.t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
	word := regexp.MustCompile(`(?i)(^|[^\pL\pN])al($|[^\pL\pN])`)
	for _, found := range f.search("Al", "al", "AL") {
		if _, cell, _ := strings.Cut(found, ": "); word.MatchString(strings.ReplaceAll(cell, "uid-al", "")) {
			f.t.Errorf("the first name is left: %s", found)
		}
	}
	for query, want := range kept {
		equal(f.t, query, f.rows(query), want)
	}
	equal(f.t, "what is left of a call", f.rows("SELECT src, dst, clid, channel, lastdata, userfield, accountcode FROM cdr WHERE uniqueid = 'full'"),
		[]string{`1001|1002|" " <1001>|PJSIP/desk-0000001a|PJSIP/1002,30,Tt()|caller=,id=7|`})
	equal(f.t, "emergency calls", f.rows("SELECT username, contact FROM pbx_emergency_calls WHERE shown = '+49301001' ORDER BY began"),
		[]string{"desk|", "desk|", "|sip:@192.0.2.7:5060"})
	equal(f.t, "dialogs", f.rows("SELECT d.callid, v.dialog_value FROM dialog d JOIN dialog_vars v ON v.hash_entry = d.hash_entry"), []string{"b|alice"})
	equal(f.t, "what belongs to no dialog", f.value("SELECT count(*) FROM dialog_vars"), "1")
	receipt := f.value("SELECT removed, anonymised FROM pbx_purge_receipts ORDER BY seq DESC LIMIT 1")
	for _, counted := range []string{`"dialog":1`, `"dialog_vars":2`, `"pbx_emergency_calls":3`} {
		if !strings.Contains(receipt, counted) {
			f.t.Errorf("the receipt does not count %s: %s", counted, receipt)
		}
	}
	equal(f.t, "a call's empty columns", f.rows("SELECT DISTINCT userfield, dcontext FROM cdr WHERE uniqueid = 'lower'"), []string{"NULL|NULL"})
}

// testErasedAfterALoss: what somebody was called when they were created is found also if the record does not say it any more.
func testErasedAfterALoss(f *fixture) {
	box := holding("line", "1001", "obrien-al")
	box.number.Voicemail = pbx.Voicemail{Enabled: true, Email: "box-of-al@acme.example"}
	f.apply(al, box)
	f.byHand("UPDATE pbx_users SET first_name = 'X', last_name = 'Y', email = '', login = '' WHERE name = 'obrien-al'")
	f.byHand("UPDATE integrations SET account_id = 'another'")
	f.byHand("UPDATE pbx_extensions SET voicemail_email = '' WHERE name = 'line'")
	f.apply(phone("desk"), phone("never"))
	f.insert(call{"clid": `"O'Brien-Müller" <1001>`, "userfield": "al.obrien@acme.example box-of-al@acme.example al-zoom", "lastdata": "al.ob,1"})
	f.drain()
	last := newObject(pbx.KindUser, "obrien-al").of("uid-last").bornPurged()
	last.user.Services = []string{"never"}
	f.apply(last)
	if found := f.search(append(valuesOfAl, "box-of-al@acme.example")...); len(found) > 0 {
		f.t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
	rights := "SELECT name, effective FROM pbx_phone_rights ORDER BY name"
	equal(f.t, "phones", f.rows(rights), []string{"desk|Blocked", "never|Normal"})

	lost := user("lost", "other")
	f.apply(phone("other"), lost)
	f.byHand("DELETE FROM pbx_users WHERE name = 'lost'")
	f.drain()
	f.apply(lost.to(pbx.Purged))
	equal(f.t, "the phone of a lost row", f.rows(rights+" DESC LIMIT 1"), []string{"other|Blocked"})
}

// lifeOfAl has al renamed, edited by hand, deleted and restored, and leaves every kind of data; it gives queries whose
// rows have to stay as they are, because they are numbers or other people's.
func (f *fixture) lifeOfAl() []string {
	f.t.Helper()
	line := holding("line", "1001", "obrien-al", "+49301001")
	line.number.Voicemail = pbx.Voicemail{Enabled: true, Email: "AL.obrien@acme.example"}
	line.number.OnRelease = []string{"Password"}
	f.apply(al, line, ringing("desk", "line"), user("alice"), holding("b", "1002", "alice"))
	f.byHand("UPDATE pbx_users SET last_name = 'Handmade', email = 'al.old@acme.example' WHERE name = 'obrien-al'")
	renamed := al.but(func(o *object) {
		o.user.FirstName, o.user.LastName, o.user.Email = "İnci", "Ölçer", "al.ob@acme.example"
	})
	f.apply(al, renamed, al.at(3).but(func(o *object) { o.user.LastName = "עדה" }))
	for i, state := range []pbx.State{pbx.Deactivated, pbx.Deleted, pbx.Active, pbx.Deleted} {
		o := al
		o.state = state
		f.apply(o.at(int64(i + 5)))
	}
	f.apply(al.at(9))
	f.leaveTraces()
	byAl := store.Author{Requester: "al.obrien@acme.example", FieldManager: "al.ob"}
	for _, o := range []object{extension("new", "1009"), extension("new", "1009").to(pbx.Deactivated), extension("new", "1008").at(3)} {
		transition, _ := f.plan(o)
		transition.Author = byAl
		transition.Notes = []pbx.Item{{Key: "note", Value: "for Al"}}
		f.mustApply(transition)
	}
	f.apply(al.to(pbx.Deleted).at(10))
	return []string{
		"SELECT src, dst, duration, uniqueid FROM cdr ORDER BY uniqueid",
		"SELECT clid, userfield, lastdata FROM cdr WHERE uniqueid = 'alice'",
		"SELECT callerid FROM voicemessages WHERE mailboxuser = '1002' AND callerid LIKE '%Alice%'",
		"SELECT mailboxuser, msgnum FROM voicemessages ORDER BY 1, 2",
		"SELECT number, amount FROM billing ORDER BY id",
		"SELECT body FROM messages WHERE body LIKE 'Alice%'",
		"SELECT * FROM contacts WHERE user_id = 'uid-alice'",
		"SELECT * FROM pbx_users WHERE name = 'alice'",
		"SELECT count(*) FROM messages",
		"SELECT dialled, shown, began FROM pbx_emergency_calls ORDER BY began",
		"SELECT * FROM pbx_emergency_calls WHERE username = 'alice'",
		"SELECT * FROM dialog WHERE callid = 'b'",
		"SELECT hash_entry, dialog_value FROM dialog_vars WHERE dialog_value = 'alice'",
	}
}

func (f *fixture) leaveTraces() {
	f.t.Helper()
	whole := `Al O'Brien-Müller "100%_X"`
	for _, c := range []call{
		{
			"uniqueid": "full", "src": "1001", "dst": "1002", "clid": `"` + whole + `" <1001>`, "channel": "PJSIP/desk-0000001a",
			"lastdata": "PJSIP/1002,30,Tt(AL.OB)", "userfield": "caller=al.obrien@acme.example,id=7", "accountcode": "obrien-al", "duration": 5,
		},
		{"uniqueid": "lower", "src": "1002", "dst": "1001", "clid": "al o'brien-müller \"100%_x\" <1001>"},
		{"uniqueid": "upper", "src": "1002", "dst": "+4955", "lastdata": "Müller, Al", "clid": "AL O'BRIEN-MÜLLER \"100%_X\"", "dcontext": "Handmade", "dstchannel": "SIP/al.ob-0000001a"},
		{"uniqueid": "hebrew", "src": "+4955", "dst": "+4966", "clid": "עדה <+4955>", "channel": "PJSIP/obrien-al", "lastdata": "עדה,ÖLÇER,ölçer,İnci"},
		{"uniqueid": "turkish", "src": "+4955", "clid": "İnci <+4955>"},
		{"uniqueid": "names", "src": "1002", "clid": "Al", "lastdata": "al-x Al,(al) x.al", "userfield": "Handmade al.old@acme.example"},
		{"uniqueid": "alice", "src": "1002", "clid": `"Alice Signal" <1002>`, "userfield": "Alal, Ölç, Hand, al1", "lastdata": "100% O'Brienne"},
	} {
		f.insert(c)
	}
	for i, caller := range []string{`"` + whole + `" <1001>`, "Alice <1002>", "AL.OB@acme.example", "עדה"} {
		f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('/spool/default/1002/INBOX', $1, '1002', $2)", i, caller)
	}
	for _, row := range []struct{ statement, text string }{
		{"INSERT INTO messages (user_id, peer_id, body) VALUES ('uid-al', 'uid-alice', $1)", "It's me, Al"},
		{"INSERT INTO messages (user_id, peer_id, body) VALUES ('uid-alice', 'uid-al', $1)", "Dear Ölçer,"},
		{"INSERT INTO messages (user_id, body) VALUES ('uid-alice', $1)", "Alice to all"},
		{"INSERT INTO mentions (user_id, author_id, comment) VALUES ('uid-al', 'uid-alice', $1)", "@al.ob look"},
		{"INSERT INTO meetings (user_id, title) VALUES ('uid-al', $1)", "Nowhere"},
		{"INSERT INTO contacts (user_id, name) VALUES ('uid-al', $1)", "Secret Dept"},
		{"INSERT INTO contacts (user_id, name) VALUES ('uid-alice', $1)", "Alfred"},
		{"INSERT INTO preferences (user_id, name, value) VALUES ('uid-al', 'signature', $1)", whole},
		{"INSERT INTO preferences (extension, name, value) VALUES ('1001', 'label', $1)", whole},
		{"INSERT INTO billing (user_id, number, description, amount) VALUES ('uid-al', '+4955', $1, 1)", whole + ", calls"},
		{"UPDATE pbx_users SET location = location WHERE name = $1", "obrien-al"},
		{"INSERT INTO pbx_emergency_calls (callid, username, dialled, shown, began) VALUES ($1, 'desk', '112', '+49301001', 1)", "AL.OB"},
		{"INSERT INTO pbx_emergency_calls (callid, username, dialled, shown, began) VALUES ($1, 'desk', '0112', '+49301001', 2)", "al.ob"},
		{"INSERT INTO pbx_emergency_calls (callid, username, shown, contact, began) VALUES ('1', 'obrien-al', '+49301001', $1, 3)", "sip:AL.OB@192.0.2.7:5060"},
		{"INSERT INTO pbx_emergency_calls (callid, username, shown, received, began) VALUES ('2', 'alice', '+49301002', $1, 4)", "sip:alice@192.0.2.8"},
		{"INSERT INTO dialog (hash_entry, hash_id, callid, from_uri, state, start_time) VALUES (1, 7, 'a', $1, 4, 0)", "sip:obrien-al@acme.example"},
		{"INSERT INTO dialog_vars (hash_entry, hash_id, dialog_key, dialog_value) VALUES (1, 7, 'phone', $1)", "desk"},
		{"INSERT INTO dialog (hash_entry, hash_id, callid, to_uri, state, start_time) VALUES (2, 7, 'b', $1, 4, 0)", "sip:alice@acme.example"},
		{"INSERT INTO dialog_vars (hash_entry, hash_id, dialog_key, dialog_value) VALUES (2, 7, 'phone', $1)", "alice"},
		{"INSERT INTO dialog_vars (hash_entry, hash_id, dialog_key, dialog_value) VALUES (2, 7, 'caller', $1)", "Al O'Brien-Müller"},
	} {
		f.byHand(row.statement, row.text)
	}
}

// purgeAlWhile purges al, whose purge waits for a row that somebody changes and does not let go of until meanwhile is done.
func (f *fixture) purgeAlWhile(change string, meanwhile func()) {
	f.t.Helper()
	tx, err := f.sql.BeginTx(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if _, err := tx.ExecContext(f.t.Context(), change); err != nil {
		f.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := reconcile(f.t.Context(), f.store, al.to(pbx.Purged))
		done <- err
	}()
	await(f.t, "the purge waits for the row", func() bool {
		return f.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") != "0"
	})
	meanwhile()
	if err := tx.Commit(); err != nil {
		f.t.Fatal(err)
	}
	if err := <-done; err != nil {
		f.t.Error(err)
	}
}

// testErasedWhileItMoves: a message that somebody hears, and so moves, while the caller is purged, loses the name as well.
func testErasedWhileItMoves(f *fixture) {
	f.apply(al)
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('INBOX', 0, '1002', 'Al <1001>')")
	f.purgeAlWhile("UPDATE voicemessages SET dir = 'Old'", func() {})
	equal(f.t, "the message", f.value("SELECT dir, callerid FROM voicemessages"), "Old| <1001>")
}

// testErasedWhileTheyCall: a call record that comes while its caller is purged is like those that were there.
func testErasedWhileTheyCall(f *fixture) {
	f.apply(al, holding("line", "1001", "obrien-al"), ringing("desk", "line"))
	f.byHand("INSERT INTO billing (user_id, number) VALUES ('uid-al', '+4955')")
	var id string
	f.purgeAlWhile("UPDATE billing SET amount = 1", func() {
		id = f.insert(call{"src": "1001", "dst": "1002", "clid": "Al <1001>", "channel": "PJSIP/desk-0000001a"})
		equal(f.t, "tagged meanwhile", f.value("SELECT src_user_id FROM cdr WHERE uniqueid = $1", id), "uid-al")
	})
	of := func(id string) string {
		return f.value("SELECT clid, src_user_id, src_service FROM cdr WHERE uniqueid = $1", id)
	}
	equal(f.t, "the call", of(id), " <1001>|NULL|desk")
	late := f.insert(call{"src": "1001", "dst": "1002", "clid": "<1001>", "channel": "PJSIP/desk-0000001b"})
	equal(f.t, "a call that comes later", of(late), "<1001>|NULL|desk")
}

// testErasedWhileItWaits: what others write between the look ahead and the purge, which waits for its turn, goes as well.
func testErasedWhileItWaits(f *fixture) {
	f.apply(al)
	f.byHand("INSERT INTO preferences (extension, name, value) VALUES ('1002', 'greeting', 'hello')")
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('INBOX', 0, '1002', 'somebody')")
	f.insert(call{"uniqueid": "last", "clid": "somebody"})
	counter := f.db.Count(f.t, f.store)
	conn, err := f.sql.Conn(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	write := func(statement string) {
		if _, err := conn.ExecContext(f.t.Context(), statement); err != nil {
			f.t.Fatalf("%s: %v", statement, err)
		}
	}
	write("BEGIN IMMEDIATE")
	done := make(chan error, 1)
	go func() {
		_, err := reconcile(f.t.Context(), f.store, al.to(pbx.Purged))
		done <- err
	}()
	await(f.t, "the store has observed, and looked ahead", func() bool { return counter.Looks() == 2 })
	write("UPDATE preferences SET value = 'I am Al'")
	write("DELETE FROM voicemessages")
	write("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('INBOX', 0, '1002', 'Al')")
	write("DELETE FROM cdr WHERE uniqueid = 'last'")
	write("INSERT INTO cdr (uniqueid, clid) VALUES ('new', 'Al')")
	write("COMMIT")
	if err := <-done; err != nil {
		f.t.Error(err)
	}
	equal(f.t, "left", f.rows(`SELECT value FROM preferences UNION ALL SELECT callerid FROM voicemessages
		UNION ALL SELECT clid FROM cdr WHERE uniqueid = 'new'`), []string{"I am ", "", ""})
}

// testErasedByThemselves: who asks for their own purge, and asked for more before, is not named by it.
func testErasedByThemselves(f *fixture) {
	for i, requester := range []string{"al.obrien@acme.example", "oidc:obrien-al", "https://issuer.example/#AL.OB"} {
		o := al.of(fmt.Sprint("uid-", i))
		transition, _ := f.plan(o)
		transition.Author.Requester = requester
		f.mustApply(transition)
		transition, _ = f.plan(o.to(pbx.Purged))
		transition.Author.Requester = requester
		f.mustApply(transition)
	}
	f.drain()
	if found := f.search(valuesOfAl...); len(found) > 0 {
		f.t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
	equal(f.t, "requesters", f.rows("SELECT DISTINCT requester FROM audit"), []string{""})
}

// testErasedAfterAHandOver: the address of a box is the holder's, also if the box was somebody else's before and after.
func testErasedAfterAHandOver(f *fixture) {
	box := func(generation int64, holder, email string) object {
		o := holding("line", "1001", holder).at(generation)
		o.number.Voicemail = pbx.Voicemail{Enabled: true, Email: email}
		o.number.OnRelease = []string{"Email"}
		return o
	}
	f.apply(al, user("alice"), box(1, "alice", "first@alice.example"), box(2, "obrien-al", "one@private.example"),
		box(3, "obrien-al", "two@private.example"), box(4, "alice", "two@private.example"), box(5, "alice", "second@alice.example"))
	second := holding("other", "1002", "obrien-al")
	second.number.Voicemail = pbx.Voicemail{Enabled: true, Email: "three@private.example"}
	f.apply(second, second.but(func(o *object) { o.number.Voicemail.Email = "four@private.example" }),
		second.at(3).but(func(o *object) { o.number.Holder, o.number.Voicemail.Email = "alice", "third@alice.example" }))
	f.insert(call{"userfield": "one@private.example, three@private.example"})
	f.drain()
	f.apply(al.to(pbx.Purged))
	if found := f.search("private.example"); len(found) > 0 {
		f.t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
	for _, kept := range []string{"first@alice.example", "second@alice.example", "third@alice.example"} {
		if len(f.search(kept)) == 0 {
			f.t.Errorf("%s is gone", kept)
		}
	}
}

// testErasedWhateverIsCleared: that a reset clears nothing does not keep what is personal from a purge.
func testErasedWhateverIsCleared(f *fixture) {
	o := holding("line", "1001", "obrien-al")
	o.number.Voicemail = pbx.Voicemail{Enabled: true, Email: "al@private.example"}
	f.apply(al, o)
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ('/spool/default/1001/greet', -1, '1001'), ('INBOX', 0, '1001')")
	f.byHand("INSERT INTO preferences (extension, name, value) VALUES ('1001', 'label', 'x')")
	f.apply(al.to(pbx.Purged))
	if found := f.search("al@private.example"); len(found) > 0 {
		f.t.Errorf("left after the purge:\n%s", strings.Join(found, "\n"))
	}
	equal(f.t, "messages and preferences", f.rows("SELECT msgnum FROM voicemessages UNION ALL SELECT 99 FROM preferences"), []string{"0"})
}

// testErasedWords: a name is found in whatever case, as a whole word, and nothing else is.
func testErasedWords(f *fixture) {
	for name, tt := range map[string]struct{ before, after string }{
		"İnci": {"İnci <1>", " <1>"},
		"Kåre": {"KÅRE, kåre, Kårey", ", , Kårey"},
		"Зоя":  {"зоя ЗОЯ ЗОЯК", "  ЗОЯК"},
		"a%_!": {"A%_! a%_!a abc!", " a%_!a abc!"},
		"a.b":  {"a.b axb A.B", " axb "},
		// In an URI a space is %20; in capitals ß is two letters.
		"Franklin": {"sip:Rosalind%20Franklin@x %Franklin Franklin%20X", "sip:Rosalind%20@x % %20X"},
		"Müller":   {"sip:M%C3%BCller@x M%c3%bcller %C3%BCMüller", "sip:@x  %C3%BCMüller"},
		"Strauß":   {"STRAUSS strauß Strauẞ Straußx", "   Straußx"},
		"Bo":       {"bo Bob ebo Bo, (BO) bo-x bo1", " Bob ebo , () -x bo1"},
		"李":        {"李 李明", " 李明"},
		"1234":     {"1234", "1234"},
		// The same letters, spelled as one character and as two, and another name without the mark.
		"Jos\u00e9":  {"Jose\u0301, jos\u00e9, Jose", ", , Jose"},
		"Jose\u0301": {"Jose\u0301, JOS\u00c9, Jose", ", , Jose"},
		"Jose":       {"Jose\u0301, jos\u00e9, Jose", "Jose\u0301, jos\u00e9, "},
	} {
		u := user("nobody")
		u.uid = name
		u.user.Login, u.user.FirstName = "", name
		f.apply(u)
		id := f.insert(call{"clid": tt.before})
		f.apply(u.to(pbx.Purged))
		equal(f.t, name, f.value("SELECT clid FROM cdr WHERE uniqueid = $1", id), tt.after)
	}
}
