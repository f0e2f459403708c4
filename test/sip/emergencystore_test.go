package sip

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// soonLimit is within which an emergency call is answered on a loaded test machine; `make bench-engines` tells how soon.
const soonLimit = 2 * time.Second

// TestEmergencyWhateverTheStoreDoes: emergency calls are made and called back while the store is well, stopped, hung,
// read-only and full, though others wait for it.
func TestEmergencyWhateverTheStoreDoes(t *testing.T) {
	t.Parallel()
	w, server := newWorldOnServer(t)
	a, b, c := w.person(), w.person(), w.person()
	w.state("pbxuser", b.name, pbxv1.StateDeactivated)
	w.state("pbxuser", c.name, pbxv1.StateDeleted)
	db := w.db
	for _, state := range []struct {
		name  string
		begin func(t testing.TB) (end func())
	}{
		{"Well", func(testing.TB) func() { return func() {} }},
		{"Hung", func(t testing.TB) func() { return server.Hang(t) }},
		{"ReadOnly", func(t testing.TB) func() {
			w.reconfigure(t, server, "default_transaction_read_only = on")
			return func() { w.reconfigure(t, server, "default_transaction_read_only = off") }
		}},
		{"Full", func(t testing.TB) func() {
			w.full()
			return w.notFull
		}},
		{"Stopped", func(t testing.TB) func() {
			server.Stop(t)
			return func() { server.Restart(t); db = w.SQL() }
		}},
		{"HungAfterAStart", func(t testing.TB) func() {
			w.db = db
			w.noted(5) // what waits in memory would be lost with it
			w.kamailio.restart(t)
			return server.Hang(t)
		}},
	} {
		t.Run(state.name, func(t *testing.T) {
			w := w.in(t)
			end := state.begin(t)
			defer end()
			stop := w.crowd(a)
			defer stop()
			for range callsOfEach {
				for _, p := range []*person{a, b, c} {
					w.soon(p.phone, "112", w.gateway)
				}
			}
			for _, p := range []*person{a, b, c} {
				w.soon(w.gateway, p.direct, p.phone)
			}
		})
	}
	w.noted(6)
}

// callsOfEach is how many emergency calls each of three phones makes in a state of the store.
const callsOfEach = 34

// noted waits until the emergency calls of so many states of the store are in it, and have ended.
func (w *world) noted(states int) {
	w.t.Helper()
	operator.Await(w.t, limit, "the calls are in the store", func() string {
		got := w.Rows(w.db, "SELECT count(*), count(ended) FROM pbx_emergency_calls")[0]
		if want := fmt.Sprint(states * 3 * callsOfEach); got != want+"|"+want {
			return got + ", want " + want
		}
		return ""
	})
}

// soon makes a call, which is to be answered within the limit, and ends it.
func (w *world) soon(from *phone, number string, by *phone) {
	w.t.Helper()
	begun := time.Now()
	got := from.callFrom(sourceOf(from), number)
	if took := time.Since(begun); got.status != 200 || took > soonLimit {
		w.t.Fatalf("%s calls %s: %d %s after %s", from.username, number, got.status, got.reason, took)
	}
	by.called()
	from.hangUp(got)
}

// sourceOf is what a caller says in From: of the gateway that is an ordinary number.
func sourceOf(from *phone) string {
	if from.username == "gateway" {
		return "+4930555"
	}
	return from.username
}

