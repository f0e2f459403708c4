package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

const auditRows = `SELECT kind, namespace, name, uid, generation, what, old_value, new_value, requester, field_manager
	FROM audit WHERE kind <> 'PhoneSystem' ORDER BY id`

// audited gives what the audit says of what a function does, without what is the same in all rows.
func (f *fixture) audited(o object, do func()) (rows []string) {
	f.t.Helper()
	before := len(f.rows(auditRows))
	do()
	for _, row := range f.rows(auditRows)[before:] {
		cells := strings.Split(row, "|")
		equal(f.t, "who and which", slices.Concat(cells[:4], cells[8:]),
			[]string{string(o.kind), "acme", o.name, o.uid, "kim@acme.example", "kubectl"})
		rows = append(rows, strings.Join(cells[4:8], "|"))
	}
	return rows
}

func testAudit(t *testing.T, b Backend) {
	f := newFixture(t, b)
	t.Run("CreatedWithTheNames", func(t *testing.T) {
		f := f.in(t)
		named := map[string][]string{
			ada.name: {
				"1|first_name||Ada", "1|last_name||Lovelace", "1|email||ada@acme.example", "1|login||ada.l",
				"1|integrations||zoom=ada-zoom", "1|integrations||meet",
			},
			line.name: {"1|voicemail_email||box@acme.example"},
		}
		for _, o := range fullObjects {
			equal(t, o.name, f.audited(o, func() { f.apply(o) }), append([]string{"1|created||Active"}, named[o.name]...))
		}
	})
	t.Run("NothingForNothing", func(t *testing.T) {
		f := f.in(t)
		for _, o := range fullObjects {
			equal(t, o.name, f.audited(o, func() { f.apply(o) }), nil)
		}
	})
	t.Run("EveryChange", func(t *testing.T) {
		f := f.in(t)
		changed := ada.but(func(o *object) {
			o.user.Department, o.user.Groups = "Sales", []string{"staff", "board"}
			o.user.Integrations = []pbx.Item{{Key: "zoom", Value: "other"}, {Key: "meet"}}
		})
		equal(t, "changed", f.audited(ada, func() { f.apply(changed) }), []string{
			"2|department|Research|Sales", "2|groups|math|", "2|groups||board",
			"2|integrations|zoom=ada-zoom|", "2|integrations||zoom=other",
		})
		equal(t, "changed back", len(f.audited(ada, func() { f.apply(ada.but(func(o *object) { o.generation = 3 })) })), 5)
	})
	t.Run("States", func(t *testing.T) { testAuditOfStates(f.in(t)) })
	t.Run("TakeOver", func(t *testing.T) {
		f := f.in(t)
		new := line.of("new").to(pbx.Deactivated)
		equal(t, "rows", f.audited(new, func() { f.apply(new) }),
			[]string{"2|owner|uid-line|new", "2|state|Active|Deactivated"})
	})
	t.Run("Notes", func(t *testing.T) { testNotes(f.in(t)) })
	t.Run("SecretsAreNotShown", func(t *testing.T) { testSecrets(f.in(t)) })
	t.Run("RepairsAreTold", func(t *testing.T) {
		f := f.in(t)
		f.byHand("UPDATE pbx_phones SET label = 'Mine' WHERE name = 'desk'")
		last := desk.but(func(o *object) { o.generation = 999 })
		equal(t, "rows", f.audited(last, func() { f.apply(last) }), []string{"999|label|Mine|Desk"})
	})
	t.Run("WithoutAuthor", func(t *testing.T) {
		f := f.in(t)
		if err := f.applyDesired(user("nobody").desired()); err != nil {
			t.Fatal(err)
		}
		equal(t, "author", f.rows("SELECT requester, field_manager FROM audit WHERE name = 'nobody' AND what = 'created'"), []string{"|"})
	})
	t.Run("WhenIsNow", func(t *testing.T) {
		query := "SELECT count(*) FROM audit WHERE at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-10 minutes') OR at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 minute')"
		if b.Postgres {
			query = "SELECT count(*) FROM audit WHERE at < now() - interval '10 minutes' OR at > now() + interval '1 minute'"
		}
		equal(t, "rows of another time", f.in(t).value(query), "0")
	})
}

func testAuditOfStates(f *fixture) {
	o := user("moves")
	f.apply(o)
	var generation int64 = 1
	for _, state := range append(states[1:], pbx.Active, pbx.Deleted, pbx.Deactivated) {
		from := o.state
		generation++
		o.state, o.generation = state, generation
		rows := f.audited(o, func() { f.apply(o) })
		if len(rows) != 1 || !strings.HasSuffix(rows[0], "|state|"+string(from)+"|"+string(state)) {
			f.t.Errorf("%s to %s: rows %q", from, state, rows)
		}
	}
}

// testSecrets changes every secret, and looks for all that they ever were.
func testSecrets(f *fixture) {
	for _, o := range fullObjects {
		for i, value := range []string{"secret-one", "secret-two", ""} {
			o.generation = int64(100 + i)
			given := map[pbx.Field]string{}
			for _, field := range pbx.SchemaOf(o.kind).Fields {
				if field.Secret && field.Field != pbx.FieldReleasedEmail { // which no spec gives
					given[field.Field] = value + string(field.Field)
				}
			}
			o.given = given
			rows := f.audited(o, func() { f.apply(o) })
			if len(rows) < len(given) {
				f.t.Errorf("%s: %d rows for %d secrets", o.name, len(rows), len(given))
			}
			for field := range given {
				if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasSuffix(row, "|"+string(field)+"||") }) {
					f.t.Errorf("%s: no row without values tells that %s was changed: %q", o.name, field, rows)
				}
			}
		}
	}
	for _, row := range f.rows(auditRows) {
		if strings.Contains(row, "secret-") {
			f.t.Errorf("the audit shows a secret: %s", row)
		}
	}
	f.apply(desk.but(func(o *object) { o.generation = 200 }), ada.but(func(o *object) { o.generation = 200 }))
	equal(f.t, "digests that the audit shows", f.rows(
		"SELECT a.new_value FROM audit a JOIN pbx_phones p ON a.new_value IN (p.ha1, p.ha1b) WHERE a.new_value <> ''"), nil)
}
