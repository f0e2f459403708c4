package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// call is a call record as an engine inserts it: columns and values.
type call map[string]any

var calls atomic.Int64

// insert inserts a call record, and gives the uniqueid, a new one if it has none.
func (f *fixture) insert(c call) string {
	f.t.Helper()
	c = maps.Clone(c)
	if _, given := c["uniqueid"]; !given {
		c["uniqueid"] = fmt.Sprint("call-", calls.Add(1))
	}
	columns := slices.Sorted(maps.Keys(c))
	places, args := make([]string, len(columns)), make([]any, len(columns))
	for i, column := range columns {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), c[column]
	}
	f.byHand("INSERT INTO cdr ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(places, ", ")+")", args...)
	return fmt.Sprint(c["uniqueid"])
}

// tags inserts a call record, and gives what the store tags it with: who called, who was called, with which phone.
func (f *fixture) tags(c call) string {
	f.t.Helper()
	return f.value("SELECT src_user_id, dst_user_id, src_service FROM cdr WHERE uniqueid = $1", f.insert(c))
}

// ago is a time as engines write it.
func ago(d time.Duration) string { return time.Now().UTC().Add(-d).Format(time.DateTime) }

// hourLater lets an hour pass: the history of holders is older by one.
func (f *fixture) hourLater() {
	f.t.Helper()
	earlier := func(column string) string {
		if f.postgres() {
			return column + " = " + column + " - interval '1 hour'"
		}
		return column + " = datetime(" + column + ", '-1 hour')"
	}
	f.byHand("UPDATE pbx_holders SET " + earlier("since") + ", " + earlier("until"))
}

// historyAgrees sees that the history ends with who holds what now, and tells of one holder at a time.
func (f *fixture) historyAgrees(when string) {
	f.t.Helper()
	const held = "SELECT kind, address, user_id, service FROM "
	equal(f.t, when+": who holds now", f.rows(held+"pbx_holders WHERE until IS NULL ORDER BY 1, 2, 3, 4"),
		f.rows(held+"pbx_holding ORDER BY 1, 2, 3, 4"))
	equal(f.t, when+": two at a time", f.rows(`SELECT a.kind, a.address, a.user_id, b.user_id FROM pbx_holders a JOIN pbx_holders b
		ON a.kind = b.kind AND a.address = b.address AND a.id < b.id
		WHERE (b.until IS NULL OR a.since < b.until) AND (a.until IS NULL OR b.since < a.until)`), nil)
}

func holding(name, number, holder string, direct ...string) object {
	o := extension(name, number)
	o.number.Holder, o.number.DirectNumbers = holder, direct
	return o
}

func ringing(name, extension string) object {
	o := phone(name)
	o.phone.Extension = extension
	return o
}

// company has ada with two phones at 1001, bob at 1002 with a phone that is eve's service, and a lobby without holder,
// with a phone that bob and eve share, one that is eve's alone, and one that nobody has.
var company = []object{
	user("ada", "desk", "mobile"), user("bob", "shared", "remote"), user("eve", "shared", "solo", "bobs"),
	holding("a", "1001", "ada", "+49301001"), holding("b", "1002", "bob"), extension("lobby", "1000"),
	ringing("desk", "a"), ringing("mobile", "a"), ringing("bobs", "b"),
	ringing("shared", "lobby"), ringing("solo", "lobby"), ringing("free", "lobby"), phone("remote"), ringing("desk-0000beef", "b"), ringing("FrontDesk", "b"),
}

func testCalls(t *testing.T, b Backend) {
	t.Run("Tagged", func(t *testing.T) { testTagged(newFixture(t, b)) })
	t.Run("States", func(t *testing.T) { testTaggedByState(newFixture(t, b)) })
	t.Run("Late", func(t *testing.T) { testLateCalls(newFixture(t, b)) })
	t.Run("ByHand", func(t *testing.T) { testHoldersByHand(newFixture(t, b)) })
	t.Run("Times", func(t *testing.T) { testCallTimes(newFixture(t, b)) })
	t.Run("Indexes", func(t *testing.T) { testTaggingUsesIndexes(newFixture(t, b), b) })
	if b.Postgres { // SQLite has one writer at a time
		t.Run("Contended", func(t *testing.T) { testHoldersContended(newFixture(t, b)) })
	}
}

