package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// limit is how long a test waits for what has to happen.
const limit = 30 * time.Second

// patience is how often a reconcile observes anew because something has changed meanwhile.
const patience = 200

var (
	mine   = store.Claim{UID: "mine", Namespace: "acme", Name: "default"}
	system = pbx.System{
		Domain: "acme.example", MainNumber: "+49300", DeletedBusinessUnit: "Gone", VoicemailDigits: 4,
		EmergencyNumbers: []string{"112", "911"}, TrustedNetworks: []string{"10.0.0.0/8"}, TimeZone: "UTC",
	}
	author = store.Author{Requester: "kim@acme.example", FieldManager: "kubectl"}
)

// fixture is an opened store, and the database as somebody else sees it.
type fixture struct {
	t     *testing.T
	db    Database
	store store.Store
	sql   *sql.DB
}

// newFixture opens a store in a database of its own, configured.
func newFixture(t *testing.T, b Backend) *fixture {
	t.Helper()
	db := b.NewMigrated(t)
	f := &fixture{t: t, db: db, store: open(t, db, mine), sql: db.SQL(t)}
	if _, err := f.store.Configure(t.Context(), system); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	return f
}

// open opens a store that is closed at the end of the test.
func open(t *testing.T, db Database, claim store.Claim) store.Store {
	t.Helper()
	s, err := db.Open(t.Context(), claim)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// in gives the fixture to a subtest.
func (f *fixture) in(t *testing.T) *fixture {
	sub := *f
	sub.t = t
	return &sub
}

func (f *fixture) observe(o object) pbx.Observation {
	f.t.Helper()
	got, err := f.store.Observe(f.t.Context(), o.desired())
	if err != nil {
		f.t.Fatalf("Observe %s: %v", o.key(), err)
	}
	return got
}

// plan observes and plans.
func (f *fixture) plan(o object) (store.Transition, pbx.Plan) {
	f.t.Helper()
	d, seen := o.desired(), f.observe(o)
	plan, err := pbx.MakePlan(d, seen)
	if err != nil {
		f.t.Fatalf("MakePlan %s: %v", o.key(), err)
	}
	return store.Transition{Desired: d, Observed: seen.Record, Changes: plan.Changes, Author: author}, plan
}

// reconcile observes, plans and applies once more whenever something has changed meanwhile.
func reconcile(ctx context.Context, s store.Store, o object) (pbx.Plan, error) {
	for range patience {
		d := o.desired()
		seen, err := s.Observe(ctx, d)
		if err != nil {
			return pbx.Plan{}, err
		}
		plan, err := pbx.MakePlan(d, seen)
		if err != nil {
			return plan, err
		}
		err = s.Apply(ctx, store.Transition{Desired: d, Observed: seen.Record, Changes: plan.Changes, Author: author})
		if !errors.Is(err, store.ErrChanged) {
			return plan, err
		}
	}
	return pbx.Plan{}, fmt.Errorf("%s changes all the time", o.key())
}

// apply reconciles objects, one after the other, and gives the plan of the last one.
func (f *fixture) apply(objects ...object) (plan pbx.Plan) {
	f.t.Helper()
	for _, o := range objects {
		var err error
		if plan, err = reconcile(f.t.Context(), f.store, o); err != nil {
			f.t.Fatalf("reconcile %s: %v", o.key(), err)
		}
	}
	return plan
}

// quiet sees that nothing is left to do for the objects.
func (f *fixture) quiet(objects ...object) {
	f.t.Helper()
	for _, o := range objects {
		if _, plan := f.plan(o); len(plan.Changes)+len(plan.Conflicts) > 0 {
			f.t.Errorf("%s: something is left to do: %+v", o.key(), plan)
		}
	}
}

// converge reconciles the objects, round by round in their order, until a round changes nothing.
func (f *fixture) converge(objects ...object) {
	f.t.Helper()
	for range 5 {
		changes := 0
		for _, o := range objects {
			changes += len(f.apply(o).Changes)
		}
		if changes == 0 {
			return
		}
	}
	f.t.Errorf("after five rounds there is still something to do")
}

// byHand runs a statement as somebody else.
func (f *fixture) byHand(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.sql.ExecContext(f.t.Context(), statement, args...); err != nil {
		f.t.Fatalf("%s: %v", statement, err)
	}
}

// rows gives the rows of a query, the columns with bars between.
func (f *fixture) rows(query string, args ...any) []string {
	f.t.Helper()
	got, err := readRows(f.t.Context(), f.sql, query, args...)
	if err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
	return got
}

// value gives the only column of the only row of a query.
func (f *fixture) value(query string, args ...any) string {
	f.t.Helper()
	rows := f.rows(query, args...)
	if len(rows) != 1 {
		f.t.Fatalf("%s: rows %q, want one", query, rows)
	}
	return rows[0]
}

func readRows(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []string
	for rows.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		texts := make([]string, len(cells))
		for i, cell := range cells {
			texts[i] = text(cell)
		}
		all = append(all, strings.Join(texts, "|"))
	}
	return all, rows.Err()
}

// text writes a value of either database the same way.
func text(cell any) string {
	switch v := cell.(type) {
	case nil:
		return "NULL"
	case []byte:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	default:
		return fmt.Sprint(v)
	}
}

// equal compares, with nil and empty being equal.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if v := reflect.ValueOf(got); want == nil && v.IsValid() {
		want = reflect.Zero(v.Type()).Interface()
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
