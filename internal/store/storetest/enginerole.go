package storetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
)

// engineReads is all that the role of engines can read, and engineWrites what it can change, and how.
var (
	engineReads = []string{
		"dbaliases", "dialog", "dialog_vars", "extensions", "grp", "location", "pbx_callbacks", "pbx_callers", "pbx_dial_plan",
		"pbx_emergency_callers", "pbx_emergency_calls", "pbx_emergency_numbers", "pbx_emergency_windows", "pbx_engine_settings", "pbx_engine_settings_by_name", "ps_aors", "ps_auths", "ps_contacts", "ps_endpoints", "subscriber", "version", "voicemail",
		"voicemessages",
	}
	engineWrites = map[string]string{
		"location": "DELETE INSERT UPDATE", "dialog": "DELETE INSERT UPDATE", "dialog_vars": "DELETE INSERT UPDATE",
		"pbx_emergency_calls": "INSERT UPDATE", "ps_contacts": "DELETE INSERT UPDATE", "voicemessages": "DELETE INSERT UPDATE",
		"acc": "INSERT", "acc_cdrs": "INSERT", "cdr": "INSERT",
	}
)

// testEngineRole acts as an engine: what it needs works, with all that hangs on it, and everything else is refused.
func testEngineRole(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	f.byHand("INSERT INTO messages (user_id, body) VALUES ('uid-ada', 'private')")
	f.drain()
	conn, err := f.sql.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	act := func(statement string) error {
		_, err := conn.ExecContext(t.Context(), statement)
		return err
	}
	if err := act("SET ROLE pbx_engine"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"INSERT INTO location (ruid, username, domain, user_agent) VALUES ('r', 'desk-sip', 'acme.example', 'Snom')",
		"UPDATE location SET expires = '2030-01-01 00:00:00' WHERE ruid = 'r'",
		"INSERT INTO ps_contacts (id, endpoint) VALUES ('c', 'desk-sip')",
		"DELETE FROM ps_contacts WHERE id = 'c'",
		"INSERT INTO acc (method) VALUES ('INVITE')",
		"INSERT INTO acc_cdrs (start_time, duration, accountcode) VALUES ('2030-01-02 03:04:05', 3, 'desk-sip')",
		"INSERT INTO cdr (calldate, channel) VALUES ('2030-01-02 03:04:05', 'PJSIP/desk-sip-00000001')",
		"UPDATE voicemail SET password = '4711' WHERE mailbox = '1001'",
		"SELECT username FROM location FOR UPDATE",
	} {
		if err := act(statement); err != nil {
			t.Errorf("an engine cannot: %s: %v", statement, err)
		}
	}
	equal(t, "its records are tagged", f.rows("SELECT src_user_id FROM cdr"), []string{"uid-ada", "uid-ada"})
	equal(t, "its registrations are known", f.rows("SELECT user_agent FROM pbx_registrations"), []string{"Snom"})
	f.wokenBy("an engine's writes", line.key(), deskRegistration)
	f.onlyReads(conn)
	for _, statement := range []string{
		"SELECT body FROM messages", "SELECT password_hash FROM pbx_users", "SELECT ha1 FROM pbx_phones", "SELECT * FROM audit",
		"SELECT password_hash FROM sign_ins", "SELECT src_user_id FROM cdr", "SELECT * FROM pbx_holders",
		"UPDATE voicemail SET email = 'x'", "DELETE FROM cdr", "INSERT INTO pbx_changes (kind, name) VALUES ('User', 'ada')",
		"UPDATE pbx_system SET emergency_numbers = ''", "CREATE TABLE mine (id INTEGER)",
	} {
		if err := act(statement); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("an engine can: %s (%v)", statement, err)
		}
	}
}

// onlyReads compares the rights to all tables and views, those to come included, with what they are to be.
func (f *fixture) onlyReads(conn *sql.Conn) {
	f.t.Helper()
	may := func(right string) map[string]bool {
		all := map[string]bool{}
		rows, err := conn.QueryContext(context.WithoutCancel(f.t.Context()), `SELECT relname FROM pg_class
			WHERE relkind IN ('r', 'v', 'm') AND relnamespace = 'public'::regnamespace AND has_table_privilege(oid, $1)`, right)
		if err != nil {
			f.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				f.t.Fatal(err)
			}
			all[name] = true
		}
		if err := rows.Err(); err != nil {
			f.t.Fatal(err)
		}
		return all
	}
	reads, writes := map[string]bool{}, map[string]map[string]bool{"INSERT": {}, "UPDATE": {}, "DELETE": {}, "TRUNCATE": {}}
	for _, name := range engineReads {
		reads[name] = true
	}
	for name, rights := range engineWrites {
		for right := range strings.FieldsSeq(rights) {
			writes[right][name] = true
		}
	}
	equal(f.t, "SELECT", may("SELECT"), reads)
	for right, want := range writes {
		equal(f.t, right, may(right), want)
	}
}
