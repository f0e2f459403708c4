package storetest

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// callViews is what the views of calls show of those that makeCalls makes, whatever becomes of who made them.
var callViews = map[string][]string{
	"SELECT calls, answered, unanswered, duration, billsec FROM calls_overview": {"7|4|3|153|107"},
	"SELECT day, calls, answered, unanswered, duration, billsec FROM calls_by_day ORDER BY 1": {
		"2025-01-01|1|0|1|0|0", "2026-01-05|2|2|0|110|90", "2026-01-11|1|1|0|25|10", "2026-01-12|2|0|2|10|0", "2026-02-01|1|1|0|8|7",
	},
	"SELECT week, calls, answered, unanswered, duration, billsec FROM calls_by_week ORDER BY 1": {
		"2024-12-30|1|0|1|0|0", "2026-01-05|3|3|0|135|100", "2026-01-12|2|0|2|10|0", "2026-01-26|1|1|0|8|7",
	},
	"SELECT month, calls, answered, unanswered, duration, billsec FROM calls_by_month ORDER BY 1": {
		"2025-01|1|0|1|0|0", "2026-01|5|3|2|145|100", "2026-02|1|1|0|8|7",
	},
	"SELECT username, calls, made, received, answered, missed, duration, billsec FROM calls_by_user WHERE username <> 'ada.l' ORDER BY 1": {
		"bob|4|3|1|1|0|118|97", "eve|0|0|0|0|0|0|0",
	},
}

// shownOfCalls is what further views show of ada in a state.
var shownOfCalls = map[pbx.State]map[string][]string{
	pbx.Active: {
		history: {"ada.l|bob|Engines|", "bob|ada.l||Engines", "bob|ada.l||Engines", "NULL|ada.l|NULL|Engines"},
		byUser:  {"ada.l|5|1|4|2|2|145|100"},
		report: {
			"2025-01-01|Active|0|0|0|0|0", "2026-01-05|Active|1|1|1|0|90", "2026-01-11|Active|0|1|0|1|0",
			"2026-01-12|Active|0|2|0|2|0", "2026-02-01|Active|0|0|0|0|0", "today|Active|0|0|0|0|0",
		},
	},
	pbx.Deactivated: {
		history: {"ada.l|bob|Engines|", "bob|ada.l||Engines", "bob|ada.l||Engines", "NULL|ada.l|NULL|Engines"},
		byUser:  nil, report: {"2026-01-05|Deactivated|1|1|1|0|90"},
	},
	pbx.Deleted: {
		history: {"ada.l|bob|Gone|", "bob|ada.l||Gone", "bob|ada.l||Gone", "NULL|ada.l|NULL|Gone"},
		byUser:  nil, report: {"2026-01-05|Deleted|1|1|1|0|90"},
	},
	pbx.Purged: {
		history: {"NULL|bob|NULL|", "bob|NULL||NULL", "bob|NULL||NULL", "NULL|NULL|NULL|NULL"}, byUser: nil, report: nil,
	},
}

const (
	history = `SELECT src_username, dst_username, src_business_unit, dst_business_unit FROM call_history
		WHERE uniqueid IN ('u1', 'u2', 'u3') ORDER BY calldate, disposition`
	byUser = `SELECT username, calls, made, received, answered, missed, duration, billsec FROM calls_by_user WHERE username = 'ada.l'`
	report = `SELECT day, state, made, received, answered, missed, billsec FROM call_center_report WHERE username = 'ada.l' ORDER BY 1`
)

// portals are the views that show who is there, with what they show of ada.
var portals = map[string]map[pbx.State][]string{
	"mention_suggestions": {pbx.Active: {who + "Engines|1001"}},
	"seat_map":            {pbx.Active: {who + "Engines|1001"}},
	"live_monitor":        {pbx.Active: {who + "Engines|1001"}},
	"report_conditions": {
		pbx.Active: {who + "Engines|1001"}, pbx.Deactivated: {who + "Engines|1001"}, pbx.Deleted: {who + "Gone|1001"},
	},
}

