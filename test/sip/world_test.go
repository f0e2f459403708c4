package sip

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// limit bounds the wait for the operator.
const limit = 2 * time.Minute

// world is a phone system with everything that calls need.
type world struct {
	*operator.Tenant
	t        testing.TB
	operator *operator.Operator
	kamailio *kamailio
	db       *sql.DB
	domain   string
	// gateway is the way to the emergency centre and the public network.
	gateway, voicemail *phone
	people, hosts      *int
}

func newWorld(t testing.TB, b operator.Backend) *world {
	t.Helper()
	kamailioProgram(t)
	tenant := operator.NewTenant(t, b)
	w := start(t, tenant, tenant.Options())
	w.connect()
	return w
}

// newWorldOnServer has a PostgreSQL server of its own, which may be stopped.
func newWorldOnServer(t testing.TB) (*world, *pgserver.Server) {
	t.Helper()
	kamailioProgram(t)
	server := pgserver.New(t)
	tenant := operator.NewTenant(t, operator.Postgres)
	tenant.DSN = server.NewDatabase(t)
	w := start(t, tenant, tenant.Options())
	w.connect()
	return w, server
}

// start brings a tenant's phone system up.
func start(t testing.TB, tenant *operator.Tenant, options operator.Options) *world {
	t.Helper()
	w := &world{Tenant: tenant, t: t, people: new(int), hosts: new(int)}
	w.operator = operator.Start(t, options)
	system := w.NewPhoneSystem()
	w.domain = system.Spec.Domain
	w.Create(system)
	w.Ready(limit)
	return w
}

// connect starts Kamailio, a voicemail server and a gateway.
func (w *world) connect() {
	w.t.Helper()
	w.db = w.SQL()
	w.gateway = newPhone(w.t, "", "gateway.example", "gateway", "")
	w.voicemail = newPhone(w.t, "", "voicemail.example", "voicemail", "")
	w.kamailio = startKamailio(w.t, w.Tenant, w.gateway.address(), w.voicemail.address())
	w.gateway.proxy, w.gateway.domain = w.kamailio.address, w.domain
}

// in gives the world to a subtest.
func (w *world) in(t testing.TB) *world {
	sub := *w
	gateway, voicemail := *w.gateway, *w.voicemail
	sub.t, gateway.t, voicemail.t = t, t, t
	sub.gateway, sub.voicemail = &gateway, &voicemail
	return &sub
}

// person is a user with an extension, a direct number, a voicemail box and a phone.
type person struct {
	w              *world
	name           string
	number, direct string
	phone          *phone
}

// person makes somebody and registers their phone.
func (w *world) person() *person {
	w.t.Helper()
	*w.people++
	n := 1000 + *w.people
	p := &person{w: w, name: fmt.Sprint("user", n), number: fmt.Sprint(n), direct: fmt.Sprint("+4930", n)}
	extension := w.Extension(p.name, p.number, p.name)
	extension.Spec.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number(p.direct)}
	extension.Spec.Voicemail.Enabled = true
	w.Create(extension, w.Phone(p.name+"-desk", p.name), w.User(p.name, p.name+"-desk"))
	w.ready()
	p.phone = w.phone(p.name + "-desk")
	p.registers(200)
	return p
}

// phone is a phone with the credentials that the operator has generated.
func (w *world) phone(service string) *phone {
	w.t.Helper()
	username, password := w.credentials(service)
	return newPhoneAt(w.t, w.host(), w.kamailio.address, w.domain, username, password)
}

// host is an address that nobody else of the world has, so that who guesses passwords there bothers nobody.
func (w *world) host() string {
	*w.hosts++
	return fmt.Sprintf("127.7.%d.%d", *w.hosts/250, *w.hosts%250+1)
}

func (w *world) credentials(service string) (username, password string) {
	w.t.Helper()
	var secret corev1.Secret
	key := types.NamespacedName{Namespace: w.Namespace, Name: service + "-sip"}
	if err := w.Client.Get(context.Background(), key, &secret); err != nil {
		w.t.Fatal(err)
	}
	return string(secret.Data["username"]), string(secret.Data["password"])
}

// registers sees how a try to register ends.
func (p *person) registers(status int) {
	p.w.t.Helper()
	if got := p.phone.register(); got.status != status {
		p.w.t.Errorf("%s registers: %d %s, want %d", p.phone.username, got.status, got.reason, status)
	}
}

// patch changes a spec with kubectl, and waits until the operator has done what follows from it.
func (w *world) patch(kind, name, spec string) {
	w.t.Helper()
	w.patchOnly(kind, name, spec)
	w.ready()
}

func (w *world) patchOnly(kind, name, spec string) {
	w.t.Helper()
	out, err := kube.Kubectl(w.t, "patch", kind, name, "-n", w.Namespace, "--type=merge", "-p", `{"spec":`+spec+`}`)
	if err != nil {
		w.t.Fatalf("kubectl patch %s %s: %v\n%s", kind, name, err, out)
	}
}

func (w *world) state(kind, name string, state pbxv1.State) {
	w.t.Helper()
	w.patch(kind, name, fmt.Sprintf(`{"state":%q}`, state))
}

// ready waits until every object is Ready for what its spec says now.
func (w *world) ready() { w.t.Helper(); w.Ready(limit) }

// completes sees that a call is answered, by whom, and ends it. It gives the Call-ID.
func (w *world) completes(from *phone, number string, by *phone) string {
	w.t.Helper()
	got := from.call(number)
	if got.status != 200 {
		w.t.Fatalf("%s calls %s: %d %s, want an answer", from.username, number, got.status, got.reason)
	}
	by.called()
	id := from.hangUp(got)
	by.ended(id)
	return id
}

// refused sees that a call is refused, with what, and that the reason says why.
func (w *world) refused(from *phone, number string, status int, reason string) {
	w.t.Helper()
	got := from.call(number)
	if got.status != status || !strings.Contains(got.reason, reason) {
		w.t.Errorf("%s calls %s: %d %s, want %d %s", from.username, number, got.status, got.reason, status, reason)
	}
}

// record waits for the record of a call: some columns of it, with bars between.
func (w *world) record(id, columns string) string {
	w.t.Helper()
	var rows []string
	operator.Await(w.t, limit, "the record of a call", func() string {
		rows = w.Rows(w.db, "SELECT "+columns+" FROM call_history WHERE userfield LIKE $1", "Call-ID="+id+"%")
		if len(rows) == 0 {
			return "there is none"
		}
		return ""
	})
	if len(rows) != 1 {
		w.t.Errorf("records of one call: %q", rows)
	}
	return rows[0]
}

func (w *world) equal(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (w *world) eventually(what string, so func() bool) {
	w.t.Helper()
	operator.Await(w.t, limit, what, func() string {
		if so() {
			return ""
		}
		return "not yet"
	})
}
