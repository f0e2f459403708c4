package engines

import (
	"fmt"
	"regexp"
	"strings"
)

// Question is what somebody asks of the store, or writes to it.
type Question struct {
	Name string
	// Who asks: an engine, which does so with the rights of one, or somebody else.
	Who Who
	// SQL has the names of values in braces. They become part of the text, as Kamailio and scripts have it, or parameters
	// of a prepared statement, as ODBC has it.
	SQL string
	// Prepared says that the values are parameters.
	Prepared bool
	// All says that every row is read, by design: at the start of an engine, or once for a change.
	All bool
	// Analyzed says that it is by index once the database knows its tables. No call waits for it.
	Analyzed bool
	// Write says that the statement changes something, and so sets off what hangs on it.
	Write bool
}

// Who asks.
type Who string

// Those who ask.
const (
	Kamailio Who = "Kamailio"
	Asterisk Who = "Asterisk"
	Portal   Who = "portal"
	Operator Who = "operator"
)

// Engine says that it has the rights of an engine.
func (w Who) Engine() bool { return w == Kamailio || w == Asterisk }

// locationColumns are what usrloc reads.
const locationColumns = "contact,expires,q,callid,cseq,flags,cflags,user_agent,received,path,socket,methods,last_modified,ruid,instance,reg_id,server_id,connection_id,keepalive"

// Questions are all of them. TestAskedByIndex of test/sip looks at what Kamailio really asks, too.
var Questions = concat(kamailioScript, kamailioModules, asterisk, others)

// kamailioScript is what docs/engines/kamailio/kamailio.cfg asks.
var kamailioScript = []Question{
	{Name: "settings", Who: Kamailio, SQL: "SELECT domain, emergency_numbers, trusted_networks FROM pbx_engine_settings"},
	{Name: "revision", Who: Kamailio, SQL: "SELECT value FROM pbx_engine_settings_by_name WHERE name = 'revision'"},
	{Name: "settings by name", Who: Kamailio, All: true, SQL: "SELECT name, value FROM pbx_engine_settings_by_name"},
	{Name: "emergency numbers", Who: Kamailio, All: true, SQL: "SELECT dialled, number FROM pbx_emergency_numbers"},
	{Name: "emergency callers", Who: Kamailio, All: true, SQL: "SELECT username, number FROM pbx_emergency_callers"},
	{Name: "emergency caller", Who: Kamailio, SQL: "SELECT number FROM pbx_emergency_callers WHERE username = {username}"},
	{
		Name: "emergency caller, of one who has the password", Who: Kamailio,
		SQL: "SELECT number FROM pbx_emergency_callers WHERE username = {username} AND EXISTS " +
			"(SELECT 1 FROM subscriber WHERE username = {username} AND domain = {domain} AND ha1 = {hash})",
	},
	{Name: "caller", Who: Kamailio, SQL: "SELECT number, caller_id, caller_name, effective FROM pbx_callers WHERE username = {username}"},
	{Name: "caller, without name", Who: Kamailio, SQL: "SELECT number, caller_id, effective FROM pbx_callers WHERE username = {username}"},
	{Name: "number", Who: Kamailio, SQL: "SELECT action, mailbox FROM pbx_dial_plan WHERE number = {number}"},
	{
		Name: "numbers, four", Who: Kamailio,
		SQL: "SELECT number, action, mailbox FROM pbx_dial_plan WHERE number IN ({number}, {direct}, {national}, {unknown})",
	},
	{Name: "unknown number", Who: Kamailio, SQL: "SELECT action, mailbox FROM pbx_dial_plan WHERE number = {unknown}"},
	{Name: "phones of a number", Who: Kamailio, SQL: "SELECT username, domain FROM dbaliases WHERE alias_username = {number}"},
	{Name: "phones, direct", Who: Kamailio, SQL: "SELECT username, domain FROM dbaliases WHERE alias_username = {direct}"},
	{Name: "phones to call back", Who: Kamailio, SQL: "SELECT username, domain FROM pbx_callbacks WHERE alias_username = {direct}"},
	{Name: "who answered", Who: Kamailio, SQL: "SELECT username FROM location WHERE ruid = {ruid}"},
	{
		Name: "emergency call", Who: Kamailio, Write: true,
		SQL: "INSERT INTO pbx_emergency_calls (callid, username, dialled, shown, began) VALUES ({new}, {username}, '112', {direct}, 1767000000)",
	},
	{Name: "emergency call ends", Who: Kamailio, Write: true, SQL: "UPDATE pbx_emergency_calls SET ended = 1767000001 WHERE callid = {callid}"},
	{
		Name: "windows of callbacks", Who: Kamailio, All: true,
		SQL: "SELECT callid, username, shown, contact, received FROM pbx_emergency_calls WHERE began > 1767100000",
	},
}

