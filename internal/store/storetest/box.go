package storetest

import (
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func withBox(name, number string) object {
	o := extension(name, number)
	o.number.Voicemail = pbx.Voicemail{Enabled: true}
	return o
}

func (o object) numbered(number string) object {
	return o.but(func(o *object) { o.number.Number = number })
}

// leave leaves messages at a number, each of which says whose it is.
func (f *fixture) leave(number, whose string, count int) {
	f.t.Helper()
	for i := range count {
		f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ($1, $2, $3, $4)",
			"/spool/default/"+number+"/INBOX", i, number, fmt.Sprint(whose, i))
	}
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ($1, -1, $2, $3)",
		"/spool/default/"+number+"/unavail", number, whose+" greeting")
	f.byHand("INSERT INTO preferences (extension, name, value) VALUES ($1, 'ring', $2)", number, whose)
}

// box gives what is in the box of a number.
func (f *fixture) box(number string) []string {
	f.t.Helper()
	return append(f.rows("SELECT dir, msgnum, callerid FROM voicemessages WHERE mailboxuser = $1 ORDER BY dir, msgnum", number),
		f.rows("SELECT value FROM preferences WHERE extension = $1 ORDER BY value", number)...)
}

// filled is what leave leaves, at whatever number it is.
func filled(number, whose string, count int) (all []string) {
	for i := range count {
		all = append(all, fmt.Sprintf("/spool/default/%s/INBOX|%d|%s%d", number, i, whose, i))
	}
	return append(all, fmt.Sprintf("/spool/default/%s/unavail|-1|%s greeting", number, whose), whose)
}

func testBox(t *testing.T, b Backend) {
	f := newFixture(t, b)
	t.Run("Renumbered", func(t *testing.T) { testRenumbered(f.in(t)) })
	t.Run("Swapped", func(t *testing.T) { testSwappedBoxes(f.in(t)) })
	t.Run("AtANumberOfNobody", func(t *testing.T) { testBoxOfNobody(f.in(t)) })
	t.Run("ByHand", func(t *testing.T) { testRenumberedByHand(f.in(t)) })
	t.Run("Removed", func(t *testing.T) { testRemovedBox(f.in(t)) })
	t.Run("Kept", func(t *testing.T) { testKeptBox(f.in(t)) })
}

// testRenumbered: messages, greetings and preferences follow the number, call records do not.
func testRenumbered(f *fixture) {
	o := withBox("renumbered", "1000")
	f.apply(o)
	f.leave("1000", "mine", 2)
	f.leave("10001", "longer", 1)
	id := f.insert(call{"src": "1000", "dst": "1000"})
	f.apply(o.numbered("1999"))
	equal(f.t, "the new number", f.box("1999"), filled("1999", "mine", 2))
	equal(f.t, "the old number", f.box("1000"), nil)
	equal(f.t, "a number that begins like it", f.box("10001"), filled("10001", "longer", 1))
	equal(f.t, "call records", f.value("SELECT src, dst FROM cdr WHERE uniqueid = $1", id), "1000|1000")
	equal(f.t, "mailbox", f.value("SELECT mailbox FROM pbx_extensions WHERE name = 'renumbered'"), "1999")
	equal(f.t, "counted", f.observe(o).Facts.Messages, int64(2))
	f.quiet(o.numbered("1999"))
}

