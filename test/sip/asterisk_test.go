//go:build asterisk

package sip

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// gatewayHost is not where phones are: Asterisk knows the gateway by its address alone.
const gatewayHost = "127.0.0.2"

// TestAsterisk makes calls with a real Asterisk, which has the files that ship, on both kinds of stores.
func TestAsterisk(t *testing.T) {
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			asteriskProgram(t)
			tenant := operator.NewTenant(t, backend)
			w := newAsteriskWorld(start(t, tenant, tenant.Options()))
			for _, scenario := range []struct {
				name string
				run  func(*asteriskWorld)
			}{
				{"Register", asteriskRegister},
				{"Contact", asteriskContact},
				{"Call", asteriskCall},
				{"NobodyAnswers", asteriskNobodyAnswers},
				{"Identity", asteriskIdentity},
				{"DialStrings", asteriskDialStrings},
				{"Numbers", asteriskNumbers},
				{"Emergency", asteriskEmergency},
				{"NoNumber", asteriskNoNumber},
				{"Callback", asteriskCallback},
				{"CallbackToMainNumber", asteriskCallbackToMainNumber},
				{"Gateway", asteriskGateway},
				{"ClosedBox", asteriskClosedBox},
				{"SeveralPhones", asteriskSeveralPhones},
				{"Deactivated", asteriskDeactivated},
				{"DeletedAndRestored", asteriskDeleted},
				{"Rotated", asteriskRotated},
				{"OngoingCall", asteriskOngoingCall},
			} {
				t.Run(scenario.name, func(t *testing.T) { scenario.run(&asteriskWorld{world: w.in(t), dir: w.dir}) })
			}
		})
	}
}

// The numbers of the phone system.
const (
	numbering = `{"mainNumber":"` + mainNumber + `","numbering":{"voicemailDigits":4,"country":"49","area":"30","outside":"0"}}`
)

// TestAsteriskStoreHangs: while questions to PostgreSQL wait, emergency calls complete after a while, and the centre reaches
// who has called it.
func TestAsteriskStoreHangs(t *testing.T) {
	asteriskProgram(t)
	tenant := operator.NewTenant(t, operator.Postgres)
	w := newAsteriskWorld(start(t, tenant, tenant.Options()))
	a, b := w.person(), w.person()
	w.through(a.phone, "112", w.gateway)
	hung, err := w.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.Rollback() })
	if _, err := hung.ExecContext(t.Context(), "LOCK TABLE pbx_system, pbx_phones, pbx_extensions IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	w.through(w.gateway, a.direct, a.phone)
	w.carries(w.through(b.phone, "112", w.gateway), mainNumber, b.phone.username)
	w.refused(a.phone, b.number, 403, "")
	if err := hung.Rollback(); err != nil {
		t.Fatal(err)
	}
	w.through(a.phone, b.number, b.phone)
}

// TestAsteriskByNumber: where what is dialled tells that a call is an emergency call, no password is asked for.
func TestAsteriskByNumber(t *testing.T) {
	asteriskProgram(t)
	tenant := operator.NewTenant(t, operator.SQLite)
	w := newAsteriskWorld(start(t, tenant, tenant.Options()),
		";[emergency]\n;type=identify\n;endpoint=anonymous\n;match", "[emergency]\ntype=identify\nendpoint=anonymous\nmatch")
	a, b := w.person(), w.person()
	a.phone.password = "wrong"
	for _, number := range []string{"112", "+112", "0112", "+49911", "0049112"} {
		w.carries(w.through(a.phone, number, w.gateway), mainNumber, a.phone.username)
	}
	w.refused(a.phone, b.number, 401, "")
	w.refused(a.phone, "1112", 401, "")
	w.refused(w.gateway, "112", 404, "")
}

// asteriskWorld is a world whose engine is Asterisk, with its files in dir.
type asteriskWorld struct {
	*world
	dir string
}

