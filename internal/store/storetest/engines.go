package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// engineViews are what engines read, with the columns in their order.
var engineViews = map[string]string{
	"subscriber":                  "username domain ha1 ha1b",
	"grp":                         "username domain grp",
	"dbaliases":                   "alias_username alias_domain username domain",
	"version":                     "table_name table_version",
	"acc":                         "id method from_tag to_tag callid sip_code sip_reason time",
	"acc_cdrs":                    "start_time end_time duration ring_time clid src dst dcontext channel dstchannel lastapp lastdata disposition accountcode uniqueid userfield",
	"location":                    "id ruid username domain contact received path expires q callid cseq last_modified flags cflags user_agent socket methods instance reg_id server_id connection_id keepalive partition",
	"ps_endpoints":                "id transport aors auth context disallow allow direct_media callerid mailboxes rewrite_contact force_rport rtp_symmetric",
	"ps_auths":                    "id auth_type username realm md5_cred",
	"ps_aors":                     "id max_contacts remove_existing contact",
	"ps_contacts":                 "id uri expiration_time qualify_frequency outbound_proxy path user_agent qualify_timeout qualify_2xx_only reg_server authenticate_qualify via_addr via_port call_id endpoint prune_on_boot",
	"extensions":                  "context exten priority app appdata",
	"voicemail":                   "uniqueid context mailbox password fullname email",
	"pbx_engine_settings":         "domain main_number emergency_numbers trusted_networks emergency_forms callback_minutes country area outside international national revision",
	"pbx_engine_settings_by_name": "name value",
	"pbx_emergency_numbers":       "dialled number",
	"pbx_emergency_callers":       "username number",
	"pbx_emergency_windows":       "number began ended username received contact",
	"pbx_emergency_calls":         "callid username dialled shown contact received began ended",
	"pbx_dial_plan":               "number domain extension action mailbox",
	"pbx_callers":                 "username domain effective number caller_id caller_name",
	"dialog":                      "id hash_entry hash_id callid from_uri from_tag to_uri to_tag caller_cseq callee_cseq caller_route_set callee_route_set caller_contact callee_contact caller_sock callee_sock state start_time timeout sflags iflags toroute_name req_uri xdata",
	"dialog_vars":                 "id hash_entry hash_id dialog_key dialog_value",
	"pbx_callbacks":               "alias_username alias_domain username domain",
}

// numeric are the columns of views that engines compare with numbers: a text would never be equal.
var numeric = []string{"version.table_version", "extensions.priority", "ps_aors.max_contacts"}

func testEngines(t *testing.T, b Backend) {
	t.Run("Columns", func(t *testing.T) { testEngineColumns(newFixture(t, b)) })
	t.Run("Rights", func(t *testing.T) { testEngineRights(newFixture(t, b)) })
	t.Run("DialPlan", func(t *testing.T) { testDialPlan(newFixture(t, b)) })
	t.Run("SeveralPhones", func(t *testing.T) { testSeveralPhones(newFixture(t, b)) })
	t.Run("NotRung", func(t *testing.T) { testNotRung(newFixture(t, b)) })
	t.Run("Callers", func(t *testing.T) { testCallers(newFixture(t, b)) })
	t.Run("EmergencyCallers", func(t *testing.T) { testEmergencyCallers(newFixture(t, b)) })
	t.Run("Settings", func(t *testing.T) { testEngineSettings(newFixture(t, b)) })
	t.Run("Asterisk", func(t *testing.T) { testAsterisk(newFixture(t, b)) })
	t.Run("PIN", func(t *testing.T) { testPINByPhone(newFixture(t, b)) })
	t.Run("Boxes", func(t *testing.T) { testBoxes(newFixture(t, b)) })
	t.Run("BoxAfterAReset", func(t *testing.T) { testBoxAfterAReset(newFixture(t, b)) })
	t.Run("CallRecords", func(t *testing.T) { testKamailioRecords(newFixture(t, b)) })
	if b.Postgres { // SQLite has no roles
		t.Run("Role", func(t *testing.T) { testEngineRole(t, b) })
	}
}

