package storetest

import "testing"

// lists are the tables of lists, each with the table that it belongs to, and a row for a record.
var lists = []struct{ table, parent, owner, insert, removed string }{
	{"pbx_user_groups", "pbx_users", "user_id", "INSERT INTO pbx_user_groups (user_id, group_name) VALUES ($1, 'x')", "group_name = 'x'"},
	{"pbx_user_agent_ids", "pbx_users", "user_id", "INSERT INTO pbx_user_agent_ids (user_id, agent_id) VALUES ($1, 'x')", "agent_id = 'x'"},
	{"pbx_user_services", "pbx_users", "user_id", "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ($1, 'x', 8)", "service_name = 'x'"},
	{"integrations", "pbx_users", "user_id", "INSERT INTO integrations (user_id, name) VALUES ($1, 'x')", "name = 'x'"},
	{"pbx_direct_numbers", "pbx_extensions", "extension_id", "INSERT INTO pbx_direct_numbers (extension_id, number, position) VALUES ($1, 'x', 9)", "number = 'x'"},
}

// testRows: what somebody else does to rows cannot leave some that belong to nobody, nor make a record that the
// operator cannot repair.
func testRows(t *testing.T, b Backend) {
	full := func(t *testing.T) *fixture {
		f := newFixture(t, b)
		f.apply(fullObjects...)
		return f
	}
	for _, l := range lists {
		t.Run(l.table, func(t *testing.T) {
			f := full(t)
			f.unchanged("a row of nobody", func() {
				if _, err := f.sql.ExecContext(t.Context(), l.insert, "nobody"); err == nil {
					t.Error("accepted")
				}
			})
			f.unchanged("a row given to nobody", func() {
				if _, err := f.sql.ExecContext(t.Context(), "UPDATE "+l.table+" SET "+l.owner+" = 'nobody'"); err == nil {
					t.Error("accepted")
				}
			})
			f.unchanged("a record with rows under another id", func() {
				if _, err := f.sql.ExecContext(t.Context(), "UPDATE "+l.parent+" SET id = 'another'"); err == nil {
					t.Error("accepted")
				}
			})
		})
	}
	t.Run("RowsGoWithTheirRecord", func(t *testing.T) {
		f := full(t)
		f.byHand("DELETE FROM pbx_users")
		f.byHand("DELETE FROM pbx_extensions")
		for _, l := range lists {
			equal(t, l.table, f.rows("SELECT * FROM "+l.table), nil)
		}
		f.apply(fullObjects...)
		f.quiet(fullObjects...)
	})
	t.Run("Unique", func(t *testing.T) { testUnique(full(t)) })
	t.Run("States", func(t *testing.T) {
		f := full(t)
		for _, table := range tableOf {
			f.unchanged(table, func() {
				if _, err := f.sql.ExecContext(t.Context(), "UPDATE "+table+" SET state = 'Purged'"); err == nil {
					t.Error("accepted")
				}
			})
		}
	})
	if !b.Postgres { // which has no REPLACE
		t.Run("Replaced", func(t *testing.T) { testReplaced(full(t)) })
	}
}

// testUnique: nobody can give a second record what has one holder.
func testUnique(f *fixture) {
	for what, statement := range map[string]string{
		"name":          "INSERT INTO pbx_users (name) VALUES ('ada')",
		"login":         "INSERT INTO pbx_users (name, login) VALUES ('x', 'ADA.L')",
		"agent ID":      "INSERT INTO pbx_user_agent_ids (agent_id, user_id) SELECT '7001', id FROM pbx_users",
		"number":        "INSERT INTO pbx_extensions (name, number) VALUES ('x', '1001')",
		"direct number": "INSERT INTO pbx_direct_numbers (number, extension_id, position) SELECT '+49301001', id, 5 FROM pbx_extensions",
		"SIP username":  "INSERT INTO pbx_phones (name, sip_username) VALUES ('x', 'desk-sip')",
		"MAC":           "INSERT INTO pbx_phones (name, mac) VALUES ('x', '001a2b3c4d5e')",
	} {
		f.unchanged(what, func() {
			if _, err := f.sql.ExecContext(f.t.Context(), statement); err == nil {
				f.t.Errorf("a second record has the %s", what)
			}
		})
	}
}

// testReplaced: SQLite's REPLACE removes rows without a trigger, so it may only replace a record by itself.
func testReplaced(f *fixture) {
	for what, statement := range map[string]string{
		"another's name":          "REPLACE INTO pbx_users (name) VALUES ('ada')",
		"another's id":            "REPLACE INTO pbx_users (id, name) VALUES ('uid-ada', 'x')",
		"another's login":         "REPLACE INTO pbx_users (name, login) VALUES ('x', 'Ada.L')",
		"another's number":        "REPLACE INTO pbx_extensions (name, number) VALUES ('x', '1001')",
		"another's number, later": "UPDATE OR REPLACE pbx_extensions SET number = '1001' WHERE name = 'spare'",
		"another's name, later":   "UPDATE OR REPLACE pbx_extensions SET name = 'line' WHERE name = 'spare'",
		"another's account":       "INSERT OR REPLACE INTO pbx_phones (name, sip_username) VALUES ('x', 'desk-sip')",
		"another's MAC":           "UPDATE OR REPLACE pbx_phones SET mac = '001a2b3c4d5e' WHERE name = 'spare'",
		"another's agent ID":      "REPLACE INTO pbx_user_agent_ids (agent_id, user_id) SELECT '7001', id FROM pbx_users WHERE name = 'spare'",
		"another's direct number": "REPLACE INTO pbx_direct_numbers (number, extension_id, position) SELECT '+49301001', id, 1 FROM pbx_extensions WHERE name = 'spare'",
	} {
		f.apply(user("spare"), extension("spare", "5"), phone("spare"))
		f.unchanged(what, func() {
			if _, err := f.sql.ExecContext(f.t.Context(), statement); err == nil {
				f.t.Errorf("%s is taken away", what)
			}
		})
	}
	for _, o := range fullObjects[1:] {
		f.byHand("REPLACE INTO " + tableOf[o.kind] + " (id, name) SELECT id, name FROM " + tableOf[o.kind] + " WHERE name = '" + o.name + "'")
		f.wokenBy("a record that is replaced by itself", o.key())
		o.adopt = true
		f.apply(o)
		f.quiet(o)
	}
}