// newAsteriskWorld starts Asterisk with the files that ship, in which more is replaced.
func newAsteriskWorld(w *world, replaced ...string) *asteriskWorld {
	w.t.Helper()
	w.patch("phonesystem", operator.PhoneSystem, numbering)
	w.db = w.SQL()
	w.gateway = newPhoneAt(w.t, gatewayHost, "", "gateway.example", "gateway", "")
	w.voicemail = newPhone(w.t, "", "voicemail.example", "voicemail", "")
	address, dir := startAsterisk(w.t, w.Tenant, w.gateway.address(), replaced...)
	// Phones call what the world calls Kamailio.
	w.kamailio = &kamailio{address: address}
	w.gateway.proxy, w.gateway.domain = w.kamailio.address, w.domain
	return &asteriskWorld{world: w, dir: dir}
}

// console gives a command to Asterisk, and its answer.
func (w *asteriskWorld) console(command string) string {
	w.t.Helper()
	program := asteriskProgram(w.t)
	out, err := exec.CommandContext(w.t.Context(), program[0], append(program[1:], "-C", filepath.Join(w.dir, "asterisk.conf"), "-rx", command)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// TestAsteriskStoreStopped: while PostgreSQL is down emergency calls complete, and when it is back all is as before.
func TestAsteriskStoreStopped(t *testing.T) {
	asteriskProgram(t)
	server := pgserver.New(t)
	tenant := operator.NewTenant(t, operator.Postgres)
	tenant.DSN = server.NewDatabase(t)
	w := newAsteriskWorld(start(t, tenant, tenant.Options()))
	a, b := w.person(), w.person()
	w.through(a.phone, b.number, b.phone)
	const moved = "+49309001"
	w.patch("phonesystem", operator.PhoneSystem, fmt.Sprintf(`{"mainNumber":%q}`, moved))
	w.through(w.gateway, b.direct, b.phone) // brings the settings
	server.Stop(t)
	for _, number := range []string{"112", "911", "+112", "+911"} {
		w.carries(w.through(a.phone, number, w.gateway), moved, a.phone.username)
	}
	w.refused(a.phone, b.number, 403, "")
	w.through(w.gateway, moved, a.phone)
	w.refused(w.gateway, b.direct, 503, "")
	server.Restart(t)
	w.eventually("calls complete again", func() bool {
		got := a.phone.call(b.number)
		if got.status == 200 {
			b.phone.called()
			a.phone.hangUp(got)
		}
		return got.status == 200
	})
	a.registers(200)
}

// asteriskProgram is the command that runs Asterisk. It has to see the directories of the tests under their own paths.
func asteriskProgram(t testing.TB) []string {
	t.Helper()
	if command := strings.Fields(os.Getenv("PBX_ASTERISK")); len(command) > 0 {
		return command
	}
	for _, name := range []string{"asterisk", "/usr/sbin/asterisk"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}
		}
	}
	t.Fatal("no Asterisk: install asterisk, libsqliteodbc and odbc-postgresql (Debian sid has them), or set PBX_ASTERISK to a " +
		"command that runs it")
	return nil
}

// startAsterisk starts Asterisk on a tenant's store, and gives its address and the directory of its files.
func startAsterisk(t testing.TB, tenant *operator.Tenant, gateway string, replaced ...string) (address, dir string) {
	t.Helper()
	command := asteriskProgram(t)
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address, dir = "127.0.0.1:"+strconv.Itoa(port), t.TempDir()
	configureAsterisk(t, tenant, dir, address, gateway, replaced...)
	program, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatal(err)
	}
	process, err := child.Start(child.Spec{
		Path: program, Args: append(command[1:], "-f", "-n", "-vvv", "-C", filepath.Join(dir, "asterisk.conf")),
		Dir: dir, Log: filepath.Join(dir, "output"), Env: []string{"ODBCINI=" + filepath.Join(dir, "odbc.ini")}, DeathSignal: 15,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of Asterisk's log:\n%s", process.LastLines(60))
		}
	})
	awaitAsterisk(t, process, address)
	return address, dir
}

