//go:build asterisk

package sip

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
			w := start(t, tenant, tenant.Options())
			w.connectAsterisk()
			for _, scenario := range []struct {
				name string
				run  func(*world)
			}{
				{"Register", asteriskRegister},
				{"Call", asteriskCall},
				{"SeveralPhones", asteriskSeveralPhones},
				{"Deactivated", asteriskDeactivated},
				{"DeletedAndRestored", asteriskDeleted},
				{"Rotated", asteriskRotated},
				{"OngoingCall", asteriskOngoingCall},
			} {
				t.Run(scenario.name, func(t *testing.T) { scenario.run(w.in(t)) })
			}
		})
	}
}

// TestAsteriskStoreStopped: while PostgreSQL is down emergency calls complete, and when it is back all is as before.
func TestAsteriskStoreStopped(t *testing.T) {
	asteriskProgram(t)
	server := pgserver.New(t)
	tenant := operator.NewTenant(t, operator.Postgres)
	tenant.DSN = server.NewDatabase(t)
	w := start(t, tenant, tenant.Options())
	w.connectAsterisk()
	a, b := w.person(), w.person()
	w.through(a.phone, b.number, b.phone)
	server.Stop(t)
	for _, number := range []string{"112", "911"} {
		w.through(a.phone, number, w.gateway)
	}
	w.refused(a.phone, b.number, 403, "")
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

func (w *world) connectAsterisk() {
	w.t.Helper()
	w.db = w.SQL()
	w.gateway = newPhoneAt(w.t, gatewayHost, "", "gateway.example", "gateway", "")
	w.voicemail = newPhone(w.t, "", "voicemail.example", "voicemail", "")
	// Phones call what the world calls Kamailio.
	w.kamailio = &kamailio{address: startAsterisk(w.t, w.Tenant, w.gateway.address())}
	w.gateway.proxy, w.gateway.domain = w.kamailio.address, w.domain
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

// startAsterisk starts Asterisk on a tenant's store, and gives its address.
func startAsterisk(t testing.TB, tenant *operator.Tenant, gateway string) string {
	t.Helper()
	command := asteriskProgram(t)
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	dir := t.TempDir()
	configureAsterisk(t, tenant, dir, address, gateway)
	program, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatal(err)
	}
	process, err := child.Start(child.Spec{
		Path: program, Args: append(command[1:], "-f", "-n", "-C", filepath.Join(dir, "asterisk.conf")),
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
	return address
}

// configureAsterisk writes the files that ship, with what docs/asterisk.md says to replace.
func configureAsterisk(t testing.TB, tenant *operator.Tenant, dir, address, gateway string) {
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
	replaced := strings.NewReplacer("0.0.0.0:5060", address, "192.0.2.1:5060", gateway, "192.0.2.1", gatewayHost,
		"username=asterisk", "username="+user, "password=secret", "password="+password)
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
	tenant.Exec(tenant.SQL(), "ALTER ROLE "+user+" SET jit = off")
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
func (w *world) through(from *phone, number string, by *phone) *sip.Request {
	w.t.Helper()
	got := from.call(number)
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

func asteriskRegister(w *world) {
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
	w.shows(a, "Test/1.0")
	a.phone.registerFor(0)
	w.shows(a, "")
}

func asteriskCall(w *world) {
	a, b := w.person(), w.person()
	for _, number := range []string{b.number, b.direct} {
		w.through(a.phone, number, b.phone)
		w.tagged(a.phone, number, strings.Join([]string{a.number, "ANSWERED", a.name, b.name, a.name + "-desk"}, "|"))
	}
	w.refused(a.phone, "9876", 404, "")
	invite := w.through(a.phone, "+498912345", w.gateway)
	if identity := invite.GetHeader("P-Asserted-Identity"); identity == nil || !strings.Contains(identity.Value(), a.direct) {
		w.t.Errorf("P-Asserted-Identity is %v, want %s", identity, a.direct)
	}
	w.through(w.gateway, a.direct, a.phone)
}

// asteriskSeveralPhones: all phones ring, one whose name has an underscore, too.
func asteriskSeveralPhones(w *world) {
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

func asteriskDeactivated(w *world) {
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
	for _, number := range []string{a.number, a.direct, a.phone.username} {
		w.through(&centre, number, a.phone)
	}
	got := w.gateway.call(a.number, sip.NewHeader("Priority", "psap-callback"))
	a.phone.called()
	w.gateway.hangUp(got)
	// Voicemail answers everybody else.
	got = b.phone.call(a.number)
	b.phone.hangUp(got)
	a.phone.notCalled()
	a.registers(200)
	w.state("pbxuser", a.name, pbxv1.StateActive)
	w.through(a.phone, b.number, b.phone)
}

func asteriskDeleted(w *world) {
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

func asteriskRotated(w *world) {
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
func asteriskOngoingCall(w *world) {
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
