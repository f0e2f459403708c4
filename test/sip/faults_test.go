package sip

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestStoreStopped: while PostgreSQL is down, emergency calls complete, and everything else is refused without a wait; when
// it is back all is as before, and nobody has to restart anything.
func TestStoreStopped(t *testing.T) {
	t.Parallel()
	w, server := newWorldOnServer(t)
	a, b := w.person(), w.person()
	w.completes(a.phone, b.number, b.phone)
	server.Stop(t)
	for _, number := range []string{"112", "911"} {
		w.completes(a.phone, number, w.gateway)
	}
	w.refused(a.phone, b.number, 500, "store")
	a.registers(500)
	b.phone.notCalled()
	server.Restart(t)
	w.eventually("calls complete again", func() bool {
		got := a.phone.call(b.number)
		if got.status == 200 {
			b.phone.called()
			b.phone.ended(a.phone.hangUp(got))
		}
		return got.status == 200
	})
	id := w.completes(a.phone, b.number, b.phone)
	w.equal("the record", w.record(id, "src_username, dst_username"), a.name+"|"+b.name)
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	w.refused(a.phone, b.number, 403, emergencyOnly)
	w.completes(a.phone, "112", w.gateway)
}

// TestStoreMoved: somebody moves the file of an embedded store away and back. Kamailio has it open.
func TestStoreMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, operator.SQLite)
	a, b := w.person(), w.person()
	dir := filepath.Join(w.DataDir, w.Namespace)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	w.completes(a.phone, "112", w.gateway)
	w.patchOnly("pbxuser", a.name, `{"state":"Deactivated"}`)
	w.eventually("the operator notices", func() bool {
		user := &pbxv1.User{ObjectMeta: w.Meta(a.name)}
		err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(user), user)
		return err == nil && slices.ContainsFunc(user.Status.Conditions, func(c metav1.Condition) bool {
			return c.Type == pbxv1.ConditionReady && c.Reason == pbxv1.ReasonStoreUnavailable
		})
	})
	w.completes(a.phone, "911", w.gateway)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	w.ready()
	w.refused(a.phone, b.number, 403, emergencyOnly)
	id := w.completes(a.phone, "112", w.gateway)
	w.equal("the record", w.record(id, "src_username"), a.name)
}

// TestRecordsUnderLock: calls end while somebody holds the lock to write. Every one of them is recorded.
func TestRecordsUnderLock(t *testing.T) {
	t.Parallel()
	for backend, lock := range map[operator.Backend]string{
		operator.SQLite: "BEGIN IMMEDIATE", operator.Postgres: "BEGIN; LOCK TABLE cdr IN ACCESS EXCLUSIVE MODE",
	} {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			recordsUnderLock(newWorld(t, backend), lock)
		})
	}
}

func recordsUnderLock(w *world, lock string) {
	a, b := w.person(), w.person()
	const calls = 12
	var open []outcome
	for range calls {
		got := a.phone.call(b.number)
		if got.status != 200 {
			w.t.Fatalf("%d %s", got.status, got.reason)
		}
		open = append(open, got)
	}
	conn, err := w.db.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(w.t.Context(), lock); err != nil {
		w.t.Fatal(err)
	}
	var ended sync.WaitGroup
	for _, call := range open {
		ended.Go(func() { _ = call.dialog.Bye(context.WithoutCancel(w.t.Context())) })
	}
	// The calls end: nobody waits for their records.
	ended.Wait()
	w.completes(a.phone, "112", w.gateway)
	if _, err := conn.ExecContext(w.t.Context(), "ROLLBACK"); err != nil {
		w.t.Fatal(err)
	}
	for _, call := range open {
		w.equal("the record", w.record(call.dialog.InviteRequest.CallID().Value(), "src_username, dst_username"), a.name+"|"+b.name)
	}
}