// configureAsterisk writes the files that ship, with what docs/asterisk.md says to replace.
func configureAsterisk(t testing.TB, tenant *operator.Tenant, dir, address, gateway string, more ...string) {
	t.Helper()
	const shipped = "../../docs/engines/asterisk"
	files, err := os.ReadDir(shipped)
	if err != nil {
		t.Fatal(err)
	}
	source, user, password := "Driver = SQLite3\nTimeout = 10000\nDatabase = "+strings.TrimPrefix(databaseURL(t, tenant), "sqlite://"), "asterisk", "secret"
	if tenant.DSN != "" {
		source, user, password = postgresSource(t, tenant)
	}
	replaced := strings.NewReplacer(append(more, "0.0.0.0:5060", address, "192.0.2.1:5060", gateway, "192.0.2.1", gatewayHost,
		"username=asterisk", "username="+user, "password=secret", "password="+password, "MAIN_NUMBER=\n", "MAIN_NUMBER="+mainNumber+"\n")...)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(shipped, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(file.Name(), replaced.Replace(string(text)))
	}
	write("odbc.ini", "[pbx]\n"+source+"\n")
	directories := "[directories]\n"
	for _, name := range []string{"astetcdir", "astrundir", "astlogdir", "astspooldir", "astdbdir"} {
		directories += name + " => " + dir + "\n"
	}
	write("asterisk.conf", directories)
}