// kamailioModules is what its modules ask.
var kamailioModules = []Question{
	{Name: "password", Who: Kamailio, SQL: "select ha1 from subscriber where username={username} AND domain={domain}"},
	{Name: "password, both digests", Who: Kamailio, SQL: "select ha1,ha1 from subscriber where username={username} AND domain={domain}"},
	{Name: "password, other account", Who: Kamailio, SQL: "select ha1 from subscriber where username={unknown} AND domain={domain}"},
	{Name: "group", Who: Kamailio, SQL: "select grp from grp where username={username} AND domain={domain} AND grp='normal'"},
	{Name: "alias_db", Who: Kamailio, SQL: "select username,domain from dbaliases where alias_username={number} AND alias_domain={domain}"},
	{Name: "version", Who: Kamailio, SQL: "select table_version from version where table_name='location'"},
	{
		Name: "registrations", Who: Kamailio,
		SQL: "select " + locationColumns + " from location where username={username} AND domain={domain} order by q",
	},
	{Name: "registered", Who: Kamailio, SQL: "select username from location where username={username} AND domain={domain}"},
	{
		Name: "registrations by contact", Who: Kamailio,
		SQL: "select " + locationColumns + " from location where username={username} AND contact={contact} AND callid={unknown} AND domain={domain}",
	},
	{Name: "registration by ruid", Who: Kamailio, SQL: "select username,domain," + locationColumns + " from location where ruid={ruid}"},
	{
		Name: "registers", Who: Kamailio, Write: true,
		SQL: "insert into location (username,contact,expires,q,callid,cseq,flags,cflags,user_agent,socket,methods,last_modified,ruid,reg_id,server_id,connection_id,keepalive,partition,domain) " +
			"values ({username},{contact},{soon},-1.000000,{new},10,0,0,'Snom/1.0','udp:127.0.0.1:5060',8191,{now},{new},0,0,-1,0,0,{domain})",
	},
	{
		Name: "refreshes", Who: Kamailio, Write: true,
		SQL: "update location set expires={soon},q=-1.000000,callid={new},cseq=11,flags=0,cflags=0,user_agent='Snom/1.0',last_modified={now} where ruid={ruid}",
	},
	{Name: "unregisters", Who: Kamailio, Write: true, SQL: "delete from location where ruid={ruid}"},
	{Name: "expired", Who: Kamailio, SQL: "select username,domain," + locationColumns + " from location where expires<{now} AND expires!={zero}"},
	{Name: "expire", Who: Kamailio, Write: true, SQL: "delete from location where expires<{now} AND expires!={zero}"},
	{
		Name: "call record", Who: Kamailio, Write: true,
		SQL: "insert into acc_cdrs (start_time,end_time,duration,src,clid,dst,channel,accountcode,dstchannel,disposition,ring_time,uniqueid) " +
			"values ({now},{soon},9.000,{number},{number},{number},{username},{username},{username},'ANSWERED','1',{new})",
	},
	{Name: "acc", Who: Kamailio, Write: true, SQL: "insert into acc (method,from_tag,to_tag,callid,sip_code,sip_reason,time) values ('INVITE','a','b',{new},'200','OK',{now})"},
	{Name: "dialogs", Who: Kamailio, All: true, SQL: "select hash_entry,hash_id,callid,from_uri,from_tag,to_uri,to_tag,state from dialog order by id"},
	{Name: "dialog", Who: Kamailio, Write: true, SQL: "update dialog set state=4 where hash_entry=1 AND hash_id=2"},
	{Name: "dialog's variables", Who: Kamailio, Write: true, SQL: "delete from dialog_vars where hash_entry=1 AND hash_id=2"},
}

// asterisk is what its Realtime tables, its voicemail and its records ask.
var asterisk = []Question{
	prepared("endpoint", "SELECT * FROM ps_endpoints WHERE id = {username}"),
	prepared("no endpoint", "SELECT * FROM ps_endpoints WHERE id = {unknown}"),
	prepared("auth", "SELECT * FROM ps_auths WHERE id = {username}"),
	prepared("aor", "SELECT * FROM ps_aors WHERE id = {username}"),
	prepared("contact", "SELECT * FROM ps_contacts WHERE id = {contactid}"),
	prepared("contacts of an aor", "SELECT * FROM ps_contacts WHERE id LIKE {contacts} ORDER BY id"),
	prepared("contacts of an endpoint", "SELECT * FROM ps_contacts WHERE endpoint = {username} ORDER BY endpoint"),
	analyzed(prepared("contacts that end", "SELECT * FROM ps_contacts WHERE expiration_time <= {seconds} ORDER BY expiration_time")),
	all(prepared("contacts", "SELECT * FROM ps_contacts WHERE id LIKE '%' ORDER BY id")),
	prepared("extension", "SELECT * FROM extensions WHERE exten = {number} AND context = {ringing} AND priority = {first}"),
	prepared("direct number", "SELECT * FROM extensions WHERE exten = {direct} AND context = {ringing} AND priority = {first}"),
	prepared("no extension", "SELECT * FROM extensions WHERE exten = {unknown} AND context = {ringing} AND priority = {first}"),
	prepared("callback", "SELECT * FROM extensions WHERE exten = {direct} AND context = {callbacks} AND priority = {first}"),
	prepared("emergency number", "SELECT * FROM extensions WHERE exten = {emergency} AND context = {emergencies} AND priority = {first}"),
	prepared("box", "SELECT * FROM voicemail WHERE mailbox = {number} AND context = {box}"),
	prepared("caller", "SELECT * FROM pbx_callers WHERE username = {username}"),
	writes(prepared("new PIN", "UPDATE voicemail SET password = {new} WHERE mailbox = {number} AND context = {box}")),
	prepared("messages", "SELECT COUNT(*) FROM voicemessages WHERE dir = {folder}"),
	writes(prepared("message", "INSERT INTO voicemessages (dir, msgnum, context, mailboxuser, mailboxcontext) VALUES ({new}, 1, {box}, {number}, {box})")),
	writes(prepared("message deleted", "DELETE FROM voicemessages WHERE dir = {folder} AND msgnum = 0")),
	writes(prepared("contact added", "INSERT INTO ps_contacts (id, uri, expiration_time, user_agent, endpoint) VALUES ({new}, {contact}, 4102444800, 'Yealink', {username})")),
	writes(prepared("contact refreshed", "UPDATE ps_contacts SET expiration_time = 4102444801 WHERE id = {contactid}")),
	writes(prepared("contact removed", "DELETE FROM ps_contacts WHERE id = {contactid}")),
	writes(prepared("call record", "INSERT INTO cdr (calldate, src, dst, channel, dstchannel, disposition, duration, billsec, uniqueid) "+
		"VALUES ('2026-02-03 04:05:06', {number}, {number}, {channel}, {channel}, 'ANSWERED', 10, 9, {new})")),
}

