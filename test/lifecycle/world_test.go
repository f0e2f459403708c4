package lifecycle

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// limit bounds a wait, generously: a busy machine is slow.
	limit = 90 * time.Second
	// patience is how long a step may take before it is asked whether the operator is still at work.
	patience = 3 * time.Second
	// pause is between two looks.
	pause = 20 * time.Millisecond
)

// world is a company with its operator, its store and its model.
type world struct {
	*rapid.T
	bench  bench
	tenant *operator.Tenant
	// running is the operator; it is replaced by a restart.
	running *operator.Operator
	db      *sql.DB
	model   *model
	// ids are what the model calls the ids of records.
	ids map[string]string
	// written counts what was written into the store beside the operator.
	written int
}

func newWorld(b bench, backend operator.Backend) *world {
	w := &world{T: b.try, bench: b, tenant: operator.NewTenant(b, backend), model: newModel(), ids: map[string]string{}}
	w.tenant.Create(w.tenant.NewPhoneSystem())
	w.running = operator.Start(b, w.tenant.Options())
	w.tenant.Ready(limit)
	w.db = w.tenant.SQL()
	return w
}

// settle waits until everything is as the model says, and then lets time pass, so that calls can be told to be of before
// and after.
func (w *world) settle() {
	if !w.model.settle() {
		w.Fatalf("the model does not come to rest")
	}
	w.await()
	now := w.model.holding()
	now.at = time.Now().UTC().Truncate(time.Second)
	w.model.calls.history = append(w.model.calls.history, now)
	hours := rapid.SampledFrom([]int{1, 1, 3, 26, 24 * 8, 24 * 40}).Draw(w.T, "hours that pass")
	w.model.calls.shift(time.Duration(hours) * time.Hour)
	move := "UPDATE pbx_holders SET since = datetime(since, '-%d hours'), until = datetime(until, '-%[1]d hours')"
	if w.tenant.DSN != "" {
		move = "UPDATE pbx_holders SET since = since - interval '%d hours', until = until - interval '%[1]d hours'"
	}
	w.exec(fmt.Sprintf(move, hours))
}

// await waits until nothing is wrong. What is still wrong when the operator has come to rest stays so.
func (w *world) await() {
	for patient := range 3 {
		for begun := time.Now(); time.Since(begun) < patience; <-time.After(pause) {
			if w.wrong() == nil {
				return
			}
		}
		if patient < 2 {
			w.running.Settle(w.bench)
		}
	}
	w.Fatalf("the store and the objects (+) are not as the contract says (-):\n%s\nThe objects say:\n%s",
		strings.Join(w.wrong(), "\n"), strings.Join(w.tenant.Unready(), "\n"))
}

// wrong tells what the store or the API server shows that the contract does not say, and the other way round.
func (w *world) wrong() []string {
	want, got := w.model.expected(time.Now().UTC()), w.actual()
	var all []string
	for name := range queries {
		all = append(all, differences(name, want[name], got[name])...)
	}
	if len(all) == 0 {
		all = w.wrongObjects()
	}
	return sorted(all)
}

// differences gives the rows that are only in one of two lists.
func differences(name string, want, got []string) []string {
	counts := map[string]int{}
	for _, row := range want {
		counts[row]--
	}
	for _, row := range got {
		counts[row]++
	}
	var all []string
	for row, n := range counts {
		if n != 0 {
			all = append(all, fmt.Sprintf("%s: %+d %s", name, n, row))
		}
	}
	return all
}

// actual reads what is to be compared, with ids as the model calls them.
func (w *world) actual() map[string][]string {
	w.learn(kindUser, "SELECT id FROM pbx_users WHERE name = $1")
	w.learn(kindLine, "SELECT id FROM pbx_extensions WHERE name = $1")
	all := map[string][]string{}
	for name, query := range queries {
		rows := w.rows(query)
		for i, row := range rows {
			cells := strings.Split(row, "|")
			for j, cell := range cells {
				cells[j] = or(w.ids[cell], cell)
			}
			rows[i] = strings.Join(cells, "|")
		}
		all[name] = rows
	}
	return all
}

// learn finds out the ids of new records. From then on they do not change.
func (w *world) learn(kind, query string) {
	known := map[string]bool{}
	for _, id := range w.ids {
		known[id] = true
	}
	for name, id := range w.model.recordIDs(kind) {
		if known[id] {
			continue
		}
		if rows := w.rows(query, name); len(rows) == 1 {
			w.ids[rows[0]] = id
		}
	}
}

func (m *model) recordIDs(kind string) map[string]string {
	ids := map[string]string{}
	if kind == kindUser {
		for name, r := range m.users {
			ids[name] = idText(r.id)
		}
		return ids
	}
	for name, r := range m.lines {
		ids[name] = idText(r.id)
	}
	return ids
}

func (w *world) rows(query string, args ...any) []string {
	return w.tenant.Rows(w.db, query, args...)
}

// exec runs a statement as somebody else.
func (w *world) exec(statement string, args ...any) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := w.db.ExecContext(ctx, statement, args...); err != nil {
		w.Fatalf("%s %q: %v", statement, args, err)
	}
}
