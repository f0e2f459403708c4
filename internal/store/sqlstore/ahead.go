package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// ahead is what was found in a table before the transaction of a purge: the rows in which the person is named, up to the
// last one that there was.
type ahead struct {
	last int64
	rows []int64
}

// again is how many of the rows before the last one are looked at once more: if those at the end are removed meanwhile, SQLite
// gives their numbers to new ones.
const again = 10000

// chunk is how many rows a statement names.
const chunk = 500

// lookAhead searches the large tables for a person's names before they are purged, where readers do not hold up who
// writes and the transaction of the purge would: an engine waits a few seconds for its turn to write a call record, and
// then the record is lost.
func (db *DB) lookAhead(ctx context.Context, t store.Transition) (map[string]ahead, error) {
	if !db.Dialect.OneWriter || t.Desired.Key.Kind != pbx.KindUser {
		return nil, nil
	}
	found := map[string]ahead{}
	return found, db.read(ctx, func(tx *sql.Tx) error {
		p := &purge{db: db, tx: tx, t: t}
		if err := p.findNames(ctx); err != nil {
			return err
		}
		for _, texts := range anonymised {
			if !texts.ahead {
				continue
			}
			var a ahead
			err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", db.Dialect.RowID, texts.table)).Scan(&a.last)
			if err != nil {
				return err
			}
			rows, err := p.find(ctx, texts, "")
			if err != nil {
				return err
			}
			for _, row := range rows {
				if number, _ := row.row.(int64); number <= a.last-again { // SQLite's rowid; the rest is looked at again
					a.rows = append(a.rows, number)
				}
			}
			found[texts.table+texts.where] = a
		}
		return nil
	})
}

// parts are conditions that say which rows are left to be looked at: all, unless there was a look ahead.
func (p *purge) parts(t texts) []string {
	a, looked := p.ahead[t.table+t.where]
	if !looked {
		return []string{""}
	}
	row := p.db.Dialect.RowID
	parts := []string{fmt.Sprintf("%s > %d", row, a.last-again)}
	for rest := a.rows; len(rest) > 0; {
		n := min(chunk, len(rest))
		numbers := make([]string, n)
		for i, number := range rest[:n] {
			numbers[i] = strconv.FormatInt(number, 10)
		}
		parts = append(parts, row+" IN ("+strings.Join(numbers, ", ")+")")
		rest = rest[n:]
	}
	return parts
}
