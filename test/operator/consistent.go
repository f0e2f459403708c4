package operator

import (
	"database/sql"
	"strings"
)

// Consistent sees that the store is whole: what its constraints cannot say, whoever wrote last.
func (t *Tenant) Consistent(db *sql.DB) {
	t.tb.Helper()
	for what, query := range map[string]string{
		"services without a user": `SELECT user_id FROM pbx_user_services WHERE user_id NOT IN (SELECT id FROM pbx_users)`,
		"groups without a user":   `SELECT user_id FROM pbx_user_groups WHERE user_id NOT IN (SELECT id FROM pbx_users)`,
		"direct numbers without an extension": `SELECT number FROM pbx_direct_numbers
			WHERE extension_id NOT IN (SELECT id FROM pbx_extensions)`,
		"users whose primary is not one of their services": `SELECT name FROM pbx_users u WHERE primary_service <> ''
			AND NOT EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id AND service_name = u.primary_service)`,
		"users with services and no primary": `SELECT name FROM pbx_users u WHERE primary_service = ''
			AND EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id)`,
		"users with more than eight services": `SELECT user_id FROM pbx_user_services GROUP BY user_id HAVING count(*) > 8`,
		"a feed that is muted":                `SELECT epoch FROM pbx_writer WHERE writing <> 0`,
		"changes that were audited twice": `SELECT kind, name, generation, what, old_value, new_value, count(*) FROM audit
			WHERE what NOT IN ('settings', 'reset') GROUP BY kind, name, uid, generation, what, old_value, new_value HAVING count(*) > 1`,
	} {
		if rows := t.Rows(db, query); len(rows) > 0 {
			t.tb.Errorf("%s: %s", what, strings.Join(rows, "; "))
		}
	}
	t.chained(db)
}

// chained sees that the audit tells of every change: what each begins from is what the one before it ended with.
func (t *Tenant) chained(db *sql.DB) {
	t.tb.Helper()
	last := map[string]string{}
	for _, row := range t.Rows(db, `SELECT uid, what, old_value, new_value FROM audit
		WHERE what IN ('state', 'department', 'location', 'number', 'holder', 'label', 'primary_service') ORDER BY id`) {
		cells := strings.Split(row, "|")
		field, from, to := cells[0]+" "+cells[1], cells[2], cells[3]
		if before, known := last[field]; known && before != from {
			t.tb.Errorf("audit: %s goes from %q to %q, and was %q before", field, from, to, before)
		}
		last[field] = to
	}
}