func testEngineColumns(f *fixture) {
	f.apply(fullObjects...)
	for view, want := range engineViews {
		var got []string
		for _, c := range f.columns(view) {
			got = append(got, c.name)
		}
		equal(f.t, view, strings.Join(got, " "), want)
	}
	for _, column := range numeric {
		view, name, _ := strings.Cut(column, ".")
		query := fmt.Sprintf("SELECT DISTINCT typeof(%s) FROM %s", name, view)
		if f.postgres() {
			query = fmt.Sprintf("SELECT DISTINCT pg_typeof(%s)::text FROM %s", name, view)
		}
		equal(f.t, column, f.rows(query), []string{"integer"})
	}
	equal(f.t, "version", f.rows("SELECT table_name, table_version FROM version ORDER BY table_name"),
		[]string{"acc|5", "acc_cdrs|2", "dbaliases|1", "dialog|7", "dialog_vars|1", "grp|2", "location|9", "subscriber|7"})
}

// line1 is a phone that rings an extension and has a password.
func line1(name, extension string) object {
	o := phone(name)
	o.phone.Extension, o.phone.Password = extension, "secret-"+name
	return o
}

// held is an extension with a holder.
func held(name, number, holder string) object {
	o := extension(name, number)
	o.number.Holder = holder
	return o
}

// testEngineRights: every state of a phone with every state of its user decides who may register and call.
func testEngineRights(f *fixture) {
	for _, own := range states {
		for _, users := range states {
			name := strings.ToLower(string(own) + "-" + string(users))
			f.apply(line1(name, "").to(own), user("u-"+name, name).to(users))
			var groups []string
			registers := []string{name + "|acme.example"}
			switch right(own, users) {
			case "Normal":
				groups = []string{"emergency", "normal"}
			case "EmergencyOnly":
				groups = []string{"emergency"}
			case "Blocked":
				registers = nil
			}
			equal(f.t, name+" registers", f.rows("SELECT username, domain FROM subscriber WHERE username = $1", name), registers)
			equal(f.t, name+" registers with Asterisk", f.rows("SELECT username, realm FROM ps_auths WHERE id = $1", name), registers)
			equal(f.t, name+" has an endpoint", len(f.rows("SELECT 1 FROM ps_endpoints WHERE id = $1", name)), len(registers))
			equal(f.t, name+" has an address", len(f.rows("SELECT 1 FROM ps_aors WHERE id = $1", name)), len(registers))
			equal(f.t, name+" may call", f.rows("SELECT grp FROM grp WHERE username = $1 ORDER BY grp", name), groups)
		}
	}
	f.apply(desk)
	equal(f.t, "digests", f.value("SELECT ha1, ha1b FROM subscriber WHERE username = 'desk-sip'"),
		f.value("SELECT ha1, ha1b FROM pbx_phones WHERE name = 'desk'"))
	for what, edit := range map[string]func(*object){
		"without a password": func(o *object) { o.phone.Password = "" },
		"remote":             func(o *object) { o.phone.Type = "Remote" },
		"foreign":            func(o *object) { o.phone.Type = "Foreign" },
	} {
		f.apply(line1("none-"+what[:3], "").but(edit))
		equal(f.t, what, f.rows("SELECT username FROM subscriber WHERE username = $1", "none-"+what[:3]), nil)
	}
}