func postgresSource(t testing.TB, tenant *operator.Tenant) (source, user, password string) {
	t.Helper()
	dsn, err := url.Parse(databaseURL(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	user = dsn.User.Username()
	password, _ = dsn.User.Password()
	tenant.Exec(tenant.SQL(), "ALTER ROLE "+user+" SET statement_timeout = '2s'")
	return fmt.Sprintf("Driver = PostgreSQL Unicode\nServername = %s\nPort = %s\nDatabase = %s",
		dsn.Hostname(), dsn.Port(), strings.TrimPrefix(dsn.Path, "/")), user, password
}

// awaitAsterisk waits until Asterisk has started and answers.
func awaitAsterisk(t testing.TB, process *child.Process, address string) {
	t.Helper()
	probe := newPhone(t, address, "probe.example", "probe", "")
	operator.Await(t, kamailioLimit, "Asterisk answers", func() string {
		select {
		case <-process.Done():
			t.Fatalf("Asterisk has ended (%s); the end of its log:\n%s", process.Outcome(), process.LastLines(30))
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		res, err := probe.client.Do(ctx, probe.request(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: "probe.example"}, "probe"))
		if err != nil {
			return err.Error()
		}
		if res.StatusCode == sip.StatusServiceUnavailable {
			return res.StartLine()
		}
		return ""
	})
}

// through sees that a call arrives at another phone, and that it ends there when the caller ends it. It gives the INVITE.
func (w *world) through(from *phone, number string, by *phone, headers ...sip.Header) *sip.Request {
	w.t.Helper()
	got := from.call(number, headers...)
	if got.status != 200 {
		w.t.Fatalf("%s calls %s: %d %s, want an answer", from.username, number, got.status, got.reason)
	}
	invite := by.called()
	from.hangUp(got)
	by.ended(invite.CallID().Value())
	return invite
}

// tagged waits for the record of the only call to a number from a phone that was answered there.
func (w *world) tagged(from *phone, number, want string) {
	w.t.Helper()
	var rows []string
	w.eventually("the record of the call to "+number, func() bool {
		rows = w.Rows(w.db, `SELECT src, disposition, src_username, dst_username, src_service FROM call_history
			WHERE channel LIKE $1 AND dst = $2`, "PJSIP/"+from.username+"-%", number)
		return len(rows) > 0
	})
	w.equal("the record of the call to "+number, strings.Join(rows, "; "), want)
}

func asteriskRegister(w *asteriskWorld) {
	a, b := w.person(), w.person()
	password := a.phone.password
	a.phone.password = "wrong"
	a.registers(401)
	a.phone.password = password
	if got := newPhone(w.t, w.kamailio.address, w.domain, "nobody", password).register(); got.status != 403 {
		w.t.Errorf("an unknown user registers: %d %s", got.status, got.reason)
	}
	if got := newPhone(w.t, w.kamailio.address, w.domain, b.phone.username, password).register(); got.status != 401 {
		w.t.Errorf("register as somebody else: %d %s", got.status, got.reason)
	}
	// Asterisk looks for a SIP username as it is written.
	if got := newPhone(w.t, w.kamailio.address, w.domain, strings.ToUpper(a.phone.username), password).register(); got.status != 403 {
		w.t.Errorf("register in capital letters: %d %s", got.status, got.reason)
	}
	w.shows(a, "Test/1.0")
	a.phone.registerFor(0)
	w.shows(a, "")
}

// asteriskContact: calls go to where the REGISTER came from, not to where its Contact says.
func asteriskContact(w *asteriskWorld) {
	a, b := w.person(), w.person()
	a.phone.registerFor(0)
	forger := *a.phone
	forger.host, forger.port = gatewayHost, w.gateway.port
	if got := forger.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	w.through(b.phone, a.number, a.phone)
	w.gateway.notCalled()
}

func asteriskCall(w *asteriskWorld) {
	a, b := w.person(), w.person()
	for _, number := range []string{b.number, b.direct} {
		w.through(a.phone, number, b.phone)
		w.tagged(a.phone, number, strings.Join([]string{a.number, "ANSWERED", a.name, b.name, a.name + "-desk"}, "|"))
	}
	w.refused(a.phone, "9876", 404, "")
	w.carries(w.through(a.phone, "+498912345", w.gateway), a.direct, a.phone.username)
	w.through(w.gateway, a.direct, a.phone)
}

// carries sees what an INVITE tells of who calls: the number, and no name, no account, and nothing that the caller claimed.
func (w *world) carries(invite *sip.Request, number, account string) {
	w.t.Helper()
	w.equal("From", invite.From().Address.User, number)
	w.equal("the name in From", strings.Trim(invite.From().DisplayName, `"`), "")
	identities := invite.GetHeaders("P-Asserted-Identity")
	if len(identities) != 1 || !strings.HasPrefix(strings.TrimPrefix(identities[0].Value(), `"" `), "<sip:"+number+"@") {
		w.t.Errorf("P-Asserted-Identity is %v, want %s", identities, number)
	}
	for _, header := range claims("") {
		if got := invite.GetHeader(header.Name()); got != nil && header.Name() != "P-Asserted-Identity" {
			w.t.Errorf("the INVITE has %s", got)
		}
	}
	for _, text := range []string{account, forged} {
		if text != "" && strings.Contains(invite.String(), text) {
			w.t.Errorf("the INVITE tells of %s:\n%s", text, invite)
		}
	}
}

// forged is whom a caller claims to be.
const forged = "+4989666"

// claims are the headers that tell of who calls.
func claims(who string) []sip.Header {
	var all []sip.Header
	for name, value := range map[string]string{
		"P-Asserted-Identity": "<sip:%s@acme.example>", "P-Preferred-Identity": "<sip:%s@acme.example>",
		"Remote-Party-ID": "<sip:%s@acme.example>;party=calling", "Privacy": "id", "Diversion": "<sip:%s@acme.example>;reason=no-answer",
		"Geolocation": "<http://acme.example/%s>", "History-Info": "<sip:%s@acme.example>;index=1",
	} {
		all = append(all, sip.NewHeader(name, strings.ReplaceAll(value, "%s", who)))
	}
	return all
}

// asteriskNobodyAnswers: a call that no phone takes goes to the box, and is 480 or busy where there is none.
func asteriskNobodyAnswers(w *asteriskWorld) {
	a, b := w.person(), w.person()
	b.phone.set(isBusy)
	got := a.phone.call(b.number)
	a.phone.hangUp(got) // voicemail
	b.phone.called()
	w.patch("extension", b.name, `{"voicemail":{"enabled":false}}`)
	w.refused(a.phone, b.number, 486, "")
	b.phone.registerFor(0)
	w.refused(a.phone, b.number, 480, "")
	w.state("extension", b.name, pbxv1.StateDeactivated)
	w.refused(a.phone, b.number, 480, "")
}

// asteriskIdentity: who is called sees a number and a name that are not the account's, and reaches the caller by it: also one
// whose account is a number, which another one has replaced.
func asteriskIdentity(w *asteriskWorld) {
	a, b := w.person(), w.person()
	sees := func(invite *sip.Request, number string) {
		w.t.Helper()
		w.equal("the number", invite.From().Address.User, number)
		w.equal("the name", strings.Trim(invite.From().DisplayName, `"`), a.name+" Example")
		if strings.Contains(invite.String(), "sip:"+a.phone.username) {
			w.t.Errorf("the INVITE tells of the account:\n%s", invite)
		}
	}
	sees(w.through(a.phone, b.number, b.phone), a.number)
	w.through(b.phone, a.number, a.phone)
	account, renumbered := a.number, "2"+a.number[1:]
	w.patch("phone", a.name+"-desk", fmt.Sprintf(`{"sip":{"username":%q}}`, account))
	a.phone = w.phone(a.name + "-desk")
	a.registers(200)
	w.equal("the account", a.phone.username, account)
	w.patch("extension", a.name, fmt.Sprintf(`{"number":%q,"directNumbers":[]}`, renumbered))
	sees(w.through(a.phone, b.number, b.phone), renumbered)
	w.through(b.phone, renumbered, a.phone)
	w.refused(b.phone, account, 404, "")
	// A phone without a number shows none, whatever it says of itself.
	w.state("extension", a.name, pbxv1.StateDeleted)
	invite := w.through(a.phone, b.number, b.phone, claims(forged)...)
	w.equal("the number", invite.From().Address.User, "anonymous")
	for _, text := range []string{"sip:" + account, forged} {
		if strings.Contains(invite.String(), text) {
			w.t.Errorf("the INVITE tells of %s:\n%s", text, invite)
		}
	}
}

// asteriskDialStrings: a dialled text adds nobody and nothing to a call.
func asteriskDialStrings(w *asteriskWorld) {
	a, b, off := w.person(), w.person(), w.person()
	w.state("pbxuser", off.name, pbxv1.StateDeactivated)
	for _, text := range []string{
		"0123&PJSIP/" + b.phone.username, "+4989&PJSIP/" + b.phone.username, "01,30,G(a%5Eb%5E1)", "0123/PJSIP",
		"0123%22", "0123%24%7BEXTEN%7D", "0123%5D", "01)", "0(1", "0%20123", "0-123", "01+2", "++123", b.number + "&PJSIP/gateway",
		b.number + ",1", "112&PJSIP/" + b.phone.username, "*97,1", b.phone.username,
	} {
		w.refused(a.phone, text, 404, "")
		w.refused(w.gateway, text, 404, "")
		w.refused(off.phone, text, 403, "")
	}
	w.gateway.notCalled()
	b.phone.notCalled()
}

// asteriskNumbers: numbers of ours are found as carriers and people write them, and stay inside.
func asteriskNumbers(w *asteriskWorld) {
	a, b := w.person(), w.person()
	digits := strings.TrimPrefix(a.direct, "+49")
	for _, written := range []string{
		a.direct, "49" + digits, "0049" + digits, "0" + digits, digits, a.direct + ";npdi", "0" + digits + ";phone-context=+49", a.number,
	} {
		w.through(w.gateway, written, a.phone)
	}
	for _, written := range []string{"49" + digits, "0049" + digits, "0" + digits, digits, "00" + digits, "00049" + digits} {
		w.through(b.phone, written, a.phone)
	}
	w.gateway.notCalled()
	got := w.gateway.callURI("tel:" + a.direct)
	a.phone.called()
	w.gateway.hangUp(got)
	for _, written := range []string{"+4930555", "0049305551", "5551", "49305551"} {
		w.refused(w.gateway, written, 404, "")
	}
	for _, written := range []string{"+4930555", "0049305551"} {
		w.equal("what is dialled outside", w.through(b.phone, written, w.gateway).Recipient.User, written)
	}
}

// callURI calls an address that is not in the domain.
func (p *phone) callURI(address string) outcome {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), answerLimit)
	defer cancel()
	var uri sip.Uri
	if err := sip.ParseUri(address, &uri); err != nil {
		p.t.Fatal(err)
	}
	req := p.request(sip.INVITE, uri, p.username)
	req.AppendHeader(&sip.ToHeader{Address: p.uri("somebody")})
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody([]byte(sdp))
	dialog, err := p.outgoing.WriteInvite(ctx, req)
	if err != nil {
		p.t.Fatal(err)
	}
	var refused *sipgo.ErrDialogResponse
	if err := dialog.WaitAnswer(ctx, sipgo.AnswerOptions{}); errors.As(err, &refused) {
		return outcome{status: refused.Res.StatusCode, reason: refused.Res.Reason}
	} else if err != nil {
		p.t.Fatalf("%s: %v", address, err)
	}
	if err := dialog.Ack(ctx); err != nil {
		p.t.Fatal(err)
	}
	return outcome{status: dialog.InviteResponse.StatusCode, dialog: dialog}
}