func testTagged(f *fixture) {
	f.apply(company...)
	const answered, missed = "ANSWERED", "NO ANSWER"
	for what, tt := range map[string]struct {
		call call
		want string
	}{
		"a number tells nobody":         {call{"src": "1001"}, "NULL|NULL|NULL"},
		"a direct number tells nobody":  {call{"src": "+49301001"}, "NULL|NULL|NULL"},
		"a number of nobody":            {call{"src": "1000"}, "NULL|NULL|NULL"},
		"somebody else's number":        {call{"src": "+49555", "dst": "110"}, "NULL|NULL|NULL"},
		"nothing":                       {call{}, "NULL|NULL|NULL"},
		"empty texts":                   {call{"src": "", "dst": "", "channel": "", "dstchannel": "", "accountcode": ""}, "NULL|NULL|NULL"},
		"a channel":                     {call{"channel": "PJSIP/desk-0000001a"}, "uid-ada|NULL|desk"},
		"a channel without a suffix":    {call{"channel": "SIP/desk"}, "uid-ada|NULL|desk"},
		"a bare name":                   {call{"channel": "desk"}, "uid-ada|NULL|desk"},
		"a name with a realm":           {call{"channel": "desk@acme.example"}, "uid-ada|NULL|desk"},
		"a channel with a realm":        {call{"channel": "PJSIP/desk@acme.example-0000001a"}, "uid-ada|NULL|desk"},
		"a name that has a suffix":      {call{"channel": "PJSIP/desk-0000beef"}, "uid-bob|NULL|desk-0000beef"},
		"a name with suffix and suffix": {call{"channel": "PJSIP/desk-0000beef-0000001a"}, "uid-bob|NULL|desk-0000beef"},
		"another phone's beginning":     {call{"channel": "PJSIP/des-0000001a"}, "NULL|NULL|NULL"},
		"a second phone":                {call{"channel": "PJSIP/mobile-0000001a", "src": "1002"}, "uid-ada|NULL|mobile"},
		"an account code":               {call{"accountcode": "desk", "src": "1002"}, "uid-ada|NULL|desk"},
		"a trunk with an account code":  {call{"channel": "PJSIP/trunk-0000001a", "accountcode": "desk"}, "uid-ada|NULL|desk"},
		"a channel before account code": {call{"channel": "PJSIP/solo-0000001a", "accountcode": "desk"}, "uid-eve|NULL|solo"},
		"a trunk":                       {call{"channel": "PJSIP/trunk-0000001a", "src": "1001"}, "NULL|NULL|NULL"},
		"a name in capitals":            {call{"channel": "DESK"}, "uid-ada|NULL|desk"},
		"a channel in capitals":         {call{"channel": "PJSIP/Desk-0000001A"}, "uid-ada|NULL|desk"},
		"an account code in capitals":   {call{"accountcode": "Desk@ACME.example"}, "uid-ada|NULL|desk"},
		"a phone with capitals":         {call{"channel": "pjsip/frontdesk-0000001a"}, "uid-bob|NULL|FrontDesk"},
		"answered by capitals":          {call{"dst": "1001", "dstchannel": "PJSIP/BOBS-0000001b", "disposition": answered}, "NULL|uid-bob|NULL"},
		"the holder, not the user":      {call{"channel": "PJSIP/bobs-0000001a"}, "uid-bob|NULL|bobs"},
		"no holder, one user":           {call{"channel": "PJSIP/solo-0000001a", "src": "1000"}, "uid-eve|NULL|solo"},
		"no holder, two users":          {call{"channel": "PJSIP/shared-0000001a", "src": "1000"}, "NULL|NULL|shared"},
		"two users, one's number":       {call{"channel": "PJSIP/shared-0000001a", "src": "1002"}, "NULL|NULL|shared"},
		"no holder, no user":            {call{"channel": "PJSIP/free-0000001a", "src": "1000"}, "NULL|NULL|free"},
		"no extension":                  {call{"channel": "PJSIP/remote-0000001a", "src": "1001"}, "uid-bob|NULL|remote"},
		"dialled":                       {call{"dst": "1001", "disposition": missed}, "NULL|uid-ada|NULL"},
		"dialled directly":              {call{"dst": "+49301001"}, "NULL|uid-ada|NULL"},
		"dialled directly, no plus":     {call{"dst": "49301001"}, "NULL|uid-ada|NULL"},
		"dialled, nobody":               {call{"dst": "1000"}, "NULL|NULL|NULL"},
		"answered by the dialled":       {call{"dst": "1001", "dstchannel": "PJSIP/mobile-0000001b", "disposition": answered}, "NULL|uid-ada|NULL"},
		"answered by another":           {call{"dst": "1001", "dstchannel": "PJSIP/bobs-0000001b", "disposition": answered}, "NULL|uid-bob|NULL"},
		"answered, in lower case":       {call{"dst": "1001", "dstchannel": "bobs", "disposition": "answered"}, "NULL|uid-bob|NULL"},
		"rang at another":               {call{"dst": "1001", "dstchannel": "PJSIP/bobs-0000001b", "disposition": missed}, "NULL|uid-ada|NULL"},
		"answered elsewhere":            {call{"dst": "1001", "dstchannel": "PJSIP/trunk-0000001b", "disposition": answered}, "NULL|uid-ada|NULL"},
		"answered by the phone of one":  {call{"dst": "1000", "dstchannel": "PJSIP/solo-0000001b", "disposition": answered}, "NULL|NULL|NULL"},
		"both": {
			call{"src": "1001", "dst": "1002", "channel": "SIP/desk-0000001a", "dstchannel": "SIP/bobs-0000001b", "disposition": answered},
			"uid-ada|uid-bob|desk",
		},
		"forged": {
			call{"src": "1001", "dst": "110", "src_user_id": "uid-bob", "dst_user_id": "uid-bob", "src_service": "desk"}, "NULL|NULL|NULL",
		},
	} {
		equal(f.t, what, f.tags(tt.call), tt.want)
	}
	f.historyAgrees("a company")
}