// testDialPlan: the holder of the number decides what becomes of a call.
func testDialPlan(f *fixture) {
	f.apply(user("active"), user("deactivated").to(pbx.Deactivated), user("deleted").to(pbx.Deleted))
	number := 2000
	for _, c := range []struct {
		holder, displayName string
		state               pbx.State
		box                 bool
		want                string
	}{
		{"active", "", pbx.Active, true, "ring|box"},
		{"active", "", pbx.Active, false, "ring|"},
		{"", "Lobby", pbx.Active, true, "ring|box"},
		{"", "Lobby", pbx.Active, false, "ring|"},
		{"deactivated", "", pbx.Active, true, "voicemail|box"},
		{"deactivated", "", pbx.Active, false, "unavailable|"},
		{"deactivated", "Lobby", pbx.Active, true, "voicemail|box"},
		{"", "", pbx.Active, true, "unavailable|"},
		{"nobody", "", pbx.Active, true, "unavailable|"},
		{"deleted", "", pbx.Active, true, "unavailable|"},
		{"deleted", "Lobby", pbx.Active, true, "ring|"}, // the box of a Deleted person takes nothing
		{"active", "", pbx.Deactivated, true, "unavailable|"},
		{"", "Lobby", pbx.Deactivated, true, "unavailable|"},
		{"active", "", pbx.Deleted, true, ""},
	} {
		number++
		o := held(fmt.Sprint("e", number), fmt.Sprint(number), c.holder).to(c.state)
		o.number.DisplayName, o.number.Voicemail.Enabled = c.displayName, c.box
		o.number.DirectNumbers = []string{fmt.Sprint("+4930", number)}
		f.apply(o)
		var want []string
		if c.want != "" {
			want = []string{strings.ReplaceAll(c.want, "box", fmt.Sprint(number))}
		}
		what := fmt.Sprintf("holder %q, displayName %q, %s, box %v", c.holder, c.displayName, c.state, c.box)
		for _, dialled := range []string{fmt.Sprint(number), fmt.Sprint("+4930", number)} {
			equal(f.t, what, f.rows("SELECT action, mailbox FROM pbx_dial_plan WHERE number = $1", dialled), want)
		}
	}
}

// testSeveralPhones: a call rings all Normal phones of the extension, whoever uses them, and those only.
func testSeveralPhones(f *fixture) {
	e := held("team", "3001", "h")
	e.number.DirectNumbers = []string{"+49303001"}
	f.apply(e, user("h", "own", "shared"), user("other", "shared", "off").to(pbx.Deactivated), user("gone", "dead").to(pbx.Deleted),
		line1("own", "team"), line1("shared", "team"), line1("off", "team"), line1("dead", "team"), line1("free", "team"),
		line1("elsewhere", "another"), line1("quiet", "team").to(pbx.Deactivated))
	for _, number := range []string{"3001", "+49303001"} {
		equal(f.t, number+" rings", f.rows("SELECT username, domain FROM dbaliases WHERE alias_username = $1 ORDER BY 1", number),
			[]string{"free|acme.example", "own|acme.example", "shared|acme.example"})
	}
	equal(f.t, "Asterisk dials", sortedPhones(f.value("SELECT appdata FROM extensions WHERE context = 'pbx-numbers' AND exten = '3001'")),
		[]string{"PJSIP/free", "PJSIP/own", "PJSIP/shared"})
	equal(f.t, "a callback reaches", f.rows("SELECT username FROM pbx_callbacks WHERE alias_username = '3001' ORDER BY 1"),
		[]string{"free", "off", "own", "quiet", "shared"})
	for _, number := range []string{"3001", "+49303001"} {
		equal(f.t, "a callback by Asterisk reaches", sortedPhones(f.value(
			"SELECT appdata FROM extensions WHERE context = 'pbx-callbacks' AND exten = $1", number)),
			[]string{"PJSIP/free", "PJSIP/off", "PJSIP/own", "PJSIP/quiet", "PJSIP/shared"})
	}
	f.apply(user("h", "own", "shared").at(2).to(pbx.Deactivated))
	equal(f.t, "with the holder Deactivated", f.rows("SELECT username FROM dbaliases WHERE alias_username = '3001'"), nil)
}

// sortedPhones are the phones that Asterisk dials, which have & between: the first argument of a Gosub.
func sortedPhones(gosub string) []string {
	_, arguments, _ := strings.Cut(gosub, "(")
	dialled, _, _ := strings.Cut(strings.TrimSuffix(arguments, ")"), ",")
	phones := strings.Split(dialled, "&")
	slices.Sort(phones)
	return phones
}

