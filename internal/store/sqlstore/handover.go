package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// exec runs statements with the same arguments, one after the other.
func exec(ctx context.Context, tx *sql.Tx, args []any, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// handOver does what a change of an extension's holder or number means for what hangs on it, before its row is written.
func (db *DB) handOver(ctx context.Context, tx *sql.Tx, t store.Transition, id string) error {
	if t.Desired.Key.Kind != pbx.KindExtension || id == "" {
		return nil
	}
	for _, change := range t.Changes {
		var err error
		switch c := change.(type) {
		case pbx.Reset:
			err = db.reset(ctx, tx, t, id, c)
		case pbx.RemoveBox:
			err = exec(ctx, tx, []any{boxOf(t.Observed.Fields[pbx.FieldNumber], id)}, "DELETE FROM voicemessages WHERE mailboxuser = $1")
		case pbx.Set:
			err = handOverField(ctx, tx, t.Desired.Key.Name, id, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func handOverField(ctx context.Context, tx *sql.Tx, extension, id string, c pbx.Set) error {
	switch {
	case c.Field == pbx.FieldNumber:
		return moveBox(ctx, tx, boxOf(c.From, id), boxOf(c.To, id), c.Drift)
	case c.Field == pbx.FieldHolder && c.To != "":
		return exec(ctx, tx, []any{extension, c.To}, `UPDATE pbx_phones SET released_from = trim(replace(
				' ' || released_from || ' ', ' ' || coalesce((SELECT id FROM pbx_users WHERE name = $2), '') || ' ', ' '))
			WHERE extension = $1 AND released_from <> ''`)
	default:
		return nil
	}
}

// reset takes from the phones and the box of an extension what its previous holder had. The phones' objects are woken,
// since their credentials have to be made anew.
func (db *DB) reset(ctx context.Context, tx *sql.Tx, t store.Transition, id string, r pbx.Reset) error {
	extension := t.Desired.Key.Name
	for _, item := range r.Clear {
		var err error
		switch item {
		case pbx.ReleasePassword:
			err = db.takePhones(ctx, tx, t, item, "ha1 = '', ha1b = '', released_print = password_print",
				"extension = $1 AND ha1 <> ''", extension)
		case pbx.ReleaseDevices:
			err = db.takePhones(ctx, tx, t, item, `released_from =
				trim(released_from || ' ' || coalesce((SELECT id FROM pbx_users WHERE name = $2), 'unknown'))`,
				"extension = $1 AND name NOT IN (SELECT primary_service FROM pbx_users WHERE name = $2)", extension, r.Leaver)
		case pbx.ReleasePreferences:
			err = exec(ctx, tx, []any{boxOf(r.Number, id)}, "DELETE FROM preferences WHERE extension = $1",
				"DELETE FROM voicemessages WHERE mailboxuser = $1 AND msgnum < 0")
		}
		if err != nil {
			return err
		}
	}
	statements := []string{"INSERT INTO pbx_changes (kind, name) SELECT 'PhoneService', name FROM pbx_phones WHERE extension = $1"}
	if err := exec(ctx, tx, []any{extension}, statements...); err != nil || db.Dialect.Notify == "" {
		return err
	}
	return exec(ctx, tx, nil, db.Dialect.Notify)
}

// takePhones takes phones, or what is on them, from somebody, and tells so in their audit.
func (db *DB) takePhones(
	ctx context.Context, tx *sql.Tx, t store.Transition, item pbx.ReleaseItem, set, where string, args ...any,
) error {
	if err := db.auditPhones(ctx, tx, t, item, where, args...); err != nil {
		return err
	}
	return exec(ctx, tx, args, "UPDATE pbx_phones SET "+set+" WHERE "+where)
}

// auditPhones writes into the audit of each phone what is taken with it.
func (db *DB) auditPhones(
	ctx context.Context, tx *sql.Tx, t store.Transition, item pbx.ReleaseItem, where string, args ...any,
) error {
	n := len(args)
	author := append(slices.Clone(args), db.claim.Namespace, t.Author.Requester, t.Author.FieldManager, string(item))
	return exec(ctx, tx, author, fmt.Sprintf(`INSERT INTO audit
		(namespace, requester, field_manager, new_value, what, kind, name, uid, generation)
		SELECT CAST($%d AS text), CAST($%d AS text), CAST($%d AS text), CAST($%d AS text), 'reset', 'PhoneService', name, uid, generation
		FROM pbx_phones WHERE %s ORDER BY name`, n+1, n+2, n+3, n+4, where))
}

// boxOf is what the messages of an extension are kept under: its number, or, while it waits for one, its id.
func boxOf(number, id string) string {
	if number == "" {
		return id
	}
	return number
}

// moveBox lets messages, greetings and preferences follow a number. Messages that are at the new number although nobody
// had it are left where they are, before the others; greetings there are a stranger's, unless it is the box's own number
// that comes back.
func moveBox(ctx context.Context, tx *sql.Tx, from, to string, back bool) error {
	strangers, args := "DELETE FROM voicemessages WHERE mailboxuser = CAST($1 AS text) AND msgnum < 0", []any{to}
	if back {
		strangers, args = strangers+` AND dir IN (
			SELECT replace(dir, '/' || CAST($2 AS text) || '/', '/' || CAST($1 AS text) || '/')
			FROM voicemessages WHERE mailboxuser = CAST($2 AS text) AND msgnum < 0)`, append(args, from)
	}
	if err := exec(ctx, tx, args, strangers); err != nil {
		return err
	}
	return exec(ctx, tx, []any{from, to},
		`UPDATE voicemessages SET mailboxuser = CAST($2 AS text),
			dir = replace(dir, '/' || CAST($1 AS text) || '/', '/' || CAST($2 AS text) || '/'),
			msgnum = msgnum + CASE WHEN msgnum < 0 THEN 0 ELSE coalesce((
				SELECT max(there.msgnum) + 1 FROM voicemessages there WHERE there.mailboxuser = CAST($2 AS text)), 0) END
		 WHERE mailboxuser = CAST($1 AS text)`,
		"UPDATE preferences SET extension = CAST($2 AS text) WHERE extension = CAST($1 AS text)")
}
