package engines

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// batch is how many rows one statement inserts.
const batch = 500

// calls is how many call records there are of each person, and changes how many rows of the audit.
const (
	calls   = 2
	changes = 3
)

// rows fills a table: each person's rows, as SQL values.
type rows struct {
	table, columns string
	of             func(p Person, last Person, d dialect) [][]any
}

// records are what the operator writes, in an order that foreign keys allow.
var records = []rows{
	{"pbx_users", "id, name, uid, generation, state, first_name, last_name, email, department, login, password_hash", func(p, _ Person, _ dialect) [][]any {
		return one(p.id("user"), p.user(), p.id("user"), 1, p.state(), "Ada "+fmt.Sprint(int(p)), "Example", p.user()+"@"+Domain,
			fmt.Sprint("Department ", p%40), p.Login(), "hash")
	}},
	{"pbx_extensions", "id, name, uid, generation, state, number, holder, display_name, voicemail_enabled, mailbox, pin", func(p, _ Person, _ dialect) [][]any {
		holder, name, state := p.user(), "", "Active"
		if p.common() {
			holder, name = "", "Room "+p.Number()
		}
		if p%100 == 33 {
			state = "Deactivated"
		}
		return one(p.id("ext"), p.extension(), p.id("ext"), 1, state, p.Number(), holder, name, 1, p.Number(), "4711")
	}},
	{"pbx_direct_numbers", "number, extension_id, position", func(p, _ Person, _ dialect) [][]any {
		return one(p.Direct(), p.id("ext"), 1)
	}},
	{"pbx_phones", "id, name, uid, generation, type, extension, mac, sip_username, ha1, ha1b", func(p, last Person, _ dialect) [][]any {
		extension := p.rings()
		if p == last {
			extension = p.extension()
		}
		return one(p.id("phone"), p.Username(), p.id("phone"), 1, "Local", extension, fmt.Sprintf("00:00:5E:00:%02x:%02x", p/256, p%256),
			p.Username(), p.digest(p.Username()), p.digest(p.Username()+"@"+Domain))
	}},
	{"pbx_user_services", "user_id, service_name, slot", func(p, _ Person, _ dialect) [][]any {
		all := one(p.id("user"), p.Username(), 1)
		if before := p - 1; before > 0 && before.shares() {
			all = append(all, []any{p.id("user"), before.Username(), 2})
		}
		return all
	}},
}

// written are what engines and the operator leave behind.
var written = []rows{
	{
		"location", "ruid, username, domain, contact, expires, q, callid, cseq, last_modified, user_agent, socket, methods, instance",
		func(p, _ Person, d dialect) [][]any {
			if p.moved() || p.gone() {
				return nil
			}
			return one(p.ruid(), p.Username(), Domain, p.contact(), d.farOff, -1, "call-"+p.ruid(), 1, d.longAgo, "Snom/1.0",
				"udp:127.0.0.1:5060", 8191, literal("NULL"))
		},
	},
	{"ps_contacts", "id, uri, expiration_time, user_agent, endpoint", func(p, _ Person, _ dialect) [][]any {
		if p%2 == 0 || p.gone() {
			return nil
		}
		return one(p.Username()+";@"+p.ruid(), p.contact(), 4_102_444_800, "Snom/1.0", p.Username())
	}},
}

// history is what has happened: call records, messages and the audit.
var history = []rows{
	{
		"cdr", "calldate, src, dst, channel, dstchannel, disposition, duration, billsec, uniqueid, src_user_id, dst_user_id, src_service",
		func(p, last Person, _ dialect) [][]any {
			var all [][]any
			for i := range calls {
				callee := (p+Person(i))%last + 1
				all = append(all, []any{
					"2026-01-02 03:04:05", p.Number(), callee.Number(), p.Username(), callee.Username(), "ANSWERED", 10, 9,
					fmt.Sprint("call-", int(p), "-", i), p.id("user"), callee.id("user"), p.Username(),
				})
			}
			return all
		},
	},
	{"voicemessages", "dir, msgnum, context, mailboxuser, mailboxcontext", func(p, _ Person, _ dialect) [][]any {
		return one("/var/spool/asterisk/voicemail/default/"+p.Number()+"/INBOX", 0, "default", p.Number(), "default")
	}},
	{"audit", "kind, namespace, name, uid, generation, what", func(p, _ Person, _ dialect) [][]any {
		var all [][]any
		for i := range changes {
			all = append(all, []any{"User", "acme", p.user(), p.id("user"), i + 1, "state"})
		}
		return all
	}},
	{"pbx_emergency_calls", "callid, username, dialled, shown, began", func(p, _ Person, _ dialect) [][]any {
		return one("112-"+p.ruid(), p.Username(), "112", p.Direct(), 1_767_000_000)
	}},
}

// derived are what triggers keep, written in one go. TestScale compares it with what they do.
var derived = []string{
	"INSERT INTO pbx_claimed_numbers (digits, extension_id) SELECT ltrim(number, '+'), extension_id FROM pbx_numbers",
	`INSERT INTO pbx_holders (kind, address, user_id, service, since)
		SELECT kind, address, user_id, service, '2026-01-01 00:00:00' FROM pbx_holding`,
	"UPDATE pbx_users SET primary_service = (SELECT service_name FROM pbx_user_services WHERE user_id = pbx_users.id AND slot = 1)",
	`INSERT INTO pbx_registrations (username, since, user_agent) SELECT username, '2026-01-01T00:00:00Z', user_agent FROM location
		UNION SELECT endpoint, '2026-01-01T00:00:00Z', user_agent FROM ps_contacts`,
}

// literal is SQL that stands for itself.
type literal string

func one(values ...any) [][]any { return [][]any{values} }

// Load fills a migrated store with so many people, in one transaction, and past its triggers: a trigger for each of 10,000
// phones takes a minute.
func Load(ctx context.Context, db *sql.DB, postgres bool, people int) error {
	d := dialectOf(postgres)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	restore, err := d.mute(ctx, tx)
	if err != nil {
		return err
	}
	for _, group := range [][]rows{records, written, history} {
		if err := insert(ctx, tx, d, group, Person(people)); err != nil {
			return err
		}
	}
	for _, statement := range append(derived, restore...) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return tx.Commit()
}

// executor is a transaction, or a database without one.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func insert(ctx context.Context, db executor, d dialect, group []rows, last Person) error {
	for _, r := range group {
		var values []string
		for p := Person(1); p <= last; p++ {
			for _, row := range r.of(p, last, d) {
				values = append(values, "("+literals(row)+")")
			}
			if len(values) == 0 || len(values) < batch && p < last {
				continue
			}
			statement := "INSERT INTO " + r.table + " (" + r.columns + ") VALUES " + strings.Join(values, ", ")
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", r.table, err)
			}
			values = nil
		}
	}
	return nil
}

func literals(row []any) string {
	words := make([]string, len(row))
	for i, value := range row {
		switch v := value.(type) {
		case literal:
			words[i] = string(v)
		case string:
			words[i] = quoted(v)
		default:
			words[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(words, ", ")
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