// testNotRung: a number without phones to ring has none.
func testNotRung(f *fixture) {
	box := held("box", "4001", "h")
	box.number.Voicemail.Enabled = true
	f.apply(user("h"), box, held("none", "4002", "h"))
	for exten, want := range map[string]string{"4001": "pbx-call,s,1(,4001)", "4002": "pbx-call,s,1(,)"} {
		equal(f.t, exten, f.rows("SELECT priority, app, appdata FROM extensions WHERE context = 'pbx-numbers' AND exten = $1", exten),
			[]string{"1|Gosub|" + want})
	}
}

func testCallers(f *fixture) {
	f.apply(fullObjects...)
	e := held("plain", "1002", "")
	e.number.DisplayName = `<The "Lobby" \>`
	f.apply(e, line1("common", "plain"), line1("loose", ""), line1("1002", "another"))
	for username, want := range map[string]string{
		"desk-sip": "Normal|1001|+49301001|Ada Lovelace", "common": "Normal|1002|+49300|The Lobby ", "loose": "Normal||+49300|",
	} {
		equal(f.t, username, f.value("SELECT effective, number, caller_id, caller_name FROM pbx_callers WHERE username = $1", username), want)
	}
	equal(f.t, "a SIP username is no number", f.rows("SELECT username FROM pbx_callbacks WHERE alias_username = 'loose'"), nil)
	equal(f.t, "callback by Asterisk", f.rows("SELECT exten, priority, app, appdata FROM extensions WHERE context = 'pbx-callbacks' ORDER BY exten"),
		[]string{
			"+49301001|1|Gosub|pbx-callback,s,1(PJSIP/desk-sip)", "+49302001|1|Gosub|pbx-callback,s,1(PJSIP/desk-sip)",
			"1001|1|Gosub|pbx-callback,s,1(PJSIP/desk-sip)", "1002|1|Gosub|pbx-callback,s,1(PJSIP/common)",
		})
}

// testEmergencyCallers: what an emergency call shows is a number that reaches us, for phones in any state.
func testEmergencyCallers(f *fixture) {
	f.apply(fullObjects...)
	f.apply(held("plain", "1002", ""), line1("Common", "plain").to(pbx.Deleted), line1("loose", ""))
	shown := func(username string) []string {
		return f.rows("SELECT number FROM pbx_emergency_callers WHERE username = $1", username)
	}
	for username, want := range map[string]string{"desk-sip": "+49301001", "common": "+49300", "loose": "+49300"} {
		equal(f.t, username, shown(username), []string{want})
	}
	f.apply(ada.to(pbx.Deleted))
	equal(f.t, "of a Deleted user", shown("desk-sip"), []string{"+49301001"})
	f.apply(line.to(pbx.Deleted))
	equal(f.t, "of a Deleted extension", shown("desk-sip"), []string{"+49300"})
}

func testEngineSettings(f *fixture) {
	forms := "112=112;911=911;+112=112;+911=911"
	columns := "domain, main_number, emergency_numbers, trusted_networks, emergency_forms"
	equal(f.t, "settings", f.value("SELECT "+columns+" FROM pbx_engine_settings"), "acme.example|+49300|112,911|10.0.0.0/8|"+forms)
	other := system
	other.TrustedNetworks, other.CallbackMinutes = nil, 45
	other.Numbering = pbx.Numbering{Country: "49", Area: "30", Outside: "0"}.WithDefaults()
	before := f.value("SELECT revision FROM pbx_engine_settings")
	f.configure(other, true)
	if f.value("SELECT revision FROM pbx_engine_settings") == before {
		f.t.Error("the revision is that of before the change")
	}
	equal(f.t, "trusted by default", f.value("SELECT trusted_networks FROM pbx_engine_settings"),
		"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8,fc00::/7,::1/128")
	equal(f.t, "by name", f.rows("SELECT name, value FROM pbx_engine_settings_by_name WHERE name NOT LIKE '%networks' AND name <> 'revision' ORDER BY name"),
		[]string{
			"area|30", "callback_minutes|45", "country|49", "domain|acme.example",
			"emergency_forms|" + forms + ";0112=112;0911=911;+49112=112;+49911=911;0049112=112;0049911=911",
			"emergency_numbers|112,911", "international|00", "main_number|+49300", "national|0", "outside|0",
		})
	for numbers, want := range map[string][]string{"112 911": {"+112|112", "+911|911", "112|112", "911|911"}, "": nil, "999": {"+999|999", "999|999"}} {
		other := system
		other.EmergencyNumbers = strings.Fields(numbers)
		if _, err := f.store.Configure(f.t.Context(), other); err != nil {
			f.t.Fatal(err)
		}
		equal(f.t, numbers, f.rows("SELECT dialled, number FROM pbx_emergency_numbers ORDER BY dialled"), want)
		var calls []string
		for _, form := range want {
			dialled, number, _ := strings.Cut(form, "|")
			calls = append(calls, dialled+"|Gosub|pbx-emergency-call,s,1("+number+")")
		}
		equal(f.t, numbers, f.rows("SELECT exten, app, appdata FROM extensions WHERE context = 'pbx-emergency-numbers' ORDER BY exten"), calls)
	}
}