// asteriskEmergency: each form of an emergency number reaches the centre as the number itself, with a number that reaches
// who called.
func asteriskEmergency(w *asteriskWorld) {
	a, b, off := w.person(), w.person(), w.person()
	w.state("pbxuser", off.name, pbxv1.StateDeactivated)
	stranger := newPhone(w.t, w.kamailio.address, w.domain, "stranger", "")
	for _, c := range []struct {
		from  *phone
		shown string
	}{{a.phone, a.direct}, {off.phone, off.direct}, {stranger, mainNumber}} {
		for _, form := range []string{"112", "+112", "0112", "+49112", "0049112", "911"} {
			invite := w.through(c.from, form, w.gateway, claims(forged)...)
			want := "112"
			if form == "911" {
				want = form
			}
			w.equal(form, invite.Recipient.User, want)
			w.equal("To of "+form, invite.To().Address.User, want)
			w.carries(invite, c.shown, c.from.username)
		}
	}
	w.tagged(off.phone, "112", strings.Join([]string{off.number, "ANSWERED", off.name, "NULL", off.name + "-desk"}, "|"))
	// Of somebody who has shown no password the record tells nothing.
	w.eventually("the record of the stranger's call", func() bool {
		rows := w.Rows(w.db, `SELECT src, src_username, src_service FROM call_history WHERE channel LIKE 'PJSIP/anonymous-%' AND dst = '112'`)
		return strings.Join(rows, "; ") == mainNumber+"|NULL|NULL"
	})
	w.patch("extension", b.name, `{"number":"1112","voicemail":{"enabled":false}}`)
	w.through(a.phone, "1112", b.phone)
}

