package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// purge is the removal of one record for good, in one transaction.
type purge struct {
	db *DB
	tx *sql.Tx
	t  store.Transition
	// id of the row; empty if it is gone already.
	id string
	// ids are all that rows may be linked to the record by.
	ids []string
	// names that the person was ever given; among them addresses and logins.
	addresses, logins []string
	names             []string
	// lastAudit is the last row of the audit before the purge.
	lastAudit int64
	receipt   receipt
	// ahead is what was found before the transaction, by table; begin, where others write at the same time, its beginning.
	ahead map[string]ahead
	begin string
}

// purge removes a record with all that is personal, and writes the receipt. What others need of it stays: call records
// and bills without the link to the person, that a phone was taken from somebody, and that a service of theirs is gone.
func (db *DB) purge(ctx context.Context, tx *sql.Tx, t store.Transition, id string, found map[string]ahead) error {
	p := &purge{db: db, tx: tx, t: t, id: id, receipt: newReceipt(), ahead: found}
	steps := []func(context.Context) error{p.findIDs}
	switch t.Desired.Key.Kind {
	case pbx.KindUser:
		steps = append(steps, p.findNames, p.blankAuthor, p.markBegin, p.releaseExtensions, p.notePhones, p.removeOwned, p.removeDialogs, p.anonymise, p.countOthers,
			p.removeRecord, p.forgetHolding, p.anonymiseLate)
	case pbx.KindExtension:
		steps = append(steps, p.removeBox, p.removeRecord)
	case pbx.KindPhoneService:
		steps = append(steps, p.markGone, p.removeRecord, p.forgetPhone)
	}
	for _, step := range append(steps, p.forgetAudit, p.writeReceipt) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findIDs finds the id of a row that somebody else removed among the UIDs that the audit knows the record by.
func (p *purge) findIDs(ctx context.Context) error {
	if p.id != "" {
		p.ids = []string{p.id}
	}
	return each(ctx, p.tx, "SELECT DISTINCT uid FROM audit WHERE kind = $1 AND name = $2 AND name <> uid",
		[]any{string(p.t.Desired.Key.Kind), p.t.Desired.Key.Name}, func(scan func(...any) error) error {
			var uid string
			err := scan(&uid)
			if uid != "" && uid != p.id {
				p.ids = append(p.ids, uid)
			}
			return err
		})
}

// ofIDs makes a condition that a column holds one of the ids.
func (p *purge) ofIDs(column string) (condition string, args []any) {
	places := []string{"''"}
	for i, id := range p.ids {
		places = append(places, fmt.Sprintf("$%d", i+1))
		args = append(args, id)
	}
	return column + " <> '' AND " + column + " IN (" + strings.Join(places, ", ") + ")", args
}

// count runs a statement and adds the rows that it changed.
func (p *purge) count(ctx context.Context, into map[string]int64, table, statement string, args ...any) error {
	result, err := p.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	add(into, table, n)
	return err
}

// releaseExtensions resets the extensions that the person holds, and takes their name and address out.
func (p *purge) releaseExtensions(ctx context.Context) error {
	args := []any{p.t.Desired.Key.Name}
	places := make([]string, len(p.names))
	for i, name := range p.names {
		args = append(args, strings.ToLower(name))
		places[i] = fmt.Sprintf("$%d", len(args))
	}
	var names []string
	err := each(ctx, p.tx, "SELECT name FROM pbx_extensions WHERE holder = $1 OR lower(voicemail_email) IN ("+
		strings.Join(places, ", ")+") ORDER BY name", args, into(&names))
	if err != nil {
		return err
	}
	for _, name := range names {
		key := pbx.Key{Kind: pbx.KindExtension, Name: name}
		record, id, err := readRecord(ctx, p.tx, key, p.db.Dialect.LockRow)
		if err != nil {
			return err
		}
		release := store.Transition{
			Desired:  pbx.Desired{Key: key, Owner: record.Owner},
			Observed: record, Changes: pbx.Released(record, p.t.Desired.Key.Name, p.names), Author: p.t.Author,
		}
		if len(release.Changes) == 0 {
			continue
		}
		if err := p.db.change(ctx, p.tx, release, id); err != nil {
			return err
		}
		if err := p.db.audit(ctx, p.tx, release); err != nil {
			return err
		}
		p.receipt.anonymised["pbx_extensions"]++
	}
	return nil
}

// notePhones writes into the audit of each phone that nobody else has that it was taken from the person. It is blocked since
// it had users and has none; those that a reset took as well have their row.
func (p *purge) notePhones(ctx context.Context) error {
	where, args := p.ofIDs("s.user_id")
	return p.db.auditPhones(ctx, p.tx, p.t, pbx.ReleaseDevices, fmt.Sprintf(`released_from <> $%d
		AND name IN (SELECT s.service_name FROM pbx_user_services s WHERE %s)
		AND name NOT IN (SELECT s.service_name FROM pbx_user_services s WHERE NOT (%[2]s))`, len(args)+1, where), append(args, p.id)...)
}

// removeOwned removes what belongs to the person alone.
func (p *purge) removeOwned(ctx context.Context) error {
	tables := []string{
		"integrations", "pbx_user_groups", "pbx_user_agent_ids", "pbx_user_services", "preferences", "contacts", "meetings",
	}
	// The services' rule of the primary looks at the end; the row of the user is gone by then.
	for _, table := range tables {
		where, args := p.ofIDs("user_id")
		if err := p.count(ctx, p.receipt.removed, table, "DELETE FROM "+table+" WHERE "+where, args...); err != nil {
			return err
		}
	}
	return nil
}

// removeBox removes the voicemail box of an extension with its messages, and what it prefers.
func (p *purge) removeBox(ctx context.Context) error {
	if p.t.Observed == nil {
		return nil
	}
	box := boxOf(p.t.Observed.Fields[pbx.FieldNumber], p.id)
	if err := p.count(ctx, p.receipt.removed, "voicemessages", "DELETE FROM voicemessages WHERE mailboxuser = $1", box); err != nil {
		return err
	}
	return p.count(ctx, p.receipt.removed, "preferences", "DELETE FROM preferences WHERE extension = $1", box)
}

// markGone tells the users of a phone that it is gone for good.
func (p *purge) markGone(ctx context.Context) error {
	return exec(ctx, p.tx, []any{p.t.Desired.Key.Name}, "UPDATE pbx_user_services SET gone = 1 WHERE service_name = $1")
}

// removeRecord removes the row; its lists go with it. Nothing is told to a feed that would name it.
func (p *purge) removeRecord(ctx context.Context) error {
	key := p.t.Desired.Key
	if err := exec(ctx, p.tx, []any{string(key.Kind), key.Name}, "DELETE FROM pbx_changes WHERE kind = $1 AND name = $2"); err != nil {
		return err
	}
	table := tables[key.Kind].name
	return p.count(ctx, p.receipt.removed, table, fmt.Sprintf("DELETE FROM %s WHERE id = $1", table), p.id)
}

// forgetHolding removes the person from the history of holders: a call record that comes late is nobody's, and tells the
// phone still. It takes its turn first, so that no other transaction writes the person there again.
func (p *purge) forgetHolding(ctx context.Context) error {
	if err := exec(ctx, p.tx, nil, "UPDATE pbx_holders_turn SET at = at"); err != nil {
		return err
	}
	where, args := p.ofIDs("user_id")
	if err := p.count(ctx, p.receipt.anonymised, "pbx_holders", "UPDATE pbx_holders SET user_id = '' WHERE kind = 'caller' AND "+where,
		args...); err != nil {
		return err
	}
	return p.count(ctx, p.receipt.removed, "pbx_holders", "DELETE FROM pbx_holders WHERE "+where, args...)
}

// forgetPhone removes the SIP username from the history: of a call record that comes late, the number tells.
func (p *purge) forgetPhone(ctx context.Context) error {
	return p.count(ctx, p.receipt.removed, "pbx_holders", "DELETE FROM pbx_holders WHERE service = $1", p.t.Desired.Key.Name)
}

// forgetAudit takes the name and the values of the record out of the audit, which names it by UID from then on, and
// writes the row of the purge.
func (p *purge) forgetAudit(ctx context.Context) error {
	key := p.t.Desired.Key
	if err := p.count(ctx, p.receipt.anonymised, "audit",
		`UPDATE audit SET name = uid, old_value = CASE WHEN what IN ('state', 'owner') THEN old_value ELSE '' END,
			new_value = CASE WHEN what IN ('state', 'owner') THEN new_value ELSE '' END
		 WHERE kind = $1 AND name = $2 AND name <> uid`, string(key.Kind), key.Name); err != nil {
		return err
	}
	uid := p.t.Desired.Owner.UID
	var rows []auditRow
	if p.t.Observed != nil && p.t.Observed.Owner.UID != uid { // so that the receipt is found by whose the record was
		rows = append(rows, auditRow{what: "owner", from: p.t.Observed.Owner.UID, to: uid})
	}
	rows = append(rows, auditRow{what: "purged", from: string(p.t.Observed.State()), to: string(pbx.Purged)})
	return p.db.insertAudit(ctx, p.tx, p.t, uid, append(rows, notesOf(p.t)...))
}