// testTaggedByState changes the state of a user, an extension and a phone one after the other.
func testTaggedByState(f *fixture) {
	f.apply(company...)
	const (
		all, none           = "uid-ada|uid-bob|desk", "NULL|uid-bob|desk"
		ofNumber, fromPhone = "NULL|uid-ada|NULL", "uid-ada|NULL|desk"
	)
	generation := int64(1)
	for _, tt := range []struct {
		object    object
		state     pbx.State
		phone     string // ada calls bob with her phone
		number    string // a call to 1001 by a trunk
		sharedFor string // a call with a phone of bob and eve
	}{
		{company[0], pbx.Deactivated, all, ofNumber, "NULL|NULL|shared"},
		{company[0], pbx.Deleted, none, "NULL|NULL|NULL", "NULL|NULL|shared"},
		{company[0], pbx.Deactivated, all, ofNumber, "NULL|NULL|shared"},
		{company[0], pbx.Deleted, none, "NULL|NULL|NULL", "NULL|NULL|shared"},
		{company[0], pbx.Active, all, ofNumber, "NULL|NULL|shared"},
		{company[3], pbx.Deactivated, all, ofNumber, "NULL|NULL|shared"},
		{company[3], pbx.Deleted, all, "NULL|NULL|NULL", "NULL|NULL|shared"},
		{company[3], pbx.Active, all, ofNumber, "NULL|NULL|shared"},
		{company[6], pbx.Deactivated, all, ofNumber, "NULL|NULL|shared"},
		{company[6], pbx.Deleted, "NULL|uid-bob|NULL", ofNumber, "NULL|NULL|shared"},
		{company[6], pbx.Active, all, ofNumber, "NULL|NULL|shared"},
		{company[1], pbx.Deleted, fromPhone, ofNumber, "uid-eve|NULL|shared"},
		{company[2], pbx.Deleted, fromPhone, ofNumber, "NULL|NULL|shared"},
		{company[1], pbx.Active, all, ofNumber, "uid-bob|NULL|shared"},
		{company[1], pbx.Purged, fromPhone, ofNumber, "NULL|NULL|shared"},
	} {
		generation++
		tt.object.state = tt.state
		f.apply(tt.object.at(generation))
		what := fmt.Sprintf("%s %s", tt.object.key(), tt.state)
		equal(f.t, what+": with the phone", f.tags(call{"channel": "PJSIP/desk-0000001a", "src": "1001", "dst": "1002"}),
			tt.phone)
		equal(f.t, what+": to the number", f.tags(call{"src": "1001", "dst": "1001"}), tt.number)
		equal(f.t, what+": with the shared phone", f.tags(call{"channel": "shared"}), tt.sharedFor)
		f.historyAgrees(what)
	}
}