// asteriskSeveralPhones: all phones ring, one whose name has an underscore, too.
func asteriskSeveralPhones(w *asteriskWorld) {
	a, b := w.person(), w.person()
	other := w.Phone(b.name+"-soft", b.name)
	other.Spec.SIP.Username = b.name + "_soft"
	w.Create(other)
	w.patch("pbxuser", b.name, fmt.Sprintf(`{"services":[{"name":"%[1]s-desk"},{"name":"%[1]s-soft"}]}`, b.name))
	second := w.phone(b.name + "-soft")
	if got := second.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	b.phone.set(ringsOnly)
	w.through(a.phone, b.number, second)
	b.phone.called()
}

func asteriskDeactivated(w *asteriskWorld) {
	a, b := w.person(), w.person()
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	for _, number := range []string{b.number, b.direct, "9876", "*97"} {
		w.refused(a.phone, number, 403, "")
	}
	b.phone.notCalled()
	for _, number := range []string{"112", "911"} {
		w.through(a.phone, number, w.gateway)
		w.tagged(a.phone, number, strings.Join([]string{a.number, "ANSWERED", a.name, "NULL", a.name + "-desk"}, "|"))
	}
	centre := *w.gateway
	centre.username = "112"
	for _, number := range []string{a.number, a.direct} {
		w.through(&centre, number, a.phone)
	}
	w.refused(&centre, a.phone.username, 404, "")
	w.through(w.gateway, a.number, a.phone, sip.NewHeader("Priority", "psap-callback"))
	// Voicemail answers everybody else.
	got := b.phone.call(a.number, sip.NewHeader("Priority", "psap-callback"))
	b.phone.hangUp(got)
	a.phone.notCalled()
	a.registers(200)
	w.state("pbxuser", a.name, pbxv1.StateActive)
	w.through(a.phone, b.number, b.phone)
}

func asteriskDeleted(w *asteriskWorld) {
	a, b := w.person(), w.person()
	w.state("pbxuser", a.name, pbxv1.StateDeleted)
	a.registers(403)
	w.refused(a.phone, b.number, 403, "")
	w.refused(b.phone, a.number, 480, "")
	w.through(a.phone, "112", w.gateway)
	w.state("extension", a.name, pbxv1.StateDeleted)
	w.refused(b.phone, a.number, 404, "")
	a.phone.notCalled()
	w.state("extension", a.name, pbxv1.StateActive)
	w.state("pbxuser", a.name, pbxv1.StateActive)
	a.registers(200)
	w.through(b.phone, a.number, a.phone)
	w.through(a.phone, b.number, b.phone)
}

