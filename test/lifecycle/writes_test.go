package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// aCall has an engine write the records of one call, now or late.
func (w *world) aCall() bool {
	w.written++
	unique, at, then := fmt.Sprint("call", w.written), time.Now().UTC().Truncate(time.Second), w.model.holding()
	history := w.model.calls.history
	if back := rapid.IntRange(0, len(history)).Draw(w.T, "late by moments"); back == len(history) {
		then, at = moment{}, history[0].at.Add(-time.Hour) // before everything
	} else if back > 0 {
		then = history[len(history)-1-back]
		at = then.at
	}
	channels := []string{""}
	for _, account := range append([]string{"a1", "a2"}, phoneNames...) {
		channels = append(channels, "PJSIP/"+account+"-0000000a", account)
	}
	ends := append([]string{"030123", "49301", "49302"}, numbers...)
	for i := range rapid.IntRange(1, 3).Draw(w.T, "records") {
		c := call{
			at: at, unique: unique, mark: fmt.Sprint(unique, ".", i), callerID: w.text(),
			src: w.one("src", ends...), dst: w.one("dst", ends...), channel: w.one("channel", channels...),
			dstChannel: w.one("dstchannel", channels...), account: w.one("accountcode", "", "a1", "p1"),
			app: w.one("lastapp", "Dial", "VoiceMail"), disposition: w.one("disposition", "ANSWERED", "NO ANSWER"),
			duration: w.written,
		}
		if c.disposition == "ANSWERED" {
			c.duration, c.billsec = 100*w.written, w.written
		}
		c.tag(then)
		w.model.calls.rows = append(w.model.calls.rows, c)
		w.exec(`INSERT INTO cdr (calldate, clid, src, dst, channel, dstchannel, accountcode, lastapp, disposition, uniqueid,
			userfield, duration, billsec) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			at.Format(time.DateTime), c.callerID, c.src, c.dst, c.channel, c.dstChannel, c.account, c.app, c.disposition,
			c.unique, c.mark, c.duration, c.billsec)
	}
	return true
}

// text names somebody, or nobody.
func (w *world) text() string {
	var texts []string
	for _, name := range userNames {
		if u := w.model.users[name]; u != nil {
			texts = append(texts, fmt.Sprintf("%q <1>", u.first+" "+u.last))
		}
	}
	return w.one("text", append(texts, "somebody")...)
}

// someData has another product of the suite write a row about somebody.
func (w *world) someData() bool {
	var people, boxes []string
	for _, name := range userNames {
		if w.model.users[name] != nil {
			people = append(people, name)
		}
	}
	for _, l := range w.model.lines {
		if l.number != "" {
			boxes = append(boxes, l.number)
		}
	}
	slices.Sort(boxes)
	w.written++
	if len(boxes) > 0 && w.one("of", "a person", "a box") == "a box" {
		w.boxData(rapid.SampledFrom(boxes).Draw(w.T, "box"))
		return true
	}
	if len(people) == 0 {
		return false
	}
	user, other := w.model.users[w.one("user", people...)], w.model.users[w.one("other", people...)]
	table := w.one("table", preferences, contacts, meetings, messages, mentions, billing)
	columns := map[string]string{
		preferences: "user_id, name", contacts: "user_id, name", meetings: "user_id, title",
		messages: "user_id, body, peer_id", mentions: "user_id, comment, author_id", billing: "user_id, description",
	}
	r, args, places := row{user: user.id, text: w.text()}, []any{w.realID(user.id)}, "$1, $2"
	args = append(args, r.text)
	if strings.Count(columns[table], ",") == 2 {
		r.other, places = other.id, places+", $3"
		args = append(args, w.realID(other.id))
	}
	w.exec(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, columns[table], places), args...)
	w.model.data[table] = append(w.model.data[table], r)
	return true
}

// boxData leaves a message, or sets a preference of an extension.
func (w *world) boxData(box string) {
	r := row{box: box, mark: fmt.Sprint("m", w.written), text: w.text()}
	insert := "INSERT INTO voicemessages (dir, msgnum, mailboxuser, msg_id, callerid) VALUES ($1, $2, $3, $4, $5)"
	switch table := w.one("what", "message", "greeting", preferences); table {
	case preferences:
		w.exec("INSERT INTO preferences (extension, name) VALUES ($1, $2)", box, r.text)
		w.model.data[preferences] = append(w.model.data[preferences], r)
		return
	case "message":
		w.exec(insert, "/spool/"+box+"/INBOX", w.written, box, r.mark, r.text)
	default:
		r.greeting = true
		w.exec(insert, fmt.Sprintf("/spool/%s/greeting%d", box, w.written), -1, box, r.mark, r.text)
	}
	w.model.data[voicemail] = append(w.model.data[voicemail], r)
}

func (w *world) realID(id int) string {
	for actual, known := range w.ids {
		if known == idText(id) {
			return actual
		}
	}
	w.Fatalf("the id of record %d is not known", id)
	return ""
}

// edits are what somebody does to a record by hand, and the operator undoes.
var edits = map[string][]string{
	kindUser: {
		"UPDATE pbx_users SET first_name = 'hand' WHERE name = $1",
		"UPDATE pbx_users SET email = 'hand@acme.example' WHERE name = $1",
		"UPDATE pbx_users SET business_unit = 'hand', department = 'hand' WHERE name = $1",
		"UPDATE pbx_users SET role = 'hand' WHERE name = $1",
		"UPDATE pbx_users SET login = 'hand' WHERE name = $1",
		"UPDATE pbx_users SET login = NULL WHERE name = $1",
		"UPDATE pbx_users SET state = 'Active' WHERE name = $1",
		"UPDATE pbx_users SET state = 'Deactivated' WHERE name = $1",
		"UPDATE pbx_users SET state = 'Deleted' WHERE name = $1",
		"DELETE FROM pbx_user_groups WHERE user_id = (SELECT id FROM pbx_users WHERE name = $1)",
		"INSERT INTO pbx_user_groups (user_id, group_name) SELECT id, 'hand' FROM pbx_users WHERE name = $1",
		"DELETE FROM pbx_user_agent_ids WHERE user_id = (SELECT id FROM pbx_users WHERE name = $1)",
		"INSERT INTO pbx_user_agent_ids (user_id, agent_id) SELECT id, '9999' FROM pbx_users WHERE name = $1",
		"INSERT INTO integrations (user_id, name) SELECT id, 'hand' FROM pbx_users WHERE name = $1",
		"INSERT INTO pbx_user_services (user_id, service_name, slot) SELECT id, 'hand', 8 FROM pbx_users WHERE name = $1",
		"DELETE FROM pbx_user_services WHERE user_id = (SELECT id FROM pbx_users WHERE name = $1)" +
			" AND service_name <> (SELECT primary_service FROM pbx_users WHERE name = $1)",
		lostUser,
	},
	kindLine: {
		"UPDATE pbx_extensions SET number = '9999' WHERE name = $1",
		"UPDATE pbx_extensions SET number = NULL WHERE name = $1",
		"UPDATE pbx_extensions SET holder = '' WHERE name = $1",
		"UPDATE pbx_extensions SET holder = 'u1' WHERE name = $1",
		"UPDATE pbx_extensions SET display_name = 'hand', voicemail_email = 'hand@acme.example' WHERE name = $1",
		"UPDATE pbx_extensions SET state = 'Deleted' WHERE name = $1",
		"UPDATE pbx_extensions SET state = 'Active' WHERE name = $1",
		"DELETE FROM pbx_direct_numbers WHERE extension_id = (SELECT id FROM pbx_extensions WHERE name = $1)",
		"INSERT INTO pbx_direct_numbers (extension_id, number, position) SELECT id, '+499999', 9 FROM pbx_extensions WHERE name = $1",
		"DELETE FROM pbx_extensions WHERE name = $1",
	},
	kindPhone: {
		"UPDATE pbx_phones SET extension = 'hand', label = 'hand' WHERE name = $1",
		"UPDATE pbx_phones SET sip_username = 'hand' WHERE name = $1",
		"UPDATE pbx_phones SET sip_username = NULL, mac = NULL WHERE name = $1",
		"UPDATE pbx_phones SET state = 'Deleted' WHERE name = $1",
		"UPDATE pbx_phones SET state = 'Active' WHERE name = $1",
		"UPDATE pbx_phones SET ha1 = 'hand' WHERE name = $1",
		"DELETE FROM pbx_phones WHERE name = $1",
	},
}

func (w *world) anEdit() bool {
	o := w.pick(w.editable)
	if o == nil {
		return false
	}
	statement := rapid.SampledFrom(edits[o.kind]).Draw(w.T, "edit")
	if strings.HasPrefix(statement, "DELETE FROM pbx_"+map[string]string{
		kindUser: "users", kindLine: "extensions", kindPhone: "phones",
	}[o.kind]+" ") && !w.model.whole(o) {
		return false
	}
	w.exec(statement, o.name)
	if o.kind == kindUser && (strings.Contains(statement, "state") || strings.Contains(statement, "services") || statement == lostUser) {
		w.model.had(w.model.users[o.name].services) // for a moment they lost the phones, or had them again
	}
	return true
}

const lostUser = "DELETE FROM pbx_users WHERE name = $1"

// editable: the record is the object's own, is brought in line, and nobody waits for what an edit sets free.
func (w *world) editable(o *object) bool {
	m := w.model
	if o.state == purged || o.suspend || m.held(o) || m.conflict(o) || m.contestedBy(o.key) {
		return false
	}
	switch o.kind {
	case kindUser:
		r := m.users[o.name]
		return r.owner == o.serial && slices.Equal(sorted(r.services), sorted(o.person.services)) // not frozen
	case kindLine:
		// A holder who has no object does not become one again.
		known := o.line.user == "" || m.objects[key{kindUser, o.line.user}] != nil
		return m.lines[o.name].owner == o.serial && known
	default:
		return m.phones[o.name].owner == o.serial
	}
}

// whole: all that the record says is in the spec, so that it is the same again if its row is lost. What was taken away,
// and that a service is gone for good, only the row says.
func (m *model) whole(o *object) bool {
	switch o.kind {
	case kindUser:
		return len(m.users[o.name].gone) == 0
	case kindLine:
		r := m.lines[o.name]
		return r.takenEmail == "" && r.number != ""
	default:
		r := m.phones[o.name]
		deletedOnly := len(m.usersOf(o.name)) > 0 && !m.inUse(o.name)
		return len(r.takenFrom) == 0 && r.taken == "" && (r.hadUsers || !deletedOnly)
	}
}