// makeCalls has ada and bob call each other and be called, in two years: one call has two records, one was taken by the
// voicemail, two have no uniqueid.
func (f *fixture) makeCalls() {
	f.t.Helper()
	f.apply(ada, line, desk, user("bob"), holding("b", "1002", "bob"), ringing("bobs", "b"), user("eve"))
	f.byHand("UPDATE pbx_holders SET since = " + f.moment("2024-01-01"))
	for _, c := range []call{
		{"calldate": "2026-01-05 09:00:00", "uniqueid": "u1", "channel": "desk-sip", "src": "1001", "dst": "1002", "disposition": "ANSWERED", "duration": 70, "billsec": 60},
		{"calldate": "2026-01-05 10:00:00", "uniqueid": "u2", "channel": "bobs", "src": "1002", "dst": "1001", "disposition": "NO ANSWER", "duration": 20, "billsec": 0},
		{"calldate": "2026-01-05 10:00:00", "uniqueid": "u2", "channel": "bobs", "src": "1002", "dst": "1001", "disposition": "ANSWERED", "duration": 40, "billsec": 30},
		{
			"calldate": "2026-01-11 23:59:59", "uniqueid": "u3", "src": "+4955", "dst": "1001", "disposition": "ANSWERED", "lastapp": "VoiceMail",
			"duration": 25, "billsec": 10,
		},
		{"calldate": "2026-01-12 00:00:00", "uniqueid": nil, "src": "+4955", "dst": "1001", "disposition": "NO ANSWER", "duration": 5, "billsec": 0},
		{"calldate": "2026-01-12 00:00:00", "uniqueid": "", "src": "+4955", "dst": "1001", "disposition": "BUSY", "duration": 5},
		{"calldate": "2026-02-01 12:00:00", "uniqueid": "u4", "channel": "bobs", "src": "1002", "dst": "+4955", "disposition": "answered", "duration": 8, "billsec": 7},
		{"calldate": "2025-01-01 12:00:00", "uniqueid": "u5", "channel": "bobs", "src": "1002", "dst": "+4955"},
	} {
		f.insert(c)
	}
}

func testCallViews(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.makeCalls()
	for i, state := range []pbx.State{
		pbx.Active, pbx.Deactivated, pbx.Deleted, pbx.Active, pbx.Deleted, pbx.Deactivated, pbx.Active, pbx.Deleted, pbx.Purged,
	} {
		o := ada
		o.state = state
		f.apply(o.at(int64(i + 1)))
		for query, want := range callViews {
			equal(t, string(state)+": "+query, f.rows(query), want)
		}
		for query, want := range shownOfCalls[state] {
			got := f.rows(query)
			for i, row := range got {
				got[i] = strings.Replace(row, time.Now().UTC().Format(time.DateOnly), "today", 1)
			}
			equal(t, string(state)+": "+query, got, want)
		}
		for view, want := range portals {
			var got []string
			for _, row := range f.rows("SELECT " + columnsOf["directory"] + " FROM " + view) {
				if strings.Contains(row, "ada.l") {
					got = append(got, row)
				}
			}
			equal(t, string(state)+": "+view, got, want[state])
		}
	}
	t.Run("UniqueIDUsedAgain", func(t *testing.T) { testUniqueIDUsedAgain(f.in(t)) })
	t.Run("BothRecordsOfACall", func(t *testing.T) { testEveryRecordOfACall(f.in(t)) })
	if !b.Postgres {
		t.Run("DebiansSQLite", func(t *testing.T) { testOlderSQLite(f.in(t)) })
	}
}

// testEveryRecordOfACall: a call that rang at two phones was missed by nobody who answered it, in whatever order its
// records come.
func testEveryRecordOfACall(f *fixture) {
	f.byHand("DELETE FROM cdr")
	for i, dispositions := range [][]string{{"NO ANSWER", "ANSWERED"}, {"ANSWERED", "NO ANSWER"}} {
		for _, disposition := range dispositions {
			f.insert(call{"uniqueid": string(rune('a' + i)), "src": "+4955", "dst": "1002", "disposition": disposition, "billsec": 1, "duration": 2})
		}
	}
	f.insert(call{"uniqueid": "mailbox", "src": "+4955", "dst": "1002", "disposition": "ANSWERED", "lastapp": "VoiceMail"})
	f.insert(call{
		"uniqueid": "mailbox", "src": "+4955", "dst": "1002", "disposition": "ANSWERED", "lastapp": "Dial", "dstchannel": "PJSIP/other-00000001",
		"billsec": 9, "duration": 9,
	})
	f.insert(call{"uniqueid": "rang nowhere", "src": "+4955", "dst": "1002", "disposition": "ANSWERED", "lastapp": "Dial", "billsec": 9})
	equal(f.t, "overview", f.value("SELECT calls, answered FROM calls_overview"), "4|4")
	equal(f.t, "by user", f.value("SELECT calls, received, answered, missed FROM calls_by_user WHERE username = 'bob'"), "4|4|4|0")
	equal(f.t, "report", f.value("SELECT received, answered, missed, billsec FROM call_center_report WHERE username = 'bob'"), "4|3|1|11")
}

