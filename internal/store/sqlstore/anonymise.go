package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// personal are the fields of a user that name a person, wherever they are written.
var personal = []pbx.Field{pbx.FieldFirstName, pbx.FieldLastName, pbx.FieldEmail, pbx.FieldLogin}

// anonymised are the tables whose rows stay when a person is purged: without the link to them, and without their names.
var anonymised = []texts{
	{
		table: "cdr", links: []string{"src_user_id", "dst_user_id"},
		columns: []string{"clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastdata", "accountcode", "userfield"},
	},
	{table: "billing", columns: []string{"description"}, links: []string{"user_id"}, linked: true},
	{table: "messages", columns: []string{"body"}, links: []string{"user_id", "peer_id"}, linked: true},
	{table: "mentions", columns: []string{"comment"}, links: []string{"user_id", "author_id"}, linked: true},
	{table: "voicemessages", columns: []string{"callerid"}},
	{table: "preferences", columns: []string{"value"}, where: "user_id IS NULL"},
	{
		table: "audit", columns: []string{"old_value", "new_value", "requester", "field_manager"},
		where: "what NOT IN ('state', 'created', 'purged', 'receipt')", counted: true,
	},
	{
		table: "audit", columns: []string{"requester", "field_manager"},
		where: "what IN ('state', 'created', 'purged', 'receipt')", counted: true,
	},
}

// others are what other people own: kept, and counted where the person is named.
var others = []texts{
	{table: "contacts", columns: []string{"name", "email"}},
	{table: "meetings", columns: []string{"title"}},
	{table: "pbx_phones", columns: []string{"label", "keys"}},
	{table: "pbx_extensions", columns: []string{"display_name"}},
}

// findNames finds every name that the person was ever given: what the record and the object say, and what the audit says
// that the record said.
func (p *purge) findNames(ctx context.Context) error {
	seen := map[string]bool{"": true}
	note := func(names ...string) {
		for _, name := range names {
			if !seen[name] {
				seen[name] = true
				p.names = append(p.names, name)
			}
		}
	}
	if err := p.tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM audit").Scan(&p.lastAudit); err != nil {
		return err
	}
	note(p.t.Desired.Key.Name)
	quoted := make([]string, len(personal))
	for i, field := range personal {
		quoted[i] = "'" + string(field) + "'"
		note(p.t.Desired.Fields[field])
		if p.t.Observed != nil {
			note(p.t.Observed.Fields[field])
		}
	}
	return each(ctx, p.tx, "SELECT old_value, new_value FROM audit WHERE kind = $1 AND name = $2 AND what IN ("+
		strings.Join(quoted, ", ")+")", []any{string(p.t.Desired.Key.Kind), p.t.Desired.Key.Name},
		func(scan func(...any) error) error {
			var from, to string
			err := scan(&from, &to)
			note(from, to)
			return err
		})
}

// anonymise takes the names, and then the links, out of what stays.
func (p *purge) anonymise(ctx context.Context) error {
	for _, t := range anonymised {
		unlinked, err := p.blank(ctx, t)
		if err != nil {
			return err
		}
		linked, err := p.unlink(ctx, t)
		if err != nil {
			return err
		}
		add(p.receipt.anonymised, t.table, linked+unlinked)
		add(p.receipt.kept, t.table, linked)
	}
	return nil
}

// unlink takes the links to the person out of a table, and counts the rows.
func (p *purge) unlink(ctx context.Context, t texts) (rows int64, err error) {
	if len(t.links) == 0 {
		return 0, nil
	}
	conditions := make([]string, len(t.links))
	var args []any
	for i, link := range t.links {
		conditions[i], args = p.ofIDs(link)
	}
	err = p.tx.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE (%s)", t.table,
		strings.Join(conditions, ") OR (")), args...).Scan(&rows)
	for i, link := range t.links {
		if err == nil {
			err = exec(ctx, p.tx, args, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %s", t.table, link, conditions[i]))
		}
	}
	return rows, err
}

// countOthers counts the rows of other people that name the person.
func (p *purge) countOthers(ctx context.Context) error {
	for _, t := range others {
		rows, err := p.find(ctx, t, "")
		if err != nil {
			return err
		}
		add(p.receipt.kept, t.table, int64(len(rows)))
	}
	return nil
}

func add(counts map[string]int64, table string, rows int64) {
	if rows > 0 {
		counts[table] += rows
	}
}