// testSwappedBoxes: two and three extensions whose numbers change hands never mix their boxes, in whatever order.
func testSwappedBoxes(f *fixture) {
	for i, order := range orders {
		numbers := []string{fmt.Sprintf("2%d00", i), fmt.Sprintf("2%d01", i), fmt.Sprintf("2%d02", i)}
		generation := int64(0)
		declare := func(holds ...int) (all []object) {
			generation++
			for at, number := range holds {
				all = append(all, withBox(fmt.Sprint("swapped", i, at), numbers[number]).at(generation))
			}
			return []object{all[order[0]], all[order[1]], all[order[2]]}
		}
		f.converge(declare(0, 1, 2)...)
		for at, number := range numbers {
			f.leave(number, fmt.Sprint("of", at), at+1)
		}
		for _, holds := range [][]int{{1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {0, 1, 2}} {
			f.converge(declare(holds...)...)
			for at, number := range holds {
				equal(f.t, fmt.Sprintf("%v, %v: of %d", order, holds, at), f.box(numbers[number]), filled(numbers[number], fmt.Sprint("of", at), at+1))
			}
		}
	}
}

// testBoxOfNobody: messages at a number that nobody has are kept when somebody takes it, before those that come with them.
func testBoxOfNobody(f *fixture) {
	o := withBox("mover", "3000")
	f.apply(o)
	f.leave("3000", "mine", 2)
	f.leave("3001", "old", 2)
	f.apply(o.numbered("3001"))
	equal(f.t, "both", f.box("3001"), []string{
		"/spool/default/3001/INBOX|0|old0", "/spool/default/3001/INBOX|1|old1",
		"/spool/default/3001/INBOX|2|mine0", "/spool/default/3001/INBOX|3|mine1",
		"/spool/default/3001/unavail|-1|mine greeting", "mine", "old",
	})
}

// testRenumberedByHand: the repair of a number that somebody else changed loses nothing of the box, which stayed.
func testRenumberedByHand(f *fixture) {
	o := withBox("drifted", "4000")
	f.apply(o)
	f.leave("4000", "mine", 2)
	for _, hand := range []string{"'4001'", "NULL", "'40'"} {
		f.byHand("UPDATE pbx_extensions SET number = " + hand + " WHERE name = 'drifted'")
		f.apply(o)
		equal(f.t, "repaired from "+hand, f.box("4000"), filled("4000", "mine", 2))
	}
	f.byHand("UPDATE pbx_extensions SET number = '4001' WHERE name = 'drifted'")
	f.leave("4001", "later", 1)
	f.apply(o)
	equal(f.t, "what came meanwhile", f.box("4000"), []string{
		"/spool/default/4000/INBOX|0|mine0", "/spool/default/4000/INBOX|1|mine1", "/spool/default/4000/INBOX|2|later0",
		"/spool/default/4000/unavail|-1|later greeting", "later", "mine",
	})
}

// testRemovedBox: a number that cannot have a box removes it; so does a purge.
func testRemovedBox(f *fixture) {
	removed := func(plan pbx.Plan) (count int64) {
		for _, change := range plan.Changes {
			if box, is := change.(pbx.RemoveBox); is {
				count += box.Messages
			}
		}
		return count
	}
	o := withBox("short", "5000")
	f.apply(o)
	f.leave("5000", "mine", 3)
	f.leave("5001", "others", 1)
	equal(f.t, "messages removed", removed(f.apply(o.numbered("50"))), int64(3))
	equal(f.t, "in the audit", f.rows("SELECT old_value FROM audit WHERE what = 'box removed'"), []string{"3 messages"})
	equal(f.t, "what is left", f.rows("SELECT callerid FROM voicemessages WHERE mailboxuser IN ('5000', '50')"), nil)
	equal(f.t, "others", f.box("5001"), filled("5001", "others", 1))
	equal(f.t, "nothing more", removed(f.apply(o.numbered("500").at(3))), int64(0))
	greeted := withBox("greeted", "5300")
	f.apply(greeted, withBox("taker", "5301"))
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('/spool/default/5300/greet', -1, '5300', 'greeted')")
	f.apply(greeted.numbered("5301"), greeted.numbered("53").at(3)) // it waits in between
	equal(f.t, "a greeting alone", f.rows("SELECT mailboxuser FROM voicemessages WHERE callerid = 'greeted'"), nil)
	off := extension("off", "5100")
	f.apply(off)
	f.leave("5100", "mine", 2)
	equal(f.t, "messages of a box that is off", removed(f.apply(off.numbered("51"))), int64(0))
	equal(f.t, "they follow the number", f.box("51"), filled("51", "mine", 2))
	gone := withBox("gone", "5200")
	f.apply(gone)
	f.leave("5200", "mine", 2)
	f.apply(gone.to(pbx.Deleted))
	equal(f.t, "deleted", f.box("5200"), filled("5200", "mine", 2))
	f.apply(gone.to(pbx.Deleted), gone.to(pbx.Purged).at(3))
	equal(f.t, "purged", f.box("5200"), nil)
	equal(f.t, "others", f.box("5001"), filled("5001", "others", 1))
}

// testKeptBox: a box that is turned off, or whose extension waits for a number, keeps what is in it.
func testKeptBox(f *fixture) {
	o := withBox("kept", "6000")
	f.apply(o)
	f.leave("6000", "mine", 2)
	for i, state := range []pbx.State{pbx.Deactivated, pbx.Deleted, pbx.Active} {
		off := extension("kept", "6000").at(int64(i + 2))
		off.state = state
		f.apply(off)
		equal(f.t, "off, "+string(state), f.box("6000"), filled("6000", "mine", 2))
	}
	f.apply(withBox("holder", "6001"))
	f.leave("6001", "others", 1)
	waits := withBox("kept", "6001").at(9)
	f.apply(waits)
	equal(f.t, "the box of another", f.box("6001"), filled("6001", "others", 1))
	equal(f.t, "counted while it waits", f.observe(waits).Facts.Messages, int64(2))
	equal(f.t, "the number that it left", f.box("6000"), nil)
	f.apply(withBox("holder", "6002").at(2), waits)
	equal(f.t, "followed", f.box("6001"), filled("6001", "mine", 2))
	equal(f.t, "the other", f.box("6002"), filled("6002", "others", 1))
	f.apply(withBox("kept", "6002").at(10), withBox("kept", "6002").at(10).to(pbx.Deleted), withBox("kept", "6002").at(12).to(pbx.Purged))
	equal(f.t, "purged while it waits", f.rows("SELECT * FROM voicemessages WHERE callerid LIKE 'mine%' AND mailboxuser LIKE 'uid-kept'"), nil)
	equal(f.t, "the other after that", f.box("6002"), filled("6002", "others", 1))
}
