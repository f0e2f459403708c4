package migrations

import (
	"fmt"
	"strings"
	"text/template"
)

// phrases are the parts of statements that repeat, or that each database says in another way.
func phrases(d Dialect) template.FuncMap {
	c := calls{position: "instr"}
	if d == Postgres {
		c = calls{position: "strpos", postgres: true}
	}
	return template.FuncMap{
		"trigger": trigger, "byOthers": byOthers, "turn": turn, "notify": notify, "lockPhone": lockPhone, "lockName": lockName, "fold": fold(d == Postgres),
		"events": func() map[string][]string {
			return map[string][]string{"INSERT": {"NEW"}, "UPDATE": {"OLD", "NEW"}, "DELETE": {"OLD"}}
		},
		"columns": func(event, columns string) string {
			if event == "UPDATE" {
				return " OF " + columns
			}
			return ""
		},
		"values": func(rows []string, column string) string {
			return strings.Join(rows, "."+column+", ") + "." + column
		},
		"table": func(rows []string, column string) string {
			return "SELECT " + strings.Join(rows, "."+column+" AS "+column+" UNION SELECT ") + "." + column + " AS " + column
		},
		"claim": claim, "shown": shown,
		"service": c.service, "source": c.source, "destination": c.destination,
	}
}

// trigger runs statements for each row. What they say is the same in both databases.
func trigger(postgres bool, name, when, statements string) string {
	if !postgres {
		return fmt.Sprintf("CREATE TRIGGER %s %s\nBEGIN%sEND;", name, when, statements)
	}
	name = strings.ToLower(name)
	return fmt.Sprintf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN%s    RETURN NULL;\nEND $$;\n"+
		"CREATE TRIGGER %s %s FOR EACH ROW EXECUTE FUNCTION %s();", name, statements, name, when, name)
}

// turn is a trigger that changes the history of holders. In PostgreSQL it waits for the end of the transaction, when no
// other lock is taken any more, and then for its turn: so it sees what others have committed, and nobody waits for it
// who has what it needs.
func turn(postgres bool, name, when, statements string) string {
	if !postgres {
		return trigger(postgres, name, when, statements)
	}
	statements = "\n    UPDATE pbx_holders_turn SET at = date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC');" + statements
	return strings.NewReplacer("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER", "FOR EACH ROW", "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW").
		Replace(trigger(postgres, name, when, statements))
}

// notify wakes who listens to the change feed; SQLite's is looked at twice a second.
func byOthers(postgres bool) string {
	if postgres {
		return "NOT pbx_by_operator()"
	}
	return "(SELECT writing FROM pbx_writer) = 0"
}

func notify(postgres bool) string {
	if postgres {
		return "\n    PERFORM pg_notify('pbx_changes', '');"
	}
	return ""
}

// claim lets go of the number that a row had, unless the extension has it in another way, too, and claims the one that it
// has.
func claim(rows []string, extension, number string) string {
	var statements strings.Builder
	for _, row := range rows {
		digits, id := "ltrim("+row+"."+number+", '+')", row+"."+extension
		if row == "OLD" {
			fmt.Fprintf(&statements, `
    DELETE FROM pbx_claimed_numbers WHERE digits = %[1]s AND extension_id = %[2]s
        AND NOT EXISTS (SELECT 1 FROM pbx_numbers WHERE number IN (%[1]s, '+' || %[1]s) AND extension_id = %[2]s);`, digits, id)
			continue
		}
		fmt.Fprintf(&statements, `
    INSERT INTO pbx_claimed_numbers (digits, extension_id) SELECT %[1]s, %[2]s WHERE %[1]s IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM pbx_claimed_numbers WHERE digits = %[1]s AND extension_id = %[2]s);`, digits, id)
	}
	return statements.String() + "\n"
}

