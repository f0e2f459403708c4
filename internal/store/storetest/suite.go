package storetest

import (
	"context"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// suiteRows are what other products keep about ada, bob and others, and what is left of it after her purge.
var suiteRows = []struct {
	query         string
	before, after []string
}{
	{
		"SELECT user_id, peer_id, body FROM messages ORDER BY id",
		[]string{"uid-ada|uid-bob|Ada here: 1001", "uid-bob|uid-ada|Dear Lovelace", "uid-bob|uid-eve|Ask Ada", "NULL|NULL|Ada"},
		[]string{"NULL|uid-bob| here: 1001", "uid-bob|NULL|Dear ", "uid-bob|uid-eve|Ask Ada", "NULL|NULL|Ada"},
	},
	{
		"SELECT user_id, author_id, comment FROM mentions ORDER BY id",
		[]string{"uid-ada|uid-bob|@Ada look", "uid-bob|uid-ada|look, Ada", "uid-eve|uid-bob|Ada knows"},
		[]string{"NULL|uid-bob|@ look", "uid-bob|NULL|look, ", "uid-eve|uid-bob|Ada knows"},
	},
	{
		"SELECT user_id, duration, title FROM meetings ORDER BY id",
		[]string{"uid-ada|60|Research", "uid-bob|30|With Ada"},
		[]string{"uid-bob|30|With Ada"},
	},
	{
		"SELECT user_id, name, number, email FROM contacts ORDER BY id",
		[]string{"uid-ada|Bob|1002|bob@acme.example", "uid-bob|Ada|1001|ada@acme.example"},
		[]string{"uid-bob|Ada|1001|ada@acme.example"},
	},
	{
		"SELECT user_id, extension, name, value FROM preferences ORDER BY id",
		[]string{"uid-ada|NULL|theme|dark", "uid-bob|NULL|theme|light", "NULL|1001|ring|loud", "NULL|1002|ring|low"},
		[]string{"uid-bob|NULL|theme|light", "NULL|1002|ring|low"},
	},
	{
		"SELECT user_id, number, description, amount, currency FROM billing ORDER BY id",
		[]string{"uid-ada|+4955|Ada Lovelace, monthly|9.5|EUR", "uid-bob|+4966|call|1.25|EUR"},
		[]string{"NULL|+4955| , monthly|9.5|EUR", "uid-bob|+4966|call|1.25|EUR"},
	},
}

func (f *fixture) fillSuite() {
	f.t.Helper()
	for _, statement := range []string{
		`INSERT INTO messages (user_id, peer_id, body) VALUES ('uid-ada', 'uid-bob', 'Ada here: 1001'),
			('uid-bob', 'uid-ada', 'Dear Lovelace'), ('uid-bob', 'uid-eve', 'Ask Ada'), (NULL, NULL, 'Ada')`,
		`INSERT INTO mentions (user_id, author_id, comment) VALUES ('uid-ada', 'uid-bob', '@Ada look'),
			('uid-bob', 'uid-ada', 'look, Ada'), ('uid-eve', 'uid-bob', 'Ada knows')`,
		`INSERT INTO meetings (user_id, duration, title) VALUES ('uid-ada', 60, 'Research'), ('uid-bob', 30, 'With Ada')`,
		`INSERT INTO contacts (user_id, name, number, email) VALUES ('uid-ada', 'Bob', '1002', 'bob@acme.example'),
			('uid-bob', 'Ada', '1001', 'ada@acme.example')`,
		`INSERT INTO preferences (user_id, extension, name, value) VALUES ('uid-ada', NULL, 'theme', 'dark'),
			('uid-bob', NULL, 'theme', 'light'), (NULL, '1001', 'ring', 'loud'), (NULL, '1002', 'ring', 'low')`,
		`INSERT INTO billing (user_id, number, description, amount, currency) VALUES
			('uid-ada', '+4955', 'Ada Lovelace, monthly', 9.5, 'EUR'), ('uid-bob', '+4966', 'call', 1.25, 'EUR')`,
	} {
		f.byHand(statement)
	}
}

// testSuite: nothing but a purge touches what other products keep, except for the integrations, which are declared.
func testSuite(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(ada, line, user("bob"), user("eve"))
	f.fillSuite()
	const integrations = "SELECT user_id, name, account_id FROM integrations ORDER BY name"
	declared := []string{"uid-ada|meet|", "uid-ada|zoom|ada-zoom"}
	for i, state := range []pbx.State{pbx.Active, pbx.Deactivated, pbx.Active, pbx.Deleted, pbx.Deactivated, pbx.Deleted, pbx.Active} {
		o := ada
		o.state = state
		f.apply(o.at(int64(i + 1)))
		for _, tt := range suiteRows {
			equal(t, string(state)+": "+tt.query, f.rows(tt.query), tt.before)
		}
		want := declared
		if state != pbx.Active {
			want = nil
		}
		equal(t, string(state)+": integrations", f.rows(integrations), want)
	}
	f.apply(ada.to(pbx.Deleted).at(8), ada.to(pbx.Purged).at(9))
	for _, tt := range suiteRows {
		equal(t, "Purged: "+tt.query, f.rows(tt.query), tt.after)
	}
	equal(t, "Purged: integrations", f.rows(integrations), nil)
	f.byHand("INSERT INTO messages (body) VALUES ('a time of its own')")
	equal(t, "messages without a time", f.rows("SELECT * FROM messages WHERE sent_at IS NULL"), nil)
	if b.Postgres { // SQLite has no roles
		t.Run("MessagesAreForTheAuditor", func(t *testing.T) { testAuditor(f.in(t)) })
	}
}

// testAuditor: a role that reads the portals' views may not read messages, the auditor may.
func testAuditor(f *fixture) {
	role := f.value("SELECT 'portal_' || current_database()")
	f.byHand("CREATE ROLE " + role)
	f.t.Cleanup(func() {
		ctx := context.WithoutCancel(f.t.Context())
		if _, err := f.sql.ExecContext(ctx, "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			f.t.Error(err)
		}
	})
	f.byHand("GRANT SELECT ON available_users, directory, user_search, deleted_users, mention_suggestions, seat_map, live_monitor, " +
		"report_conditions, sign_ins, group_members, call_history, calls_by_user, calls_overview, call_center_report TO " + role)
	for who, may := range map[string]map[string]bool{
		role:          {"messages": false, "directory": true, "call_history": true, "cdr": false, "pbx_holders": false},
		"pbx_auditor": {"messages": true, "directory": false, "pbx_users": false},
	} {
		for relation, want := range may {
			tx, err := f.sql.BeginTx(f.t.Context(), nil)
			if err != nil {
				f.t.Fatal(err)
			}
			if _, err := tx.Exec("SET LOCAL ROLE " + who); err != nil {
				f.t.Fatal(err)
			}
			if _, err = tx.Exec("SELECT count(*) FROM " + relation); (err == nil) != want {
				f.t.Errorf("%s reads %s: %v, want %v", who, relation, err, want)
			}
			_ = tx.Rollback()
		}
	}
}
