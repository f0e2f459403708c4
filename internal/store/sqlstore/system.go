package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// systemRow is a phone system's settings as its row holds them.
type systemRow struct {
	domain, mainNumber, deletedBusinessUnit string
	voicemailDigits                         int
	emergencyNumbers, trustedNetworks       string
}

func rowOf(s pbx.System) systemRow {
	return systemRow{
		domain: s.Domain, mainNumber: s.MainNumber, deletedBusinessUnit: s.DeletedBusinessUnit,
		voicemailDigits: s.VoicemailDigits, emergencyNumbers: strings.Join(s.EmergencyNumbers, ","),
		trustedNetworks: strings.Join(s.TrustedNetworks, ","),
	}
}

// Configure implements store.Store.
func (db *DB) Configure(ctx context.Context, system pbx.System) (changed bool, err error) {
	want := rowOf(system)
	var have systemRow
	err = db.read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT domain, main_number, deleted_business_unit, voicemail_digits,
			emergency_numbers, trusted_networks FROM pbx_system`).
			Scan(&have.domain, &have.mainNumber, &have.deletedBusinessUnit, &have.voicemailDigits,
				&have.emergencyNumbers, &have.trustedNetworks)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || have == want {
		return false, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := setOwner(ctx, tx, db.claim); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE pbx_system SET domain = $1, main_number = $2, deleted_business_unit = $3,
			voicemail_digits = $4, emergency_numbers = $5, trusted_networks = $6`,
			want.domain, want.mainNumber, want.deletedBusinessUnit, want.voicemailDigits,
			want.emergencyNumbers, want.trustedNetworks); err != nil {
			return err
		}
		return db.auditSystem(ctx, tx)
	})
	return err == nil, err
}

func (db *DB) auditSystem(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (kind, namespace, name, uid, generation, what)
		VALUES ('PhoneSystem', $1, $2, $3, 0, 'settings')`, db.claim.Namespace, db.claim.Name, db.claim.UID)
	return err
}