// testUniqueIDUsedAgain: who uses a uniqueid again hides no call, and the records of one call are one in whatever order they
// come.
func testUniqueIDUsedAgain(f *fixture) {
	f.byHand("DELETE FROM cdr")
	for i, billsec := range []int{60, 36000, 36000} {
		f.insert(call{
			"uniqueid": "again", "calldate": fmt.Sprintf("2026-03-0%d 12:00:00", i+1), "channel": "bobs", "dst": "+4955",
			"disposition": "ANSWERED", "duration": billsec, "billsec": billsec,
		})
	}
	const by = ", calls, billsec FROM calls_by_"
	equal(f.t, "overview", f.value("SELECT calls, duration, billsec FROM calls_overview"), "3|72060|72060")
	equal(f.t, "by day", f.rows("SELECT day"+by+"day ORDER BY 1"), []string{"2026-03-01|1|60", "2026-03-02|1|36000", "2026-03-03|1|36000"})
	equal(f.t, "by week", f.rows("SELECT week"+by+"week ORDER BY 1"), []string{"2026-02-23|1|60", "2026-03-02|2|72000"})
	equal(f.t, "by month", f.rows("SELECT month"+by+"month"), []string{"2026-03|3|72060"})
	equal(f.t, "by user", f.value("SELECT calls, made, billsec FROM calls_by_user WHERE username = 'bob'"), "3|3|72060")
	equal(f.t, "report", f.value("SELECT sum(made), sum(billsec) FROM call_center_report WHERE username = 'bob'"), "3|72060")
	for name, test := range map[string]struct {
		seconds []int
		calls   string
	}{
		"at once":                       {[]int{0, 0, 0}, "1"},
		"within a quarter":              {[]int{0, 900}, "1"},
		"before, within a quarter":      {[]int{900, 0}, "1"},
		"before, over a quarter":        {[]int{901, 0}, "2"},
		"over a quarter":                {[]int{0, 901}, "2"},
		"one after the other":           {[]int{0, 600, 1200, 1800, 2700}, "1"},
		"backwards":                     {[]int{2700, 1800, 1200, 600, 0}, "1"},
		"the one between comes late":    {[]int{0, 1200, 600}, "1"},
		"several between come late":     {[]int{0, 1200, 1800, 3600, 4500, 2700, 600}, "1"},
		"late, and of the first only":   {[]int{0, 1801, 900}, "2"},
		"late, and of the second only":  {[]int{0, 1801, 901}, "2"},
		"two calls, and one comes late": {[]int{0, 720, 3600, 4320, 300}, "2"},
	} {
		f.byHand("DELETE FROM cdr")
		for _, second := range test.seconds {
			at := time.Date(2026, 3, 1, 23, 7, 30, 0, time.UTC).Add(time.Duration(second) * time.Second)
			f.insert(call{"uniqueid": "again", "calldate": at.Format(time.DateTime)})
			f.insert(call{"uniqueid": "other", "calldate": at.Format(time.DateTime)})
			f.insert(call{"uniqueid": "", "calldate": at.Format(time.DateTime)})
		}
		equal(f.t, name, f.value("SELECT count(DISTINCT call) FROM cdr WHERE uniqueid = 'again'"), test.calls)
		calls, _ := strconv.Atoi(test.calls)
		equal(f.t, name+": all", f.value("SELECT calls FROM calls_overview"), fmt.Sprint(2*calls+len(test.seconds)))
	}
}

// testOlderSQLite reads every view, and inserts a call record, with the program that Debian has.
func testOlderSQLite(f *fixture) {
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		f.t.Skip("no sqlite3 program: install Debian's sqlite3 (hack/debian/sqlite.sh)")
	}
	statements := []string{".timeout 5000", "INSERT INTO cdr (calldate, channel, dst, uniqueid) VALUES (datetime('now'), 'bobs', '1002', 'old');"}
	for _, view := range f.rows("SELECT name FROM sqlite_master WHERE type = 'view' AND name NOT LIKE 'sqlite%'") {
		statements = append(statements, "SELECT count(*) >= 0 FROM (SELECT * FROM "+view+");")
	}
	command := exec.CommandContext(f.t.Context(), program, "-bail", f.value("SELECT file FROM pragma_database_list WHERE name = 'main'"))
	command.Stdin = strings.NewReader(strings.Join(statements, "\n"))
	out, err := command.CombinedOutput()
	if err != nil || strings.Count(string(out), "1\n") != len(statements)-2 {
		f.t.Errorf("%v: %s", err, out)
	}
	equal(f.t, "tags", f.value("SELECT src_user_id, dst_user_id FROM cdr WHERE uniqueid = 'old'"), "uid-bob|uid-bob")
}
