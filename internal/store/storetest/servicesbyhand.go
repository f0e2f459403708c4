package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// outcome is what becomes of statements that somebody else makes.
type outcome int

const (
	accepted outcome = iota
	refused
	// acceptedAtTheEnd: PostgreSQL looks at the end of the transaction, SQLite at each statement.
	acceptedAtTheEnd
	// either: the order of rows decides, or the database. Only that nobody breaks the rule matters.
	either
)

// handmade are statements of somebody else, in one transaction where they are several. {id} is the user's id.
type handmade struct {
	name       string
	services   []string // beforehand; the first is the primary
	statements []string
	outcome    outcome
	// primary and services afterwards, if accepted; empty: not looked at.
	want string
	// only says on which database: sqlite or postgres.
	only string
}

const insertService = "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ({id}, '%s', %d)"

func insert(service string, slot int) string { return fmt.Sprintf(insertService, service, slot) }

func remove(service string) string {
	return "DELETE FROM pbx_user_services WHERE user_id = {id} AND service_name = '" + service + "'"
}

func choose(service string) string {
	return "UPDATE pbx_users SET primary_service = '" + service + "' WHERE id = {id}"
}

func handmadeCases() []handmade {
	ab, eight := []string{"a", "b"}, names("s", 8)
	return []handmade{
		{"first is the primary", nil, []string{insert("a", 1)}, accepted, "a: a", ""},
		{"second is not", []string{"a"}, []string{insert("b", 5)}, accepted, "a: a b", ""},
		{"eighth", eight[:7], []string{insert("x", 8)}, accepted, "", ""},
		{"ninth in a ninth slot", eight, []string{insert("x", 9)}, refused, "", ""},
		{"ninth in a taken slot", eight, []string{insert("x", 3)}, refused, "", ""},
		{"ninth in no slot", eight, []string{"INSERT INTO pbx_user_services (user_id, service_name) VALUES ({id}, 'x')"}, refused, "", ""},
		{"slot zero", nil, []string{insert("a", 0)}, refused, "", ""},
		{"twice", ab, []string{insert("a", 3)}, refused, "", ""},
		{"another primary", ab, []string{choose("b")}, accepted, "b: a b", ""},
		{"primary that is no service", ab, []string{choose("c")}, refused, "", ""},
		{"no primary beside services", ab, []string{choose("")}, refused, "", ""},
		{"primary without services", nil, []string{choose("a")}, refused, "", ""},
		{"another goes", ab, []string{remove("b")}, accepted, "a: a", ""},
		{"the primary goes", ab, []string{remove("a")}, refused, "", ""},
		{"the only one goes", []string{"a"}, []string{remove("a")}, accepted, ": ", ""},
		{"all go at once", eight, []string{"DELETE FROM pbx_user_services WHERE user_id = {id}"}, either, "", ""},
		{"the table is emptied", eight, []string{"DELETE FROM pbx_user_services"}, either, "", ""},
		{"the table is truncated", eight, []string{"TRUNCATE pbx_user_services"}, refused, "", "postgres"},
		{"the user goes", eight, []string{"DELETE FROM pbx_users WHERE id = {id}"}, accepted, "", ""},
		{"another slot", ab, []string{"UPDATE pbx_user_services SET slot = 7 WHERE user_id = {id} AND service_name = 'a'"}, accepted, "a: a b", ""},
		{"a taken slot", ab, []string{"UPDATE pbx_user_services SET slot = 2 WHERE user_id = {id} AND service_name = 'a'"}, refused, "", ""},
		{"the primary renamed", ab, []string{"UPDATE pbx_user_services SET service_name = 'c' WHERE user_id = {id} AND service_name = 'a'"}, refused, "", ""},
		{"the primary moved to another user", ab, []string{"UPDATE pbx_user_services SET user_id = 'uid-other', slot = 8 WHERE user_id = {id} AND service_name = 'a'"}, refused, "", ""},
		{"another moved to another user", ab, []string{"UPDATE pbx_user_services SET user_id = 'uid-other', slot = 7 WHERE user_id = {id} AND service_name = 'b'"}, either, "", ""},
		{"a service of an unknown user", nil, []string{"INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('nobody', 'a', 1)"}, refused, "", ""},
		{"a service moved to an unknown user", ab, []string{"UPDATE pbx_user_services SET user_id = 'nobody' WHERE user_id = {id} AND service_name = 'b'"}, refused, "", ""},
		{"another id for the user", ab, []string{"UPDATE pbx_users SET id = 'another' WHERE id = {id}"}, refused, "", ""},
		{"a new user with a primary", nil, []string{"INSERT INTO pbx_users (id, name, primary_service) VALUES ('new', 'new', 'a')"}, refused, "", ""},
		{"a new user with a first service", nil, []string{
			"INSERT INTO pbx_users (id, name) VALUES ('new2', 'new2')",
			"INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('new2', 'a', 1)",
		}, accepted, "", ""},
		{"new, chosen, and the old one goes", ab, []string{insert("c", 3), choose("c"), remove("a")}, accepted, "c: b c", ""},
		{"goes, and then another is chosen", ab, []string{remove("a"), choose("b")}, acceptedAtTheEnd, "b: b", ""},
		{"chosen, and then it comes", ab, []string{choose("c"), insert("c", 3)}, acceptedAtTheEnd, "c: a b c", ""},
		{"all of them replaced", ab, []string{remove("a"), remove("b"), insert("c", 1), choose("c")}, acceptedAtTheEnd, "c: c", ""},
		{"goes and comes back", ab, []string{remove("a"), insert("a", 4)}, acceptedAtTheEnd, "a: a b", ""},
		{"ends without a primary", ab, []string{insert("c", 3), choose("c"), remove("c")}, refused, "", ""},
		{"replaces the primary's slot", ab, []string{"INSERT OR REPLACE INTO pbx_user_services (user_id, service_name, slot) VALUES ({id}, 'c', 1)"}, refused, "", "sqlite"},
		{"moves onto the primary's slot", ab, []string{"UPDATE OR REPLACE pbx_user_services SET slot = 1 WHERE user_id = {id} AND service_name = 'b'"}, refused, "", "sqlite"},
		{"replaces another's slot", ab, []string{"INSERT OR REPLACE INTO pbx_user_services (user_id, service_name, slot) VALUES ({id}, 'c', 2)"}, accepted, "a: a c", "sqlite"},
		{"replaces the user", ab, []string{"INSERT OR REPLACE INTO pbx_users (id, name) SELECT id, name FROM pbx_users WHERE id = {id}"}, refused, "", "sqlite"},
		{"replaces the user under another id", ab, []string{"INSERT OR REPLACE INTO pbx_users (id, name) SELECT 'other-' || id, name FROM pbx_users WHERE id = {id}"}, either, "", "sqlite"},
		{"upserts the user", ab, []string{"INSERT INTO pbx_users (id, name) SELECT id, name FROM pbx_users WHERE id = {id} ON CONFLICT (id) DO UPDATE SET location = 'x'"}, accepted, "a: a b", "postgres"},
	}
}