// crowd makes others send what needs the store, more than its workers take, until it is told to stop.
func (w *world) crowd(p *person) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	for range 18 {
		other := newPhoneAt(w.t, w.host(), w.kamailio.address, w.domain, p.phone.username, p.phone.password)
		running.Go(func() {
			for ctx.Err() == nil {
				tryCtx, done := context.WithTimeout(ctx, time.Second)
				_, _ = other.try(tryCtx, other.username, "9876") // nobody's number
				done()
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

func (w *world) reconfigure(t testing.TB, server *pgserver.Server, setting string) {
	server.Exec(t, "ALTER SYSTEM SET "+setting)
	server.Exec(t, "SELECT pg_reload_conf()")
}

// full has every write of an engine refused as PostgreSQL does when its disk is full.
func (w *world) full() {
	w.Exec(w.db, `CREATE FUNCTION test_full() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`)
	for _, table := range []string{"cdr", "pbx_emergency_calls", "location"} {
		w.Exec(w.db, "CREATE TRIGGER test_full BEFORE INSERT OR UPDATE ON "+table+" EXECUTE FUNCTION test_full()")
	}
}

func (w *world) notFull() { w.Exec(w.db, "DROP FUNCTION test_full() CASCADE") }

// backstage are the statements of Kamailio's own processes, for which no call waits.
var backstage = regexp.MustCompile(`(?i)SELECT revision FROM pbx_engine_settings|FROM pbx_emergency_callers ORDER|select username,number from pbx_emergency_callers|select name,value from pbx_engine_settings_by_name|` +
	`INSERT INTO (acc_cdrs|pbx_emergency_calls)|UPDATE pbx_emergency_calls|from location where expires|BEGIN|COMMIT|fetch|declare|close`)

// TestEmergencyAsksNothing: for emergency calls and their callbacks Kamailio asks the store nothing.
func TestEmergencyAsksNothing(t *testing.T) {
	t.Parallel()
	w, server := newWorldOnServer(t)
	a := w.person()
	stranger := newPhoneAt(t, w.host(), w.kamailio.address, w.domain, "stranger", "")
	w.completes(a.phone, "112", w.gateway)
	engine := w.Rows(w.db, "SELECT usename FROM pg_user WHERE usename LIKE 'engine_%'")[0]
	server.Exec(t, "ALTER ROLE "+engine+" SET log_statement = 'all'")
	server.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+engine+"'")
	w.eventually("statements are logged", func() bool { return strings.Contains(server.Log(t), "SELECT revision FROM pbx_engine_settings") })
	before := len(server.Log(t))
	for range 20 {
		w.soon(a.phone, "112", w.gateway)
		w.soon(w.gateway, a.direct, a.phone)
		w.soon(stranger, "911", w.gateway)
	}
	// A stranger's packet costs no question either.
	for _, method := range []sip.RequestMethod{sip.INVITE, sip.REGISTER, sip.OPTIONS} {
		s := newStranger(t, w.host())
		s.answers(w.kamailio.address, message{method: string(method), uri: "sip:" + a.number + "@" + w.domain})
	}
	w.eventually("what was written is in the store", func() bool {
		return strings.Count(server.Log(t)[before:], "INSERT INTO acc_cdrs") >= 60
	})
	for line := range strings.Lines(server.Log(t)[before:]) {
		if _, statement, found := strings.Cut(line, "statement: "); found && !backstage.MatchString(statement) {
			t.Errorf("asked: %s", statement)
		}
	}
}

// TestWithoutStore: Kamailio starts without a store, and makes emergency calls.
func TestWithoutStore(t *testing.T) {
	t.Parallel()
	w := &world{t: t, hosts: new(int), domain: "acme.example"}
	*w.hosts = 200
	w.gateway = newPhone(t, "", "gateway.example", "gateway", "")
	w.kamailio = startKamailioWith(t, []string{"-A", "WITHOUT_STORE"},
		"PBX_DOMAIN="+w.domain, "PBX_MAIN_NUMBER="+mainNumber, "PBX_GATEWAY="+w.gateway.address())
	w.gateway.proxy, w.gateway.domain = w.kamailio.address, w.domain
	p := newPhoneAt(t, w.host(), w.kamailio.address, w.domain, "anybody", "")
	got := p.call("112", claimedHeaders()...)
	if got.status != 200 {
		t.Fatalf("112: %d %s", got.status, got.reason)
	}
	w.presents(w.gateway.called(), mainNumber)
	p.hangUp(got)
	w.soon(w.gateway, mainNumber, p)
	w.refused(p, "1001", 503, "store")
	if got := p.register(); got.status != 503 {
		t.Errorf("register: %d %s", got.status, got.reason)
	}
}
