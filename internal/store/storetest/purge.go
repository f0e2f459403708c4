package storetest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// personal are all words of ada that say who she is.
var personal = []string{
	"ada", "Ada", "Lovelace", "ADA", "Research", "London", "Paris", "Byron", "math", "7001", "7002",
	"secret-hash", "secret-applied", "secret-version",
}

// isHash finds what spells a name by chance.
var isHash = regexp.MustCompile(": [0-9a-f]{64}$")

func testPurge(t *testing.T, b Backend) {
	for name, before := range map[string]func(*fixture){
		"AfterALife":             lifeOf,
		"WhileActive":            func(f *fixture) { f.apply(ada) },
		"AfterASecondObject":     func(f *fixture) { lifeOf(f); f.apply(ada.of("second").to(pbx.Deactivated)) },
		"WithAHolding":           func(f *fixture) { f.apply(ada, line.but(func(o *object) { o.number.Voicemail = pbx.Voicemail{} })) },
		"RecordRemovedByHand":    func(f *fixture) { lifeOf(f); f.byHand("DELETE FROM pbx_users WHERE name = 'ada'") },
		"EditedByHandBeforehand": func(f *fixture) { lifeOf(f); f.byHand("UPDATE pbx_users SET last_name = 'Byron'") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, b)
			before(f)
			testNothingLeft(f)
		})
	}
	t.Run("HolderIsUnlinked", func(t *testing.T) { testHolderIsUnlinked(newFixture(t, b)) })
	t.Run("OthersAreKept", func(t *testing.T) { testOthersAreKept(newFixture(t, b)) })
	t.Run("ExtensionAndPhone", func(t *testing.T) { testPurgeOfOthers(newFixture(t, b)) })
}

// lifeOf has ada renamed, moved, deactivated, deleted and restored, and hold an extension for a while.
func lifeOf(f *fixture) {
	f.apply(ada, line)
	f.apply(ada.but(func(o *object) { o.user.LastName, o.user.Location = "Byron", "Paris" }))
	for i, state := range []pbx.State{pbx.Active, pbx.Deactivated, pbx.Deleted, pbx.Active, pbx.Deleted} {
		o := ada.to(state)
		o.generation = int64(i + 2)
		f.apply(o)
	}
	f.apply(line.but(func(o *object) { o.number.Holder, o.number.DisplayName = "", "Lobby" }))
}

// testNothingLeft purges ada, as an object that need not name her any more, and searches all that the store holds.
func testNothingLeft(f *fixture) {
	gone := newObject(pbx.KindUser, "ada").of("third").bornPurged()
	f.apply(gone)
	f.drain()
	for _, found := range f.search(personal...) {
		switch {
		case strings.HasPrefix(found, "audit.") && strings.HasSuffix(found, ": uid-ada"): // a UID names nobody
		case isHash.MatchString(found):
		default:
			f.t.Errorf("left in %s", found)
		}
	}
	equal(f.t, "rows with her name", f.rows("SELECT name FROM audit WHERE kind = 'User' AND name <> uid"), nil)
	equal(f.t, "rows of the purge", len(f.rows("SELECT * FROM audit WHERE what = 'purged' AND uid = 'third' AND new_value = 'Purged'")), 1)
	for _, table := range []string{"pbx_users", "pbx_user_groups", "pbx_user_agent_ids", "pbx_user_services", "integrations"} {
		equal(f.t, table, f.rows("SELECT * FROM "+table), nil)
	}
	f.unchanged("once more", func() { f.apply(gone) })
}

// testHolderIsUnlinked: an extension has no holder any more once that user is purged, which is nobody's drift.
func testHolderIsUnlinked(f *fixture) {
	other := extension("other", "1002")
	other.number.Holder = "eve"
	f.apply(ada, line, other, ada.to(pbx.Purged))
	equal(f.t, "holders", f.rows("SELECT name, holder FROM pbx_extensions ORDER BY name"), []string{"line|", "other|eve"})
	_, plan := f.plan(line)
	equal(f.t, "drift of a spec that still names her", plan.Drift(), nil)
	free := line.but(func(o *object) { o.number.Holder = "" })
	f.unchanged("a spec that does not", func() { f.apply(free) })
	f.quiet(other)
	f.byHand("UPDATE pbx_extensions SET holder = 'eve' WHERE name = 'other'") // no change
	f.byHand("UPDATE pbx_extensions SET display_name = 'x' WHERE name = 'line'")
	_, plan = f.plan(free)
	equal(f.t, "drift of another field", plan.Drift(), []string{"display_name"})
}

// testOthersAreKept: who else is there keeps rows, values and audit.
func testOthersAreKept(f *fixture) {
	eve := ada
	eve.name, eve.uid = "eve", "uid-eve"
	eve.user.Login, eve.user.Email, eve.user.AgentIDs = "eve", "eve@acme.example", []string{"8001"}
	eve.user.Integrations = []pbx.Item{{Key: "zoom", Value: "eve-zoom"}}
	second := line
	second.name, second.uid = "second", "uid-second"
	second.number = pbx.Number{Number: "1002", Holder: "eve"}
	f.apply(ada, eve, line, second, eve.to(pbx.Deactivated))
	f.apply(second.but(func(o *object) { o.number.Holder = "ada" }))
	f.apply(second.but(func(o *object) { o.number.Holder = "eve"; o.generation = 3 }))
	of := func(name string) []string {
		return f.rows("SELECT * FROM audit WHERE name = $1 AND what <> 'holder' ORDER BY id", name)
	}
	record, rows, lines := f.observe(eve).Record, of("eve"), of("second")
	f.apply(ada.to(pbx.Purged))
	equal(f.t, "record", f.observe(eve).Record, record)
	equal(f.t, "audit of another user", of("eve"), rows)
	equal(f.t, "audit of an extension", of("second"), lines)
	equal(f.t, "holders in the audit", f.rows("SELECT old_value, new_value FROM audit WHERE what = 'holder' ORDER BY id"),
		[]string{"eve|", "|eve", "|"})
}

func testPurgeOfOthers(f *fixture) {
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ('x/1001', 0, '1001'), ('x/1002', 0, '1002')")
	f.apply(ada, line, desk, line.to(pbx.Deleted), desk.to(pbx.Deleted))
	equal(f.t, "messages of a deleted extension", len(f.rows("SELECT * FROM voicemessages")), 2)
	f.apply(line.to(pbx.Purged), desk.to(pbx.Purged))
	equal(f.t, "messages of a purged extension", f.rows("SELECT mailboxuser FROM voicemessages"), []string{"1002"})
	f.byHand("DELETE FROM pbx_holders WHERE user_id = 'uid-ada'") // for her call records that come late
	if found := f.search("Reception", "+49301001", "box@acme", "desk-sip", "crm.example", "001a2b3c4d5e"); len(found) > 0 {
		f.t.Errorf("left: %q", found)
	}
	equal(f.t, "names in the audit", f.rows("SELECT name FROM audit WHERE kind IN ('Extension', 'PhoneService') AND name <> uid"), nil)
	equal(f.t, "purges", f.rows("SELECT name, old_value, new_value FROM audit WHERE what = 'purged' ORDER BY name"),
		[]string{"uid-desk|Deleted|Purged", "uid-line|Deleted|Purged"})
	// The user is as before.
	f.quiet(ada)
	equal(f.t, "messages after the purge of a user", func() int {
		f.apply(ada.to(pbx.Purged))
		return len(f.rows("SELECT * FROM voicemessages"))
	}(), 1)
}
