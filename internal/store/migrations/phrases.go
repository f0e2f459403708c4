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
		"claim": claim, "shown": shown, "oneByOne": oneByOne,
		"service": c.service, "source": c.source, "destination": c.destination,
		"sameCall": sameCall, "near": near, "local": local, "period": period(d == Postgres),
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

// oneByOne has those wait for each other who write the same key at once. SQLite has one writer at a time anyway.
func oneByOne(postgres bool, key string) string {
	if !postgres {
		return ""
	}
	return "\n    PERFORM pg_advisory_xact_lock(hashtext(coalesce(" + key + ", '')));"
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

// sameCall is what a record has in common with the others of its call: nothing keeps an engine from using a uniqueid again,
// so these are records of one uniqueid of which each began within a quarter of an hour of another. What begins a call has
// the quarter that it began in, so that two records at once, neither of which sees the other, are of one call, too.
func sameCall(row string) string {
	return fmt.Sprintf("coalesce((SELECT n.call FROM cdr n WHERE n.call IS NOT NULL AND %s ORDER BY n.began LIMIT 1), %sbegan / 900)",
		near(row), row)
}

// near is the condition on a record n to be of the call of another one.
func near(row string) string {
	return fmt.Sprintf("n.uniqueid = %[1]suniqueid AND n.began BETWEEN %[1]sbegan - 900 AND %[1]sbegan + 900", row)
}

// local turns seconds since 1970 in UTC into what the clocks in the zone of the phone system show, counted the same way.
func local(seconds string) string {
	return fmt.Sprintf("%[1]s + coalesce((SELECT z.offset_seconds FROM pbx_zone_offsets z "+
		"WHERE z.zone = (SELECT time_zone FROM pbx_system) AND z.since <= %[1]s ORDER BY z.since DESC LIMIT 1), 0)", seconds)
}

// period names the day, the week (by its Monday) or the month of what local gives.
func period(postgres bool) func(period, local string) string {
	if postgres {
		return func(period, local string) string {
			format := map[string]string{
				"day": "to_char(%s, 'YYYY-MM-DD')", "week": "to_char(date_trunc('week', %s), 'YYYY-MM-DD')", "month": "to_char(%s, 'YYYY-MM')",
			}[period]
			return fmt.Sprintf(format, "to_timestamp("+local+") AT TIME ZONE 'UTC'")
		}
	}
	return func(period, local string) string {
		format := map[string]string{
			"day": "date(%s, 'unixepoch')", "week": "date(%s, 'unixepoch', 'weekday 0', '-6 days')",
			"month": "strftime('%%Y-%%m', %s, 'unixepoch')",
		}[period]
		return fmt.Sprintf(format, local)
	}
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

// source is who is taken to call with the phone that called. A phone of ours has shown its password; the number that a
// call shows is what anybody says, so it tells nothing about who called.
func (c calls) source(row string) string {
	return "(" + c.held("nullif(h.user_id, '')", "caller",
		append(c.endpoints(row+"channel"), c.endpoints(row+"accountcode")...), row, "h.service = "+row+"src_service") + ")"
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
	began, now := "datetime("+row+"began, 'unixepoch')", "(datetime('now'))"
	if c.postgres {
		began, now = "(to_timestamp("+row+"began) AT TIME ZONE 'UTC')", "(clock_timestamp() AT TIME ZONE 'UTC')"
	}
	conditions := append([]string{
		"h.kind = '" + kind + "'",
		"h.address IN (" + strings.Join(addresses, ", ") + ")",
		fmt.Sprintf("(h.since <= %s OR (h.until IS NULL AND h.since > %s))", began, now),
		fmt.Sprintf("(h.until IS NULL OR h.until > %s)", began),
	}, more...)
	return fmt.Sprintf("SELECT %s FROM pbx_holders h WHERE %s ORDER BY length(h.address) DESC, h.id DESC LIMIT 1",
		what, strings.Join(conditions, " AND "))
}

// endpoints are the SIP usernames that a channel may stand for: Asterisk writes technology/username-00000001, with
// username@realm where one server serves several realms; Kamailio just the username. They are folded, since engines
// compare them without case, and write them as the phone does.
func (c calls) endpoints(channel string) []string {
	name := fold(c.postgres)(fmt.Sprintf("substr(%s, %s(%s, '/') + 1)", channel, c.position, channel))
	stem := fmt.Sprintf("rtrim(%s, '0123456789abcdef')", name)
	short := fmt.Sprintf("CASE WHEN %s LIKE '%%-' AND length(%s) >= length(%s) + 8 THEN substr(%s, 1, length(%s) - 1) ELSE %s END",
		stem, name, stem, stem, stem, name)
	withoutRealm := func(name string) string {
		return fmt.Sprintf("substr(%s, 1, %s(%s || '@', '@') - 1)", name, c.position, name)
	}
	return []string{name, short, withoutRealm(name), withoutRealm("(" + short + ")")}
}
