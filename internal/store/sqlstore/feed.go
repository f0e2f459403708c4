package sqlstore

import (
	"context"
	"database/sql"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// Drain takes note of what somebody else has changed: it removes the keys from the feed and gives each once.
//
// Taking rows out, rather than reading past a position, misses nothing: a row becomes visible when its transaction
// commits, in whatever order the numbers were given. With an error there may be keys as well, if the end of the
// transaction was not seen: they may be told again.
func (db *DB) Drain(ctx context.Context) ([]pbx.Key, error) {
	var waiting bool
	err := db.read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pbx_changes)").Scan(&waiting)
	})
	if err != nil || !waiting {
		return nil, err
	}
	var keys []pbx.Key
	err = db.write(ctx, func(tx *sql.Tx) error {
		keys = nil
		seen := map[pbx.Key]bool{}
		return each(ctx, tx, "DELETE FROM pbx_changes RETURNING kind, name", nil, func(scan func(...any) error) error {
			var key pbx.Key
			if err := scan(&key.Kind, &key.Name); err != nil {
				return err
			}
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
			return nil
		})
	})
	return keys, err
}