// shown is the name that a phone shows of an extension's holder, or of a common number, without what would end or begin
// another part of a SIP header.
func shown(user, extension string) string {
	name := fmt.Sprintf("coalesce(trim(%s.first_name || ' ' || %[1]s.last_name), %s.display_name, '')", user, extension)
	for _, sign := range []string{`"`, "<", ">", `\`} {
		name = fmt.Sprintf("replace(%s, '%s', '')", name, sign)
	}
	return name
}

// fold gives a text in small letters: A to Z, whatever the locale of the database, as SIP engines fold their keys.
func fold(postgres bool) func(string) string {
	return func(text string) string {
		if postgres {
			return "lower(" + text + ` COLLATE "C")`
		}
		return "lower(" + text + ")"
	}
}

// lockPhone has a new registration of a SIP username wait for changes of the phone, and them for it. SQLite has one
// writer at a time anyway.
func lockPhone(postgres bool, event, username string) string {
	if !postgres || event != "INSERT" {
		return ""
	}
	return "\n    PERFORM 1 FROM pbx_phones WHERE " + fold(true)("sip_username") + " = " + fold(true)("NEW."+username) + " FOR SHARE;"
}

// lockName has a phone that is made wait for who gives one of that name to somebody, and them for it. SQLite has one writer at
// a time anyway.
func lockName(postgres bool, how, name string) string {
	if !postgres {
		return ""
	}
	return "\n    PERFORM pg_advisory_xact_lock" + how + "(hashtext(" + name + "));"
}

// calls says how a call record is tagged. The record's columns are those of row, such as NEW.
type calls struct {
	// position names the function that finds a string in another.
	position string
	postgres bool
}

// service is the phone that called.
func (c calls) service(row string) string {
	return fmt.Sprintf("coalesce((%s), (%s))",
		c.held("h.service", "caller", c.endpoints(row+"channel"), row), c.held("h.service", "caller", c.endpoints(row+"accountcode"), row))
}

// source is who called: with a phone of ours whoever is taken to call with it, else the holder of the number.
func (c calls) source(row string) string {
	phone := c.held("nullif(h.user_id, '')", "caller",
		append(c.endpoints(row+"channel"), c.endpoints(row+"accountcode")...), row, "h.service = "+row+"src_service")
	return fmt.Sprintf("CASE WHEN %ssrc_service IS NOT NULL THEN (%s) ELSE (%s) END", row, phone, c.holder(row+"src", row))
}

// destination is who was called: the holder of the extension that answered, else of the number that was dialled.
func (c calls) destination(row string) string {
	return fmt.Sprintf("coalesce(CASE WHEN upper(%sdisposition) = 'ANSWERED' THEN (%s) END, (%s))", row,
		c.held("h.user_id", "callee", c.endpoints(row+"dstchannel"), row), c.holder(row+"dst", row))
}

// holder finds who held a number. Engines may leave out the plus of a direct number.
func (c calls) holder(number, row string) string {
	return c.held("h.user_id", "number", []string{number, "'+' || " + number}, row)
}

// held looks into the history of holders. Of two that a wrong clock made overlap the later one holds; and one who began
// in the future, by a clock that was set back, holds now. Of two names the longer one is meant: a directory number of
// ours is never a direct one without its plus, and what looks like a channel's suffix may belong to the name.
func (c calls) held(what, kind string, addresses []string, row string, more ...string) string {
	now := "(datetime('now'))"
	if c.postgres {
		now = "(clock_timestamp() AT TIME ZONE 'UTC')"
	}
	conditions := append([]string{
		"h.kind = '" + kind + "'",
		"h.address IN (" + strings.Join(addresses, ", ") + ")",
		fmt.Sprintf("(h.since <= %scalldate OR (h.until IS NULL AND h.since > %s))", row, now),
		fmt.Sprintf("(h.until IS NULL OR h.until > %scalldate)", row),
	}, more...)
	return fmt.Sprintf("SELECT %s FROM pbx_holders h WHERE %s ORDER BY length(h.address) DESC, h.id DESC LIMIT 1",
		what, strings.Join(conditions, " AND "))
}

// endpoints are the SIP usernames that a channel may stand for: Asterisk writes technology/username-00000001, with
// username@realm where one server serves several realms; Kamailio just the username.
func (c calls) endpoints(channel string) []string {
	name := fmt.Sprintf("substr(%s, %s(%s, '/') + 1)", channel, c.position, channel)
	stem := fmt.Sprintf("rtrim(%s, '0123456789abcdef')", name)
	short := fmt.Sprintf("CASE WHEN %s LIKE '%%-' AND length(%s) >= length(%s) + 8 THEN substr(%s, 1, length(%s) - 1) ELSE %s END",
		stem, name, stem, stem, stem, name)
	withoutRealm := func(name string) string {
		return fmt.Sprintf("substr(%s, 1, %s(%s || '@', '@') - 1)", name, c.position, name)
	}
	return []string{name, short, withoutRealm(name), withoutRealm("(" + short + ")")}
}
