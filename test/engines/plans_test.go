package engines

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// times is how often each question is asked: PostgreSQL plans a prepared statement, a trigger's too, once and for all
// after five times.
const times = 8

// TestPlans: whatever is asked about one person is found by index, before the database has looked at its tables and after.
func TestPlans(t *testing.T) {
	for _, postgres := range []bool{false, true} {
		s := New(t, postgres, People)
		t.Run(s.Name(), func(t *testing.T) {
			t.Run("before ANALYZE", func(t *testing.T) { testPlans(t, s, false) })
			if err := s.Analyze(t.Context(), s.SQL(t)); err != nil {
				t.Fatal(err)
			}
			t.Run("after ANALYZE", func(t *testing.T) { testPlans(t, s, true) })
		})
	}
}

func testPlans(t *testing.T, s *Store, analyzed bool) {
	db := s.SQL(t)
	if s.Postgres {
		db.SetMaxOpenConns(1)
	}
	for _, q := range Questions {
		if q.All || q.Analyzed && !analyzed {
			continue
		}
		t.Run(q.String(), func(t *testing.T) {
			if s.Postgres {
				byPostgres(t, s, db, q)
			} else {
				bySQLite(t, s, db, q)
			}
		})
	}
}

func bySQLite(t *testing.T, s *Store, db *sql.DB, q Question) {
	statement, args := q.For(4242, s, 1)
	scanned, err := ScannedBySQLite(t.Context(), db, statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if len(scanned) > 0 {
		t.Errorf("%s\nreads all of %s:\n%s", statement, strings.Join(scanned, ", "), Plan(t.Context(), db, false, statement, args...))
	}
}

// byPostgres asks as the engine does, and with its rights, in a transaction that is taken back.
func byPostgres(t *testing.T, s *Store, db *sql.DB, q Question) {
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if q.Who.Engine() {
		exec("SET LOCAL ROLE pbx_engine")
	}
	statement, args := q.For(4242, s, 0)
	planned, cost, err := PlannedByPostgres(t.Context(), tx, statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	plan := Plan(t.Context(), tx, true, statement, args...)
	before, err := ReadByPostgres(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range times {
		statement, args := q.For(Person(4242+i), s, i)
		exec(statement, args...)
	}
	exec("SET CONSTRAINTS ALL IMMEDIATE") // what triggers do at the end
	after, err := ReadByPostgres(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	scanned, rows := Difference(before, after)
	if len(planned)+len(scanned) > 0 || cost > Dear || rows > times*FewRows {
		t.Errorf("%s\nplanned to read all of %q, has read all of %q, %d rows in %d times, cost %.0f:\n%s",
			statement, planned, scanned, rows, times, cost, plan)
	}
}

// TestLoad: what is loaded past the triggers is what they would have made.
func TestLoad(t *testing.T) {
	for _, postgres := range []bool{false, true} {
		loaded, triggered := New(t, postgres, 120), New(t, postgres, 0)
		t.Run(loaded.Name(), func(t *testing.T) {
			db := triggered.SQL(t)
			for _, group := range [][]rows{records, written} {
				if err := insert(t.Context(), db, triggered.dialect, group, 120); err != nil {
					t.Fatal(err)
				}
			}
			for _, query := range []string{
				"SELECT digits || ' ' || extension_id FROM pbx_claimed_numbers ORDER BY 1",
				"SELECT kind || ' ' || address || ' ' || user_id || ' ' || service FROM pbx_holders WHERE until IS NULL ORDER BY 1",
				"SELECT name || ' ' || primary_service FROM pbx_users ORDER BY 1",
				"SELECT username || ' ' || user_agent FROM pbx_registrations ORDER BY 1",
				"SELECT username FROM location ORDER BY 1",
				"SELECT endpoint FROM ps_contacts ORDER BY 1",
			} {
				got, want := column(t, loaded.SQL(t), query), column(t, db, query)
				if len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: loaded\n%q\ntriggers make\n%q", query, got, want)
				}
			}
		})
	}
}

func column(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
