package engines

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// goal is how long a question may take, by 95 of 100.
const goal = 5 * time.Millisecond

// warm is how often each question is asked on one connection, and cold on how many new ones.
const (
	warm = 200
	cold = 15
)

// lookUp is the least that a database can be asked: one row by its primary key.
var lookUp = Question{Name: "one row by its key", Who: Operator, SQL: "SELECT name FROM pbx_phones WHERE id = {phone}"}

// BenchmarkQuestions prints how long each question takes, beside the look-up of one row. It is no number of iterations
// that is measured: the table is all that it makes.
func BenchmarkQuestions(b *testing.B) {
	for _, postgres := range []bool{false, true} {
		b.Run(map[bool]string{false: "SQLite", true: "PostgreSQL"}[postgres], func(b *testing.B) {
			s := New(b, postgres, People)
			db := s.SQL(b)
			before := measure(b, s)
			if err := s.Analyze(b.Context(), db); err != nil {
				b.Fatal(err)
			}
			after := measure(b, s)
			print(b, s, before, after)
			b.ReportMetric(0, "ns/op")
		})
	}
}

// figures are of one question: how long it took on new connections and on one that was used.
type figures struct{ cold, warm []time.Duration }

func measure(b *testing.B, s *Store) map[string]figures {
	b.Helper()
	all := map[string]figures{}
	for _, q := range append([]Question{lookUp}, Questions...) {
		all[q.String()] = figures{cold: asked(b, s, q, cold, true), warm: asked(b, s, q, warm, false)}
	}
	return all
}

// asked times a question so often. What it writes is taken back.
func asked(b *testing.B, s *Store, q Question, times int, fresh bool) []time.Duration {
	b.Helper()
	if q.All {
		times = min(times, 20)
	}
	db := s.connect(b, q)
	db.SetMaxOpenConns(1)
	if fresh {
		db.SetMaxIdleConns(0)
	} else {
		ask(b, db, s, q, 0) // the first is cold
	}
	var took []time.Duration
	for i := range times {
		took = append(took, ask(b, db, s, q, i+1))
	}
	slices.Sort(took)
	return took
}

func ask(b *testing.B, db *sql.DB, s *Store, q Question, i int) time.Duration {
	b.Helper()
	tx, err := db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if s.Postgres && q.Who.Engine() {
		if _, err := tx.ExecContext(b.Context(), "SET LOCAL ROLE pbx_engine"); err != nil {
			b.Fatal(err)
		}
	}
	statement, args := q.For(Person(i*37%s.People+1), s, i)
	began := time.Now()
	err = answer(b.Context(), tx, q.Write, statement, args...)
	if err == nil && s.Postgres && q.Who == Operator && q.Write {
		_, err = tx.ExecContext(b.Context(), "SET CONSTRAINTS ALL IMMEDIATE") // what triggers do at the end
	}
	if err != nil {
		b.Fatalf("%s: %v", statement, err)
	}
	return time.Since(began)
}

// connect has PostgreSQL take a question as who asks sends it: as a text, or prepared for this once.
func (s *Store) connect(b *testing.B, q Question) *sql.DB {
	b.Helper()
	if !s.Postgres {
		return s.SQL(b)
	}
	mode := "simple_protocol"
	if q.Prepared {
		mode = "describe_exec"
	}
	asked := *s
	asked.DSN += "&default_query_exec_mode=" + mode
	return asked.SQL(b)
}

// answer reads all that a statement gives.
func answer(ctx context.Context, tx *sql.Tx, write bool, statement string, args ...any) error {
	if write {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
		return nil
	}
	rows, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// print gives the table. A question that does not meet the goal, once its connection is used, is marked.
func print(b *testing.B, s *Store, before, after map[string]figures) {
	b.Helper()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\n%s, %d people; milliseconds; ratio: p50 warm after ANALYZE to that of one row; load %s", s.Name(), s.People, load)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "question\tbefore: cold p50\tp95\twarm p50\tp95\tp99\tafter: cold p50\tp95\twarm p50\tp95\tp99\tratio\t\t")
	row := after[lookUp.String()].warm
	for _, q := range append([]Question{lookUp}, Questions...) {
		x, y := before[q.String()], after[q.String()]
		mark := ""
		switch {
		case q.All:
			mark = "reads all"
		case percentile(x.warm, 95) > goal || percentile(y.warm, 95) > goal:
			mark = "over " + goal.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%s\t\n", q, cells(x), cells(y),
			float64(percentile(y.warm, 50))/float64(percentile(row, 50)), mark)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

func cells(f figures) string {
	var all []string
	for _, d := range []time.Duration{
		percentile(f.cold, 50), percentile(f.cold, 95), percentile(f.warm, 50), percentile(f.warm, 95), percentile(f.warm, 99),
	} {
		all = append(all, fmt.Sprintf("%.2f", float64(d.Microseconds())/1000))
	}
	return strings.Join(all, "\t")
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