func asteriskRotated(w *asteriskWorld) {
	a, b := w.person(), w.person()
	secret := &corev1.Secret{ObjectMeta: w.Meta(a.name + "-given"), StringData: map[string]string{"password": "given-password"}}
	w.Create(secret)
	w.patch("phone", a.name+"-desk", fmt.Sprintf(`{"sip":{"passwordSecretRef":{"name":%q}}}`, secret.Name))
	w.equal("registrations", strings.Join(w.Rows(w.db, "SELECT endpoint FROM ps_contacts WHERE endpoint = $1", a.phone.username), " "), "")
	a.registers(401)
	a.phone.password = "given-password"
	a.registers(200)
	w.through(b.phone, a.number, a.phone)
}

// asteriskOngoingCall: no change of state ends a call.
func asteriskOngoingCall(w *asteriskWorld) {
	a, b := w.person(), w.person()
	got := a.phone.call(b.number)
	id := b.phone.called().CallID().Value()
	for _, state := range []pbxv1.State{pbxv1.StateDeactivated, pbxv1.StateActive, pbxv1.StateDeleted} {
		w.state("pbxuser", a.name, state)
		w.state("pbxuser", b.name, state)
	}
	select {
	case <-b.phone.hungUp:
		w.t.Error("the call has ended by itself")
	default:
	}
	a.phone.hangUp(got)
	b.phone.ended(id)
}

// asteriskNoNumber: where there is no number to show, nothing else is shown.
func asteriskNoNumber(w *asteriskWorld) {
	a := w.person()
	w.patch("extension", a.name, `{"directNumbers":[]}`)
	w.patch("phonesystem", operator.PhoneSystem, `{"mainNumber":null}`)
	for _, number := range []string{"112", "+498912345"} {
		invite := w.through(a.phone, number, w.gateway)
		w.equal("From", invite.From().Address.User, "anonymous")
		if strings.Contains(invite.String(), a.phone.username) || invite.GetHeader("P-Asserted-Identity") != nil {
			w.t.Errorf("the INVITE tells of who calls:\n%s", invite)
		}
	}
	w.patch("phonesystem", operator.PhoneSystem, numbering)
	w.carries(w.through(a.phone, "112", w.gateway), mainNumber, a.phone.username)
}

// asteriskCallback: for a time after an emergency call, a call from the gateway to the number that was shown rings the phone
// that made it, which is not registered here.
func asteriskCallback(w *asteriskWorld) {
	a, off, b := w.person(), w.person(), w.person()
	w.state("pbxuser", off.name, pbxv1.StateDeactivated)
	for _, p := range []*person{a, off} {
		p.phone.registerFor(0)
		w.through(p.phone, "112", w.gateway)
		for _, written := range []string{p.direct, strings.TrimPrefix(p.direct, "+"), "00" + p.direct[1:], "0" + p.direct[3:]} {
			w.through(w.gateway, written, p.phone)
		}
		// Others get the box.
		b.phone.hangUp(b.phone.call(p.direct))
		p.phone.notCalled()
	}
	a.phone.set(isBusy)
	w.gateway.hangUp(w.gateway.call(a.direct)) // the box
	a.phone.called()
	a.phone.set(picksUp)
	key := a.direct[1:]
	_, whereabouts, found := strings.Cut(w.console("database get callbacks "+key), "|")
	if !found {
		w.t.Fatal("the call is not remembered")
	}
	over := func() {
		w.console(fmt.Sprintf("database put callbacks %s \"1|%s\"", key, strings.TrimSpace(whereabouts)))
	}
	over()
	w.gateway.hangUp(w.gateway.call(a.direct)) // the box
	a.phone.notCalled()
	// The time begins when the call ends.
	got := a.phone.call("112")
	w.gateway.called()
	over()
	a.phone.hangUp(got)
	w.eventually("a callback after a long call", func() bool {
		got := w.gateway.call(a.direct)
		w.gateway.hangUp(got)
		select {
		case <-a.phone.calls:
			return true
		default:
			return false
		}
	})
}

