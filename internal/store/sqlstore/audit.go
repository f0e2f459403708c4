package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// auditRow is what one change says in the audit.
type auditRow struct{ what, from, to string }

// audit writes a row for each change. That a record was created is one row, beside those that name a person: a purge finds
// there by what names the person was ever known.
func (db *DB) audit(ctx context.Context, tx *sql.Tx, t store.Transition) error {
	var rows []auditRow
	created := false
	for _, change := range t.Changes {
		if created && !namesSomebody(change) {
			continue
		}
		rows = append(rows, auditRowOf(t.Desired.Key.Kind, change))
		if _, is := change.(pbx.Create); is {
			created = true
		}
	}
	return db.insertAudit(ctx, tx, t, t.Desired.Key.Name, append(rows, notesOf(t)...))
}

func namesSomebody(change pbx.Change) bool {
	switch c := change.(type) {
	case pbx.Set:
		return slices.Contains(personal, c.Field) || c.Field == pbx.FieldVoicemailEmail
	case pbx.Add:
		return c.List == pbx.ListIntegrations
	default:
		return false
	}
}

func notesOf(t store.Transition) (rows []auditRow) {
	for _, note := range t.Notes {
		rows = append(rows, auditRow{what: note.Key, to: note.Value})
	}
	return rows
}

func auditRowOf(kind pbx.Kind, change pbx.Change) auditRow {
	row := auditRow{what: change.What()}
	switch c := change.(type) {
	case pbx.Create:
		row.to = string(c.State)
	case pbx.TakeOver:
		row.from, row.to = c.From.UID, c.To.UID
	case pbx.Reset:
		row.to = joined(c.Clear)
	case pbx.RemoveBox:
		row.from = fmt.Sprintf("%d messages", c.Messages)
	case pbx.Set:
		if !pbx.SchemaOf(kind).Spec(c.Field).Secret {
			row.from, row.to = c.From, c.To
		}
	case pbx.Add:
		row.to = itemText(c.Item)
	case pbx.Remove:
		row.from = itemText(c.Item)
	}
	return row
}

func joined(items []pbx.ReleaseItem) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	return strings.Join(texts, ", ")
}

func itemText(item pbx.Item) string {
	if item.Value == "" {
		return item.Key
	}
	return item.Key + "=" + item.Value
}

func (db *DB) insertAudit(ctx context.Context, tx *sql.Tx, t store.Transition, name string, rows []auditRow) error {
	common := []any{
		string(t.Desired.Key.Kind), db.claim.Namespace, name, t.Desired.Owner.UID, t.Desired.Owner.Generation,
		t.Author.Requester, t.Author.FieldManager,
	}
	values := make([]string, len(rows))
	args := common
	for i, row := range rows {
		n := len(args)
		values[i] = fmt.Sprintf("($1, $2, $3, $4, $5, $6, $7, $%d, $%d, $%d)", n+1, n+2, n+3)
		args = append(args, row.what, row.from, row.to)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit
		(kind, namespace, name, uid, generation, requester, field_manager, what, old_value, new_value)
		VALUES `+strings.Join(values, ", "), args...)
	return err
}
