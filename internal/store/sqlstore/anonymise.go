package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// anonymised are the tables whose rows stay when a person is purged: without the link to them, and without their names.
var anonymised = []texts{
	calls,
	{table: "billing", columns: []string{"description"}, links: []string{"user_id"}, linked: true},
	{table: "messages", columns: []string{"body"}, links: []string{"user_id", "peer_id"}, linked: true},
	{table: "mentions", columns: []string{"comment"}, links: []string{"user_id", "author_id"}, linked: true},
	{table: "voicemessages", columns: []string{"callerid"}},
	{table: "acc", columns: []string{"from_tag", "to_tag", "callid", "sip_reason"}, ahead: true},
	{table: "pbx_emergency_calls", columns: []string{"callid", "username", "contact", "received"}, key: "callid"},
	{table: "preferences", columns: []string{"value"}, where: "user_id IS NULL"},
	{
		table: "audit", columns: []string{"old_value", "new_value", "requester", "field_manager"}, who: doers,
		// What others are called is theirs, also where it is the same; $3 is the name of the record that is purged.
		where:   "what NOT IN (" + impersonal + ") AND NOT (kind = 'User' AND name <> $3 AND what IN ('first_name', 'last_name'))",
		counted: true, ahead: true,
	},
	{table: "audit", columns: doers, who: doers, where: "what IN (" + impersonal + ")", counted: true, ahead: true},
}

// calls are what engines write, one after the other, as long as there is no end.
var calls = texts{
	table: "cdr", links: []string{"src_user_id", "dst_user_id"}, ahead: true,
	columns: []string{
		"clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastdata", "accountcode", "uniqueid", "userfield",
	},
}

// doers are the columns of the audit that say who asked for a change.
var doers = []string{"requester", "field_manager"}

// impersonal are the changes whose values name nobody, even if a word of a name is in them: what the audit says of other
// people's places and groups is not to be lost with a namesake.
const impersonal = "'state', 'created', 'purged', 'receipt', 'owner', 'department', 'location', 'business_unit', 'role', 'groups'"

// dialogs are the calls that an engine which is stopped goes on with when it starts: of no use without who calls.
var dialogs = []texts{
	{table: "dialog_vars", columns: []string{"dialog_key", "dialog_value"}},
	{table: "dialog", columns: []string{
		"callid", "from_uri", "from_tag", "to_uri", "to_tag", "caller_route_set", "callee_route_set", "caller_contact", "callee_contact",
		"req_uri", "xdata",
	}},
}

// others are what other people own: kept, and counted where the person is named.
var others = []texts{
	{table: "contacts", columns: []string{"name", "email"}},
	{table: "meetings", columns: []string{"title"}},
	{table: "pbx_phones", columns: []string{"label", "keys"}},
	{table: "pbx_extensions", columns: []string{"display_name"}},
}

// anonymise takes the names, and then the links, out of what stays.
func (p *purge) anonymise(ctx context.Context) error {
	for _, t := range anonymised {
		if err := p.anonymiseTable(ctx, t, p.parts(t)); err != nil {
			return err
		}
	}
	return nil
}

func (p *purge) anonymiseTable(ctx context.Context, t texts, parts []string) error {
	unlinked, err := p.blank(ctx, t, parts)
	if err != nil {
		return err
	}
	linked, err := p.unlink(ctx, t)
	if err != nil {
		return err
	}
	add(p.receipt.anonymised, t.table, linked+unlinked)
	add(p.receipt.kept, t.table, linked)
	return nil
}

// markBegin notes when the search of the call records begins, which takes long.
func (p *purge) markBegin(ctx context.Context) error {
	if p.db.Dialect.OneWriter {
		return nil
	}
	return p.tx.QueryRowContext(ctx, p.db.Dialect.Meanwhile.Begin).Scan(&p.begin)
}

// anonymiseLate does the same with the call records that came during the purge. Whoever is about to insert one waits for
// the end, which is near; the person holds no number by then.
func (p *purge) anonymiseLate(ctx context.Context) error {
	if p.db.Dialect.OneWriter {
		return nil
	}
	if err := exec(ctx, p.tx, nil, p.db.Dialect.Meanwhile.Lock); err != nil {
		return err
	}
	return p.anonymiseTable(ctx, calls, []string{fmt.Sprintf(p.db.Dialect.Meanwhile.Since, p.begin)})
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

// removeDialogs removes the dialogs in which the person is named, with what is kept of each.
func (p *purge) removeDialogs(ctx context.Context) error {
	isRow := fmt.Sprintf(p.db.Dialect.IsRow, "$1")
	for _, t := range dialogs {
		rows, err := p.find(ctx, t, "")
		if err != nil {
			return err
		}
		for _, f := range rows {
			if t.table == "dialog" {
				if err := p.count(ctx, p.receipt.removed, "dialog_vars", `DELETE FROM dialog_vars WHERE (hash_entry, hash_id) IN (
					SELECT hash_entry, hash_id FROM dialog WHERE `+isRow+")", f.row); err != nil {
					return err
				}
			}
			if err := p.count(ctx, p.receipt.removed, t.table, "DELETE FROM "+t.table+" WHERE "+isRow, f.row); err != nil {
				return err
			}
		}
	}
	return nil
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
