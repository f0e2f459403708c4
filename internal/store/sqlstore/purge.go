package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// erase removes a record with its lists. What others still say of it is kept where they need it: that a phone was the
// last one of a purged user, and that a service of theirs is gone.
func erase(ctx context.Context, tx *sql.Tx, key pbx.Key, id string) error {
	switch key.Kind {
	case pbx.KindUser:
		if _, err := tx.ExecContext(ctx, `UPDATE pbx_phones SET orphaned = 1 WHERE name IN (
			SELECT service_name FROM pbx_user_services mine WHERE user_id = $1 AND NOT EXISTS (
				SELECT 1 FROM pbx_user_services others
				WHERE others.service_name = mine.service_name AND others.user_id <> $1))`, id); err != nil {
			return err
		}
		if err := unlinkHolder(ctx, tx, key.Name); err != nil {
			return err
		}
	case pbx.KindPhoneService:
		if _, err := tx.ExecContext(ctx, `UPDATE pbx_user_services SET gone = 1 WHERE service_name = $1`, key.Name); err != nil {
			return err
		}
	case pbx.KindExtension:
		if _, err := tx.ExecContext(ctx, `DELETE FROM voicemessages WHERE mailboxuser = (
			SELECT number FROM pbx_extensions WHERE id = $1)`, id); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE id = $1", tables[key.Kind].name), id)
	return err
}

// unlinkHolder takes the name of a purged user out of the extensions that they held. The fingerprint goes with it: that
// the holder is gone is nobody's drift.
func unlinkHolder(ctx context.Context, tx *sql.Tx, user string) error {
	held := map[string]pbx.Fingerprints{}
	err := each(ctx, tx, "SELECT id, applied FROM pbx_extensions WHERE holder = $1", []any{user},
		func(scan func(...any) error) error {
			var id, applied string
			if err := scan(&id, &applied); err != nil {
				return err
			}
			held[id] = readFingerprints(applied)
			return nil
		})
	if err != nil {
		return err
	}
	for id, applied := range held {
		delete(applied, string(pbx.FieldHolder))
		prints, err := json.Marshal(applied)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE pbx_extensions SET holder = '', applied = $1 WHERE id = $2",
			string(prints), id); err != nil {
			return err
		}
	}
	return nil
}

// forget takes the name and the values of a purged record out of the audit, which names it by UID from then on, and
// writes the row of the purge.
func (db *DB) forget(ctx context.Context, tx *sql.Tx, t store.Transition) error {
	key, uid := t.Desired.Key, t.Desired.Owner.UID
	if _, err := tx.ExecContext(ctx,
		`UPDATE audit SET name = uid, old_value = CASE what WHEN 'state' THEN old_value ELSE '' END,
			new_value = CASE what WHEN 'state' THEN new_value ELSE '' END
		 WHERE kind = $1 AND name = $2`, string(key.Kind), key.Name); err != nil {
		return err
	}
	if key.Kind == pbx.KindUser {
		if _, err := tx.ExecContext(ctx,
			`UPDATE audit SET old_value = CASE old_value WHEN $1 THEN '' ELSE old_value END,
				new_value = CASE new_value WHEN $1 THEN '' ELSE new_value END
			 WHERE what = 'holder' AND (old_value = $1 OR new_value = $1)`, key.Name); err != nil {
			return err
		}
	}
	row := auditRow{what: "purged", from: string(t.Observed.State()), to: string(pbx.Purged)}
	return db.insertAudit(ctx, tx, t, uid, append([]auditRow{row}, notesOf(t)...))
}
