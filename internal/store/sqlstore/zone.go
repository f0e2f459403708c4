package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// zoneRow is a row of pbx_zone_offsets.
type zoneRow struct {
	zone string
	pbx.Offset
}

// zoneOf gives the rows that the time zone of the store is to have. A zone that nobody knows, which only somebody else
// can have written, is counted as UTC.
func zoneOf(ctx context.Context, tx *sql.Tx, now time.Time) ([]zoneRow, error) {
	var name string
	if err := tx.QueryRowContext(ctx, "SELECT time_zone FROM pbx_system").Scan(&name); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	var rows []zoneRow
	for _, offset := range pbx.Offsets(zone, now) {
		rows = append(rows, zoneRow{name, offset})
	}
	return rows, nil
}

func readZone(ctx context.Context, tx *sql.Tx) (rows []zoneRow, err error) {
	const query = "SELECT zone, since, offset_seconds FROM pbx_zone_offsets ORDER BY zone, since"
	err = each(ctx, tx, query, nil, func(scan func(...any) error) error {
		var row zoneRow
		err := scan(&row.zone, &row.Since, &row.Seconds)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// writeZone writes the offsets of the store's time zone anew.
func writeZone(ctx context.Context, tx *sql.Tx, now time.Time) error {
	rows, err := zoneOf(ctx, tx, now)
	if err != nil {
		return err
	}
	var places []string
	var args []any
	for i, row := range rows {
		places = append(places, fmt.Sprintf("($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3))
		args = append(args, row.zone, row.Since, row.Seconds)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM pbx_zone_offsets"); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO pbx_zone_offsets (zone, since, offset_seconds) VALUES "+strings.Join(places, ", "), args...)
	return err
}
