package engines

import (
	"context"
	"database/sql"
)

// dialect is in what the two databases differ here.
type dialect struct {
	postgres bool
	// longAgo, now, farOff and zero are times, as Kamailio writes them; zero is 1970.
	longAgo, now, farOff, zero literal
}

func dialectOf(postgres bool) dialect {
	if postgres {
		return dialect{postgres: true, longAgo: "'2026-01-01 00:00:00'", now: "'2026-02-03 04:05:06'", farOff: "'2100-01-01 00:00:00'", zero: "'1970-01-01 00:00:00'"}
	}
	return dialect{longAgo: "2461041.5", now: "2461074.67", farOff: "2488069.5", zero: "2440587.5"} // Julian days
}

// mute has a transaction run no trigger, until the statements that it gives have run.
func (d dialect) mute(ctx context.Context, tx *sql.Tx) ([]string, error) {
	if d.postgres {
		_, err := tx.ExecContext(ctx, "SET LOCAL session_replication_role = replica; SET LOCAL jit = off")
		return nil, err
	}
	triggers, err := tx.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
	if err != nil {
		return nil, err
	}
	defer triggers.Close()
	var names, restore []string
	for triggers.Next() {
		var name, text string
		if err := triggers.Scan(&name, &text); err != nil {
			return nil, err
		}
		names, restore = append(names, name), append(restore, text)
	}
	if err := triggers.Err(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := tx.ExecContext(ctx, "DROP TRIGGER "+name); err != nil {
			return nil, err
		}
	}
	return restore, nil
}