func testServicesByHand(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for i, c := range handmadeCases() {
		if c.only == "sqlite" && b.Postgres || c.only == "postgres" && !b.Postgres {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f := f.in(t)
			name := fmt.Sprintf("u%d", i)
			f.apply(user(name, c.services...), user("other", "o1"))
			f.handmade(b, c, "uid-"+name)
			f.servicesKept("afterwards")
			if c.want != "" && (c.outcome == accepted || c.outcome == acceptedAtTheEnd && b.Postgres) {
				equal(t, "primary: services", f.servicesOf("uid-"+name), c.want)
			}
			// The operator gives the user what was declared, whatever has happened.
			f.converge(user(name, c.services...), user("other", "o1"))
			f.servicesKept("after the repair")
		})
	}
}

func (f *fixture) handmade(b Backend, c handmade, id string) {
	f.t.Helper()
	before := f.dump()
	err := inTransaction(f.t.Context(), f.sql, nil, c.statements, id)
	want := c.outcome
	switch {
	case want == acceptedAtTheEnd && b.Postgres:
		want = accepted
	case want == acceptedAtTheEnd:
		want = refused
	}
	switch {
	case want == accepted && err != nil:
		f.t.Errorf("refused: %v", err)
	case want == refused && err == nil:
		f.t.Error("accepted")
	case want == refused:
		equal(f.t, "the tables after a refusal", f.dump(), before)
	}
}

// inTransaction runs statements in one transaction. A single one is run as it is.
func inTransaction(ctx context.Context, db *sql.DB, opts *sql.TxOptions, statements []string, id string) error {
	fill := func(s string) string { return strings.ReplaceAll(s, "{id}", "'"+id+"'") }
	if len(statements) == 1 && opts == nil {
		_, err := db.ExecContext(ctx, fill(statements[0]))
		return err
	}
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, fill(statement)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (f *fixture) servicesOf(id string) string {
	f.t.Helper()
	services := f.rows("SELECT service_name FROM pbx_user_services WHERE user_id = $1", id)
	slices.Sort(services)
	return f.value("SELECT primary_service FROM pbx_users WHERE id = $1", id) + ": " + strings.Join(services, " ")
}