// testLateCalls: a record belongs to whoever held the number at its time, whenever it comes, and stays theirs.
func testLateCalls(f *fixture) {
	line, desk := holding("line", "1001", "ada", "+49301001"), ringing("desk", "line")
	f.apply(user("ada"), user("bob"), desk, line)
	f.hourLater()
	f.apply(line.but(func(o *object) { o.number.Holder = "" }))
	f.hourLater()
	f.apply(line.but(func(o *object) { o.number.Holder, o.generation = "bob", 3 }))
	f.hourLater()
	f.apply(user("bob").to(pbx.Deleted))
	want := map[string]string{
		ago(200 * time.Minute): "NULL|NULL", ago(150 * time.Minute): "uid-ada|uid-ada",
		ago(90 * time.Minute): "NULL|NULL", ago(30 * time.Minute): "uid-bob|uid-bob", ago(0): "NULL|NULL",
	}
	all := func() map[string]string {
		tagged := map[string]string{}
		for at := range want {
			tagged[at] = f.value("SELECT DISTINCT src_user_id, dst_user_id FROM cdr WHERE calldate = $1", at)
		}
		return tagged
	}
	for at := range want {
		f.insert(call{"calldate": at, "src": "1001", "channel": "desk", "dst": "+49301001"})
		f.insert(call{"calldate": at, "channel": "PJSIP/desk-0000001a", "dst": "49301001"})
		f.insert(call{
			"calldate": at, "accountcode": "desk", "dst": "x", "dstchannel": "PJSIP/desk-0000001a", "disposition": "ANSWERED",
		})
	}
	equal(f.t, "late", all(), want)
	f.apply(user("bob").at(3), line.but(func(o *object) { o.number.Holder, o.number.Number, o.generation = "eve", "2002", 4 }),
		desk.to(pbx.Deleted), user("eve"))
	equal(f.t, "after further changes", all(), want)
	f.historyAgrees("the end")
	since := f.value("SELECT " + f.at("since") + " FROM pbx_holders WHERE user_id = 'uid-ada' AND address = '1001'")
	until := f.value("SELECT " + f.at("until") + " FROM pbx_holders WHERE user_id = 'uid-ada' AND address = '1001'")
	equal(f.t, "in the first second", f.tags(call{"calldate": since, "dst": "1001"}), "NULL|uid-ada|NULL")
	equal(f.t, "in the second of the change", f.tags(call{"calldate": until, "dst": "1001"}), "NULL|NULL|NULL")
}

// at gives a column of times as the same text in both databases.
func (f *fixture) at(column string) string {
	if f.postgres() {
		return "to_char(" + column + ", 'YYYY-MM-DD HH24:MI:SS')"
	}
	return column
}

