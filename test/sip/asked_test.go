package sip

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/test/engines"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// enoughPeople is so many that PostgreSQL prefers an index to reading all of them.
const enoughPeople = 2000

// TestAskedByIndex listens to what Kamailio asks for phones that register and call, and sees that the database finds each
// answer by index. So the list of questions may be behind the configuration, but no question is without this test.
func TestAskedByIndex(t *testing.T) {
	t.Parallel()
	kamailioProgram(t)
	server := pgserver.New(t)
	store := engines.NewPostgres(t, server.NewDatabase(t), enoughPeople)
	db := store.SQL(t)
	if _, err := db.ExecContext(t.Context(), "CREATE USER engine PASSWORD 'engine' IN ROLE pbx_engine; ANALYZE"); err != nil {
		t.Fatal(err)
	}
	listened := newEar(t, kamailioURL(t, store.DSN, url.UserPassword("engine", "engine")))
	gateway := newAgent(t, "127.0.0.1:9")
	e := newEngine(t, shipped, listened.dsn, gateway)
	live(t, e)
	seen := map[string]bool{}
	for _, text := range listened.heard() {
		shape := engines.Shape(text)
		if seen[shape] || engines.AsksForAll(text) || !asks(shape) {
			continue
		}
		seen[shape] = true
		t.Run(shape, func(t *testing.T) { byIndex(t, db, text) })
	}
	if len(seen) < 6 {
		t.Errorf("Kamailio has asked no more than %v", seen)
	}
}

// asks says that a statement reads or writes a table.
func asks(shape string) bool {
	verb, _, _ := strings.Cut(shape, " ")
	return verb == "select" || verb == "insert" || verb == "update" || verb == "delete"
}

// live has phones do what phones do.
func live(t *testing.T, e *engine) {
	t.Helper()
	p, q := engines.Person(1242), engines.Person(1246)
	answers := newAgent(t, e.address)
	for range 2 { // a registration, and one that is refreshed
		if err := answers.register(q, answerLimit); err != nil {
			t.Fatal(err)
		}
	}
	a := newAgent(t, e.address)
	if err := a.register(p, answerLimit); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{q.Number(), q.Direct(), "+4940123456"} {
		if err := a.call(p, number, answerLimit); err != nil {
			t.Errorf("a call to %s: %v", number, err)
		}
	}
	if err := a.stranger("INVITE", "nobody", q.Number(), answerLimit); err != nil {
		t.Error(err)
	}
	if _, _, err := a.emergencyCall(e.gateway, p); err != nil {
		t.Errorf("an emergency call: %v", err)
	}
}

// byIndex has the database plan what an engine has asked, with the rights of an engine, and asks it again where nothing is
// written.
func byIndex(t *testing.T, db *sql.DB, text string) {
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "SET LOCAL ROLE pbx_engine"); err != nil {
		t.Fatal(err)
	}
	planned, cost, err := engines.PlannedByPostgres(t.Context(), tx, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	before, err := engines.ReadByPostgres(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(engines.Shape(text), "select") {
		if _, err := tx.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	after, err := engines.ReadByPostgres(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	scanned, rows := engines.Difference(before, after)
	if len(planned)+len(scanned) > 0 || cost > engines.Dear || rows > engines.FewRows {
		t.Errorf("%s\nplanned to read all of %q, has read all of %q, %d rows, cost %.0f:\n%s",
			text, planned, scanned, rows, cost, engines.Plan(t.Context(), tx, true, text))
	}
}
