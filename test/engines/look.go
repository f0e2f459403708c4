package engines

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Grow are the tables that grow with the people or with time. Nobody who asks about one person may read one from end to
// end.
var Grow = []string{
	"pbx_users", "pbx_extensions", "pbx_phones", "pbx_direct_numbers", "pbx_user_services", "pbx_claimed_numbers", "pbx_holders",
	"pbx_registrations", "pbx_emergency_calls", "location", "ps_contacts", "cdr", "voicemessages", "audit",
}

// ScannedBySQLite gives the tables of Grow that a statement of SQLite reads from end to end, itself or in a trigger. It
// looks at the program that the statement is compiled to, which has the programs of triggers, too: EXPLAIN QUERY PLAN has
// not, and says SCAN of an alias without saying whose.
func ScannedBySQLite(ctx context.Context, db *sql.DB, statement string, args ...any) ([]string, error) {
	roots, err := rootPages(ctx, db)
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "EXPLAIN "+statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]bool{}
	var program []step
	for rows.Next() {
		var s step
		var p3, p4, p5, comment any
		if err := rows.Scan(&s.at, &s.operation, &s.p1, &s.p2, &p3, &p4, &p5, &comment); err != nil {
			return nil, err
		}
		if s.at == 0 { // the next trigger's
			scans(program, roots, found)
			program = nil
		}
		program = append(program, s)
	}
	scans(program, roots, found)
	return sorted(found), rows.Err()
}

// step is one of a compiled program. p1 is its cursor, p2 a root page or where it jumps to.
type step struct {
	at, p1, p2 int
	operation  string
}

// scans finds the cursors that begin at an end of a table of Grow and go on to the next row.
func scans(program []step, roots map[int]string, found map[string]bool) {
	tables, begun, targets := map[int]string{}, map[int]bool{}, map[int]bool{}
	for _, s := range program {
		targets[s.p2] = targets[s.p2] || s.operation != "OpenRead" && s.operation != "OpenWrite"
	}
	for i, s := range program {
		switch s.operation {
		case "OpenRead", "OpenWrite", "ReopenIdx":
			tables[s.p1] = roots[s.p2]
		case "Rewind", "Last":
			begun[s.p1] = true
		case "Next", "Prev", "Count":
			// The highest of an index is its last entry: the step to the next one is there, and nobody comes to it.
			reached := i == 0 || program[i-1].operation != "Goto" || targets[s.at]
			if reached && slices.Contains(Grow, tables[s.p1]) && (begun[s.p1] || s.operation == "Count") {
				found[tables[s.p1]] = true
			}
		}
	}
}

// rootPages are those of tables and of their indexes.
func rootPages(ctx context.Context, db *sql.DB) (map[int]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	pages := map[int]string{}
	for rows.Next() {
		var page int
		var table string
		if err := rows.Scan(&page, &table); err != nil {
			return nil, err
		}
		pages[page] = table
	}
	return pages, rows.Err()
}

// Read is what PostgreSQL counts for a table: how often it was read from end to end, and the rows that were looked at.
type Read struct{ Scans, Rows int64 }

// ReadByPostgres gives what a transaction has read so far, by table. Triggers and functions are in it, and so is what the
// connection has not told the server yet of earlier ones: compare two.
func ReadByPostgres(ctx context.Context, tx *sql.Tx) (map[string]Read, error) {
	tables, err := tx.QueryContext(ctx, "SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables")
	if err != nil {
		return nil, err
	}
	defer tables.Close()
	all := map[string]Read{}
	for tables.Next() {
		var table string
		var read Read
		if err := tables.Scan(&table, &read.Scans, &read.Rows); err != nil {
			return nil, err
		}
		all[table] = read
	}
	return all, tables.Err()
}

// Difference gives the tables of Grow that were scanned between, and the number of rows that were looked at.
func Difference(before, after map[string]Read) (scanned []string, rows int64) {
	for table, read := range after {
		rows += read.Rows - before[table].Rows
		if read.Scans > before[table].Scans && slices.Contains(Grow, table) {
			scanned = append(scanned, table)
		}
	}
	slices.Sort(scanned)
	return scanned, rows
}

// node is a part of a plan of PostgreSQL.
type node struct {
	Type      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Condition string  `json:"Index Cond"`
	Cost      float64 `json:"Total Cost"`
	Plans     []node
}

// PlannedByPostgres gives the tables of Grow that a plan reads from end to end, be it along an index, and what the planner
// thinks that it costs. A Limit above a walk along an index stops it.
func PlannedByPostgres(ctx context.Context, tx *sql.Tx, statement string, args ...any) (scanned []string, cost float64, err error) {
	var text string
	if err := tx.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+statement, args...).Scan(&text); err != nil {
		return nil, 0, err
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return nil, 0, err
	}
	found := map[string]bool{}
	for _, p := range plans {
		p.Plan.scans(found)
		cost = max(cost, p.Plan.Cost)
	}
	return sorted(found), cost, nil
}

func (n node) scans(found map[string]bool) {
	walk := strings.HasPrefix(n.Type, "Index") && n.Condition == ""
	if (n.Type == "Seq Scan" || walk) && slices.Contains(Grow, n.Relation) {
		found[n.Relation] = true
	}
	for _, below := range n.Plans {
		if n.Type != "Limit" || !strings.HasPrefix(below.Type, "Index") {
			below.scans(found)
		}
	}
}

// Plan is that of a statement, for a person to read.
func Plan(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, postgres bool, statement string, args ...any,
) string {
	prefix := "EXPLAIN QUERY PLAN "
	if postgres {
		prefix = "EXPLAIN "
	}
	rows, err := db.QueryContext(ctx, prefix+statement, args...)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		into := []any{&line}
		if !postgres {
			into = []any{new(any), new(any), new(any), &line}
		}
		if err := rows.Scan(into...); err != nil {
			return err.Error()
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(lines, "\n")
}

// FewRows is how many rows one question may look at, and Dear what the planner may think that it costs: above, JIT begins,
// which takes longer than any answer.
const (
	FewRows = 300
	Dear    = 100_000
)

func sorted(set map[string]bool) []string {
	var all []string
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// String is a question's name with who asks.
func (q Question) String() string { return fmt.Sprintf("%s: %s", q.Who, q.Name) }