// testHoldersByHand: whoever writes to the store, in whatever order, is seen.
func testHoldersByHand(f *fixture) {
	f.apply(company...)
	withDesk := call{"channel": "desk", "dstchannel": "desk", "disposition": "ANSWERED"}
	holder := func(number string) string {
		return f.value("SELECT dst_user_id FROM cdr WHERE uniqueid = $1", f.insert(call{"dst": number}))
	}
	for _, tt := range []struct{ statement, numbers, phone string }{
		{"UPDATE pbx_extensions SET holder = 'bob' WHERE name = 'a'", "uid-bob|uid-bob", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_extensions SET name = 'other' WHERE name = 'a'", "uid-bob|uid-bob", "uid-ada|NULL|desk"},
		{"UPDATE pbx_phones SET extension = 'other' WHERE name = 'desk'", "uid-bob|uid-bob", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_users SET name = 'rob' WHERE name = 'bob'", "NULL|NULL", "uid-ada|NULL|desk"},
		{"UPDATE pbx_extensions SET holder = 'rob' WHERE name = 'other'", "uid-bob|uid-bob", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_extensions SET number = '1009' WHERE name = 'other'", "NULL|uid-bob", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_direct_numbers SET extension_id = 'uid-b'", "NULL|NULL", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_extensions SET holder = 'eve' WHERE name = 'b'", "NULL|uid-eve", "uid-bob|uid-bob|desk"},
		{"DELETE FROM pbx_direct_numbers", "NULL|NULL", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_extensions SET number = '1001', holder = 'ada' WHERE name = 'b'", "uid-ada|NULL", "uid-bob|uid-bob|desk"},
		{"UPDATE pbx_phones SET sip_username = 'd' WHERE name = 'desk'", "uid-ada|NULL", "NULL|NULL|NULL"},
		{"UPDATE pbx_phones SET sip_username = 'desk', state = 'Deleted' WHERE name = 'desk'", "uid-ada|NULL", "NULL|NULL|NULL"},
		{"UPDATE pbx_phones SET state = 'Active', extension = '' WHERE name = 'desk'", "uid-ada|NULL", "uid-ada|NULL|desk"},
		{"INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('uid-eve', 'desk', 8)", "uid-ada|NULL", "NULL|NULL|desk"},
		{"DELETE FROM pbx_user_services WHERE user_id = 'uid-eve' AND service_name = 'desk'", "uid-ada|NULL", "uid-ada|NULL|desk"},
		{"DELETE FROM pbx_users WHERE name = 'ada'", "NULL|NULL", "NULL|NULL|desk"},
		{"INSERT INTO pbx_users (id, name) VALUES ('uid-ada', 'ada')", "uid-ada|NULL", "NULL|NULL|desk"},
		{"DELETE FROM pbx_extensions WHERE name = 'b'", "NULL|NULL", "NULL|NULL|desk"},
		{"DELETE FROM pbx_phones WHERE name = 'desk'", "NULL|NULL", "NULL|NULL|NULL"},
	} {
		f.byHand(tt.statement)
		equal(f.t, tt.statement+": the numbers", holder("1001")+"|"+holder("+49301001"), tt.numbers)
		equal(f.t, tt.statement+": the phone", f.tags(withDesk), tt.phone)
		f.historyAgrees(tt.statement)
	}
}

// testTaggingUsesIndexes: a call record costs the same, however long the history is.
func testTaggingUsesIndexes(f *fixture, b Backend) {
	f.apply(company...)
	f.byHand(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO pbx_holders (kind, address, user_id, since, until)
		SELECT k.kind, CAST(20000 + i AS text), 'x', ` + f.moment("2020-01-01") + `, ` + f.moment("2021-01-01") + `
		FROM n CROSS JOIN (SELECT 'number' AS kind UNION ALL SELECT 'caller') k`)
	f.byHand("ANALYZE")
	if b.Postgres {
		tx, err := f.sql.BeginTx(f.t.Context(), nil)
		if err != nil {
			f.t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		var scans, lookups int
		_, err = tx.Exec("INSERT INTO cdr (src, dst, channel, dstchannel, disposition) VALUES ('1001', '1002', 'SIP/desk', 'SIP/bobs', 'ANSWERED')")
		if err == nil {
			err = tx.QueryRow("SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'pbx_holders'").Scan(&scans, &lookups)
		}
		if err != nil || scans > 0 || lookups == 0 {
			f.t.Errorf("an insert reads the whole history %d times, and looks it up %d times: %v", scans, lookups, err)
		}
		return
	}
	_, body, _ := strings.Cut(f.value("SELECT sql FROM sqlite_master WHERE name = 'pbx_tag_call'"), "BEGIN")
	for _, statement := range strings.Split(strings.TrimSuffix(body, "END"), ";") {
		if statement = strings.NewReplacer("NEW.rowid", "1", "NEW.calldate", "NULL", "NEW.uniqueid", "'x'").Replace(statement); strings.TrimSpace(statement) == "" {
			continue
		}
		plan := f.rows("EXPLAIN QUERY PLAN " + statement)
		if text := strings.Join(plan, "\n"); len(plan) == 0 || strings.Contains(strings.NewReplacer("SCAN CONSTANT ROW", "", "SCAN (subquery", "").Replace(text), "SCAN") {
			f.t.Errorf("reads the whole history:\n%s\n%s", text, statement)
		}
	}
}

// moment writes a time as a literal.
func (f *fixture) moment(text string) string {
	if f.postgres() {
		return "TIMESTAMP '" + text + "'"
	}
	return "'" + text + " 00:00:00'"
}
