package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// setting is a phone system's setting as its row holds it.
type setting struct {
	column string
	value  any
}

func settingsOf(s pbx.System) []setting {
	n := s.Numbering
	return []setting{
		{"domain", s.Domain},
		{"main_number", s.MainNumber},
		{"deleted_business_unit", s.DeletedBusinessUnit},
		{"voicemail_digits", s.VoicemailDigits},
		{"country", n.Country},
		{"area", n.Area},
		{"outside", n.Outside},
		{"international", n.International},
		{"national", n.National},
		{"emergency_numbers", strings.Join(s.EmergencyNumbers, ",")},
		{"emergency_forms", formsOf(s)},
		{"callback_minutes", s.CallbackMinutes},
		{"trusted_networks", strings.Join(s.TrustedNetworks, ",")},
		{"time_zone", s.TimeZone},
	}
}

// formsOf writes the ways to dial emergency numbers as dialled=number, with semicolons between.
func formsOf(s pbx.System) string {
	var forms []string
	for _, form := range s.EmergencyForms() {
		forms = append(forms, form.Dialled+"="+form.Number)
	}
	return strings.Join(forms, ";")
}

// Configure implements store.Store.
func (db *DB) Configure(ctx context.Context, system pbx.System) (changed bool, err error) {
	unsaid := func(s setting) bool { return s == setting{"time_zone", ""} }
	want, now := slices.DeleteFunc(settingsOf(system), unsaid), time.Now()
	same, err := db.configured(ctx, want, now)
	if err != nil || same {
		return false, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := setOwner(ctx, tx, db.claim); err != nil {
			return err
		}
		var assignments []string
		var args []any
		for i, s := range want {
			assignments, args = append(assignments, fmt.Sprintf("%s = $%d", s.column, i+1)), append(args, s.value)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE pbx_system SET "+strings.Join(assignments, ", "), args...); err != nil {
			return err
		}
		if err := writeZone(ctx, tx, now); err != nil {
			return err
		}
		return db.auditSystem(ctx, tx)
	})
	return err == nil, err
}

// configured says whether the store has these settings, and the offsets of its time zone as they are to be now.
func (db *DB) configured(ctx context.Context, want []setting, now time.Time) (same bool, err error) {
	columns, have, into := make([]string, len(want)), make([]string, len(want)), make([]any, len(want))
	for i, s := range want {
		columns[i], into[i] = s.column, &have[i]
	}
	err = db.read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM pbx_system").Scan(into...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		same = err == nil && slices.EqualFunc(want, have, func(s setting, value string) bool { return fmt.Sprint(s.value) == value })
		if !same {
			return err
		}
		wanted, err := zoneOf(ctx, tx, now)
		if err != nil {
			return err
		}
		written, err := readZone(ctx, tx)
		same = slices.Equal(wanted, written)
		return err
	})
	return same, err
}

func (db *DB) auditSystem(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (kind, namespace, name, uid, generation, what)
		VALUES ('PhoneSystem', $1, $2, $3, 0, 'settings')`, db.claim.Namespace, db.claim.Name, db.claim.UID)
	return err
}