// others is what portals ask for one person, and what a change of one object sets off.
var others = []Question{
	of(Portal, prepared("sign in", "SELECT * FROM sign_ins WHERE username = {login}")),
	of(Portal, prepared("directory", "SELECT * FROM directory WHERE username = {login}")),
	of(Portal, prepared("search", "SELECT * FROM user_search WHERE username = {login}")),
	analyzed(of(Operator, writes(prepared("user leaves", "UPDATE pbx_users SET state = 'Deleted' WHERE id = {user}")))),
	analyzed(of(Operator, writes(prepared("user is away", "UPDATE pbx_users SET state = 'Deactivated' WHERE id = {user}")))),
	of(Operator, writes(prepared("phone renamed", "UPDATE pbx_phones SET sip_username = {new} WHERE id = {phone}"))),
	of(Operator, writes(prepared("phone removed", "DELETE FROM pbx_phones WHERE id = {phone}"))),
	of(Operator, writes(prepared("number changed", "UPDATE pbx_extensions SET number = {unknown} WHERE id = {extension}"))),
	of(Operator, writes(prepared("extension removed", "DELETE FROM pbx_extensions WHERE id = {extension}"))),
	of(Operator, writes(prepared("direct number removed", "DELETE FROM pbx_direct_numbers WHERE number = {direct}"))),
}

func prepared(name, text string) Question {
	return Question{Name: name, Who: Asterisk, SQL: text, Prepared: true}
}

func all(q Question) Question         { q.All = true; return q }
func analyzed(q Question) Question    { q.Analyzed = true; return q }
func writes(q Question) Question      { q.Write = true; return q }
func of(who Who, q Question) Question { q.Who = who; return q }

func concat(lists ...[]Question) (all []Question) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

var brace = regexp.MustCompile(`\{[a-z]+\}`)

// For is the question about a person, once: time tells one from another where a row is inserted.
func (q Question) For(p Person, s *Store, time int) (string, []any) {
	values := values(p, s.dialect, time)
	var args []any
	text := brace.ReplaceAllStringFunc(q.SQL, func(name string) string {
		value, ok := values[strings.Trim(name, "{}")]
		if !ok {
			panic("nobody knows " + name)
		}
		if sql, ok := value.(literal); ok {
			return string(sql)
		}
		if !q.Prepared {
			return literals([]any{value})
		}
		args = append(args, value)
		return fmt.Sprint("$", len(args))
	})
	return text, args
}

// values are what the names of a question stand for.
func values(p Person, d dialect, time int) map[string]any {
	return map[string]any{
		"username": p.Username(), "domain": Domain, "number": p.Number(), "direct": p.Direct(), "national": "030" + p.Number(),
		"unknown": fmt.Sprint("0171", int(p)), "ruid": p.ruid(), "contact": p.contact(), "login": p.Login(), "new": fmt.Sprint("new-", int(p), "-", time),
		"hash": p.HA1(), "callid": "112-" + p.ruid(), "user": p.id("user"), "phone": p.id("phone"), "extension": p.id("ext"),
		"contactid": p.Username() + ";@" + p.ruid(), "contacts": p.Username() + ";@%", "channel": "PJSIP/" + p.Username() + "-0000001a",
		"ringing": "pbx-numbers", "callbacks": "pbx-callbacks", "emergencies": "pbx-emergency-numbers", "emergency": "112", "first": 1,
		"box": "default", "folder": "/var/spool/asterisk/voicemail/default/" + p.Number() + "/INBOX", "seconds": 1_767_000_000,
		"now": d.now, "soon": d.farOff, "zero": d.zero,
	}
}
