package sip

import (
	"context"
	"crypto/rand"
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

	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	kamailioLimit = 60 * time.Second
	// ringTime is for how long phones ring until voicemail answers.
	ringTime = time.Second
)

// kamailio is a running Kamailio with the configuration that ships.
type kamailio struct {
	address string
	process *child.Process
	spec    child.Spec
}

// kamailioProgram finds Debian's Kamailio, or skips the test.
func kamailioProgram(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"kamailio", "/usr/sbin/kamailio"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Kamailio: run hack/debian/kamailio.sh")
	}
	t.Skip("no Kamailio: install Debian's kamailio, kamailio-sqlite-modules and kamailio-postgres-modules (hack/debian/kamailio.sh)")
	return ""
}

// startKamailio starts Kamailio on a tenant's store, which is there already. gateway and voicemail are addresses.
func startKamailio(t testing.TB, tenant *operator.Tenant, gateway, voicemail string) *kamailio {
	t.Helper()
	return startKamailioWith(t, nil, "PBX_DB_URL="+databaseURL(t, tenant), "PBX_GATEWAY="+gateway, "PBX_VOICEMAIL="+voicemail,
		fmt.Sprint("PBX_RING=", ringTime.Milliseconds()))
}

// startKamailioWith starts Kamailio with more arguments, and with settings in its environment.
func startKamailioWith(t testing.TB, args []string, settings ...string) *kamailio {
	t.Helper()
	program := kamailioProgram(t)
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs("../../docs/engines/kamailio/kamailio.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	k := &kamailio{address: "127.0.0.1:" + strconv.Itoa(port)}
	k.spec = child.Spec{
		Path: program, Args: append(args, "-DD", "-E", "-m", "128", "-M", "8", "-Y", dir, "-f", config),
		Dir: dir, Log: filepath.Join(dir, "log"),
		Env: append(settings, "TZ=UTC", "PBX_LISTEN=udp:"+k.address),
		// Its workers end with it if it is asked to end.
		DeathSignal: 15,
	}
	t.Cleanup(func() {
		k.stop(t)
		if t.Failed() {
			t.Logf("the end of Kamailio's log:\n%s", k.process.LastLines(40))
		}
	})
	k.start(t)
	return k
}

func (k *kamailio) start(t testing.TB) {
	t.Helper()
	process, err := child.Start(k.spec)
	if err != nil {
		t.Fatal(err)
	}
	k.process = process
	k.await(t)
}

func (k *kamailio) stop(t testing.TB) {
	t.Helper()
	if k.process == nil {
		return
	}
	if err := k.process.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
}

// restart starts Kamailio again, with more settings in its environment.
func (k *kamailio) restart(t testing.TB, settings ...string) {
	t.Helper()
	k.stop(t)
	k.spec.Env = append(k.spec.Env, settings...)
	k.start(t)
}

// await waits until Kamailio answers.
func (k *kamailio) await(t testing.TB) {
	t.Helper()
	probe := newPhone(t, k.address, "probe.example", "probe", "")
	operator.Await(t, kamailioLimit, "Kamailio answers", func() string {
		select {
		case <-k.process.Done():
			t.Fatalf("Kamailio has ended (%s); the end of its log:\n%s", k.process.Outcome(), k.process.LastLines(20))
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		res, err := probe.client.Do(ctx, probe.request(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: "probe.example"}, "probe"))
		if err != nil {
			return err.Error()
		}
		if res.StatusCode != sip.StatusOK {
			return res.StartLine()
		}
		return ""
	})
}

// databaseURL is the tenant's store, as Kamailio names it.
func databaseURL(t testing.TB, tenant *operator.Tenant) string {
	t.Helper()
	if tenant.DSN == "" {
		return "sqlite:///" + filepath.Join(tenant.DataDir, tenant.Namespace, operator.PhoneSystem+".db")
	}
	dsn, err := url.Parse(tenant.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s@%s%s", engineUser(t, tenant), dsn.Host, dsn.Path)
}

// engineUser makes a user that may do what an engine needs, and nothing else.
func engineUser(t testing.TB, tenant *operator.Tenant) *url.Userinfo {
	t.Helper()
	name, password := strings.ToLower("engine_"+rand.Text()), rand.Text()
	db := tenant.SQL()
	tenant.Exec(db, "CREATE USER "+name+" PASSWORD '"+password+"' IN ROLE pbx_engine")
	t.Cleanup(func() { tenant.Exec(db, "DROP USER "+name) })
	return url.UserPassword(name, password)
}