func testAsterisk(f *fixture) {
	f.apply(fullObjects...)
	equal(f.t, "endpoint", f.value("SELECT id, aors, auth, context, callerid, mailboxes FROM ps_endpoints"),
		`desk-sip|desk-sip|desk-sip|pbx-normal|"Ada Lovelace" <1001>|1001@default`)
	equal(f.t, "auth", f.value("SELECT auth_type, username, realm, md5_cred = (SELECT ha1 FROM pbx_phones) FROM ps_auths"),
		"md5|desk-sip|acme.example|1")
	equal(f.t, "dialled", f.rows("SELECT context, exten, priority, app, appdata FROM extensions WHERE exten = '+49301001' AND context = 'pbx-numbers'"),
		[]string{"pbx-numbers|+49301001|1|Gosub|pbx-call,s,1(PJSIP/desk-sip,1001)"})
	equal(f.t, "a number is found", f.rows("SELECT app FROM extensions WHERE context = 'pbx-numbers' AND exten = '1001' AND priority = 1"),
		[]string{"Gosub"})
	f.apply(line1("loose", ""))
	equal(f.t, "without a number", f.value("SELECT callerid FROM ps_endpoints WHERE id = 'loose'"), `"" <anonymous>`)
	f.apply(ada.to(pbx.Deactivated))
	equal(f.t, "deactivated", f.value("SELECT context FROM ps_endpoints WHERE id = 'desk-sip'"), "pbx-emergency")
	f.apply(line.to(pbx.Deleted))
	equal(f.t, "no box", f.rows("SELECT mailbox FROM voicemail"), nil)
}

// testPINByPhone: its owner changes a PIN; the operator hears of it. What no phone can enter is no PIN.
func testPINByPhone(f *fixture) {
	f.apply(fullObjects...)
	enter := func(pin string) string {
		f.byHand("UPDATE voicemail SET password = $1 WHERE mailbox = '1001' AND context = 'default'", pin)
		return f.value("SELECT pin FROM pbx_extensions")
	}
	equal(f.t, "PIN", enter("4711"), "4711")
	f.wokenBy("a PIN by phone", line.key())
	for _, pin := range []string{"", "none", "-4711", "47x11"} {
		equal(f.t, pin, enter(pin), "4711")
	}
	f.byHand("UPDATE voicemail SET password = NULL")
	equal(f.t, "no PIN", f.value("SELECT pin FROM pbx_extensions"), "4711")
}