// asteriskCallbackToMainNumber: a phone that is Blocked has shown the main number, and rings with those that have it.
func asteriskCallbackToMainNumber(w *asteriskWorld) {
	a, gone, later := w.person(), w.person(), w.person()
	w.state("pbxuser", gone.name, pbxv1.StateDeleted)
	w.state("pbxuser", later.name, pbxv1.StateDeleted)
	w.carries(w.through(gone.phone, "112", w.gateway), mainNumber, gone.phone.username)
	w.through(w.gateway, mainNumber, gone.phone)
	w.patch("extension", a.name, fmt.Sprintf(`{"directNumbers":[%q]}`, mainNumber))
	a.phone.set(ringsOnly)
	w.through(w.gateway, "0"+mainNumber[3:], gone.phone)
	a.phone.called()
	w.through(w.gateway, mainNumber, gone.phone, sip.NewHeader("Priority", "psap-callback"))
	a.phone.called()
	gone.phone.set(ringsOnly)
	a.phone.set(picksUp)
	w.through(w.gateway, mainNumber, a.phone)
	gone.phone.called()
	gone.phone.set(picksUp)
	// Of two calls the later one has the number, also when the first one ends after it began.
	first := gone.phone.call("112")
	w.gateway.called()
	second := later.phone.call("112")
	w.gateway.called()
	later.phone.hangUp(second)
	gone.phone.hangUp(first)
	a.phone.set(ringsOnly)
	w.through(w.gateway, mainNumber, later.phone)
	a.phone.called()
	gone.phone.notCalled()
}

// asteriskGateway: nobody is the gateway by its name, or the emergency centre by its number.
func asteriskGateway(w *asteriskWorld) {
	a, b := w.person(), w.person()
	stranger := newPhone(w.t, w.kamailio.address, w.domain, "gateway", "")
	w.refused(stranger, a.number, 403, "")
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	for _, from := range []string{"112", "gateway", "anonymous"} {
		if got := b.phone.callFrom(from, a.number, sip.NewHeader("Priority", "psap-callback")); got.status != 403 {
			w.t.Errorf("a call from %s: %d %s", from, got.status, got.reason)
		}
	}
	a.phone.notCalled()
	// The gateway hears nothing of who answers.
	got := w.gateway.call(b.direct)
	b.phone.called()
	w.gateway.hangUp(got)
	for _, text := range []string{b.number, b.name} {
		if answer := got.dialog.InviteResponse.String(); strings.Contains(strings.ReplaceAll(answer, b.direct, ""), text) {
			w.t.Errorf("the gateway is told of %s:\n%s", text, answer)
		}
	}
	// A name of ours in From does not make a call from the gateway one of ours.
	as := *w.gateway
	as.username = b.phone.username
	w.through(&as, b.direct, b.phone)
}

// asteriskClosedBox: a box without a PIN opens to nobody, not with # alone either.
func asteriskClosedBox(w *asteriskWorld) {
	a := w.person()
	w.equal("the PIN that Asterisk sees", strings.Join(w.Rows(w.db, "SELECT password FROM voicemail WHERE mailbox = $1", a.number), " "), "none")
	log := filepath.Join(w.dir, "output")
	before, err := os.ReadFile(log)
	if err != nil {
		w.t.Fatal(err)
	}
	got := a.phone.call("*97")
	defer a.phone.hangUp(got)
	w.eventually("the box is open or not", func() bool {
		a.phone.press(got, "#")
		now, err := os.ReadFile(log)
		if err != nil {
			w.t.Fatal(err)
		}
		said := string(now[len(before):])
		if strings.Contains(said, "Playing 'vm-youhave") {
			w.t.Fatal("the box is open")
		}
		return strings.Contains(said, "Incorrect password '' for user '"+a.number+"'")
	})
}

// press sends a key of the phone within a call.
func (p *phone) press(o outcome, key string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), answerLimit)
	defer cancel()
	req := sip.NewRequest(sip.INFO, o.dialog.InviteResponse.Contact().Address)
	req.AppendHeader(sip.NewHeader("Content-Type", "application/dtmf-relay"))
	req.SetBody([]byte("Signal=" + key + "\r\nDuration=160\r\n"))
	if res, err := o.dialog.Do(ctx, req); err != nil || res.StatusCode != sip.StatusOK {
		p.t.Fatalf("key %s: %v, %v", key, res, err)
	}
}