// testBoxes: whom a box opens to, and announces to.
func testBoxes(f *fixture) {
	f.apply(user("active"), user("deactivated").to(pbx.Deactivated), user("deleted").to(pbx.Deleted))
	number := 5000
	for _, c := range []struct {
		holder, pin string
		state       pbx.State
		want        string
		opens       bool
	}{
		{"active", "1234", pbx.Active, "1234||box@acme.example", true},
		{"active", "", pbx.Active, "none||box@acme.example", false},
		{"deactivated", "1234", pbx.Active, "none||", false},
		{"deactivated", "", pbx.Active, "none||", false},
		{"deleted", "1234", pbx.Active, "none|Front|", false},
		{"", "1234", pbx.Active, "1234|Front|box@acme.example", true},
		{"", "", pbx.Active, "none|Front|box@acme.example", false},
		{"nobody", "1234", pbx.Active, "1234|Front|box@acme.example", true},
		{"active", "1234", pbx.Deactivated, "1234||box@acme.example", true}, // its number takes no calls; the messages are theirs
		{"deactivated", "1234", pbx.Deactivated, "none||", false},
		{"active", "1234", pbx.Deleted, "", false},
	} {
		number++
		o := held(fmt.Sprint("e", number), fmt.Sprint(number), c.holder).to(c.state)
		o.number.DisplayName = "Front"
		o.number.Voicemail = pbx.Voicemail{Enabled: true, Email: "box@acme.example"}
		o.given = map[pbx.Field]string{pbx.FieldPIN: c.pin}
		f.apply(o)
		what := fmt.Sprintf("holder %q, PIN %q, %s", c.holder, c.pin, c.state)
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		mailbox := fmt.Sprint(number)
		equal(f.t, what, f.rows("SELECT password, fullname, email FROM voicemail WHERE mailbox = $1", mailbox), want)
		f.byHand("UPDATE voicemail SET password = '4711' WHERE mailbox = $1", mailbox)
		left := c.pin
		if c.opens {
			left = "4711"
		}
		equal(f.t, what+", another PIN by phone", f.value("SELECT pin FROM pbx_extensions WHERE mailbox = $1", mailbox), left)
	}
}

// testBoxAfterAReset: the one after does not hear the messages that stay, until there is a PIN again.
func testBoxAfterAReset(f *fixture) {
	o := newOffice(1, allItems...)
	o.open(f)
	password := func() string { return f.value("SELECT password FROM voicemail WHERE mailbox = '1001'") }
	equal(f.t, "before", password(), "1234")
	f.apply(o.heldBy(o.bob.name, 2))
	equal(f.t, "after", password(), "none")
	equal(f.t, "messages", f.value("SELECT count(*) FROM voicemessages WHERE mailboxuser = '1001' AND msgnum >= 0"), "2")
	given := o.heldBy(o.bob.name, 3)
	given.given = map[pbx.Field]string{pbx.FieldPIN: "8642"}
	f.apply(given)
	equal(f.t, "with another PIN", password(), "8642")
}

// testKamailioRecords: what goes into acc_cdrs is a call record like any other.
func testKamailioRecords(f *fixture) {
	f.apply(fullObjects...)
	insert := func(columns, values string) {
		f.byHand(fmt.Sprintf("INSERT INTO acc_cdrs (start_time, end_time, %s) VALUES ('2030-01-02 03:04:05', '2030-01-02 03:04:15', %s)",
			columns, values))
	}
	insert("duration, ring_time, src, dst, channel, accountcode, dstchannel, disposition, uniqueid",
		"9.6, '4', '1001', '1001', 'desk-sip', 'desk-sip', 'desk-sip', 'ANSWERED', 'a'")
	insert("duration, ring_time, dst, disposition, uniqueid", "9.6, NULL, '+49301001', 'NO ANSWER', 'b'")
	insert("duration, dst, uniqueid", "3, 'x', 'c'")
	insert("duration, ring_time, disposition, uniqueid", "1, '2', 'ANSWERED', 'd'")
	for range 2 { // the second time it is known
		insert("duration, ring_time, disposition, uniqueid", "0, '9', 'NO ANSWER', 'e'")
	}
	equal(f.t, "records", f.rows(`SELECT uniqueid, calldate, duration, billsec, disposition, src_user_id, dst_user_id, src_service
		FROM cdr ORDER BY uniqueid`), []string{
		"a|2030-01-02 03:04:05|10|6|ANSWERED|uid-ada|uid-ada|desk",
		"b|2030-01-02 03:04:05|10|0|NO ANSWER|NULL|uid-ada|NULL",
		"c|2030-01-02 03:04:05|3|3|ANSWERED|NULL|NULL|NULL",
		"d|2030-01-02 03:04:05|1|0|ANSWERED|NULL|NULL|NULL",
		"e|2030-01-02 03:04:05|9|0|NO ANSWER|NULL|NULL|NULL",
	})
}
