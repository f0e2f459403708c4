package binary

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// pair is two operators, of which one leads, and what they work on.
type pair struct {
	*operator.Tenant
	objects        []client.Object
	leader, second *process
	epoch          string
}

// startPair starts two operators, and has the first of them lead.
func startPair(t *testing.T, lease, renew string) *pair {
	t.Helper()
	p := &pair{Tenant: newTenant(t)}
	p.Create(p.NewPhoneSystem())
	p.objects = desks(p.Tenant, "ada", 1000, 5)
	p.CreateAll(p.objects)
	args := []string{
		"--leader-election-namespace=" + p.Namespace, "--leader-election-lease-duration=" + lease,
		"--leader-election-renew-deadline=" + renew, "--leader-election-retry-period=500ms",
	}
	p.leader = start(t, p.Tenant, args...)
	p.Ready(limit)
	p.seeLease(t, lease)
	p.epoch = p.store("SELECT epoch FROM pbx_writer")
	p.second = start(t, p.Tenant, args...)
	p.second.awaitUp(t)
	p.work(t, "the leader still works")
	if p.store("SELECT epoch FROM pbx_writer") != p.epoch {
		t.Fatal("the second operator has opened the store of the first")
	}
	return p
}

// seeLease sees that the leader holds the Lease for as long as it was told.
func (p *pair) seeLease(t *testing.T, want string) {
	t.Helper()
	var leases coordinationv1.LeaseList
	if err := p.Client.List(t.Context(), &leases, client.InNamespace(p.Namespace)); err != nil {
		t.Fatal(err)
	}
	if len(leases.Items) != 1 {
		t.Fatalf("there are %d Leases, want one", len(leases.Items))
	}
	if got := fmt.Sprintf("%ds", *leases.Items[0].Spec.LeaseDurationSeconds); got != want {
		t.Errorf("the Lease lasts %s, want %s", got, want)
	}
}

func (p *pair) store(query string) string { return strings.Join(rows(p.Tenant, query), "; ") }

// work has all users change, and waits until that is done.
func (p *pair) work(t *testing.T, department string) {
	t.Helper()
	setDepartment(p.Tenant, department, usersOf(p.objects)...)
	p.Ready(limit)
	seeDepartments(t, p.Tenant, usersOf(p.objects))
}

// takenOver sees that the second operator has taken over, alone, and lost nothing.
func (p *pair) takenOver(t *testing.T) {
	t.Helper()
	p.second.runs(t)
	if got, want := p.store("SELECT epoch FROM pbx_writer"), p.store("SELECT "+p.epoch+" + 1"); got != want {
		t.Errorf("the epoch is %s, want %s: that of the first operator and one more", got, want)
	}
	whole(t, p.Tenant)
	eachOnce(t, p.Tenant, p.objects)
}

// TestLeaderDies: when the leader dies, the other takes over once the lease has run out.
func TestLeaderDies(t *testing.T) {
	p := startPair(t, "8s", "7s")
	p.leader.kill(t)
	p.work(t, "after the leader died")
	p.takenOver(t)
}

// TestLeaderStops: a leader that is asked to end gives the lease back, so that nobody has to wait until it runs out.
func TestLeaderStops(t *testing.T) {
	p := startPair(t, "3600s", "3599s")
	if err := p.leader.Stop(endLimit); err != nil {
		t.Fatal(err)
	}
	if err := p.leader.Err(); err != nil {
		t.Errorf("it ends with %v; the end of its log:\n%s", err, p.leader.LastLines(20))
	}
	p.work(t, "after the leader stopped")
	p.takenOver(t)
}

// TestLeaderFreezes: a leader that hangs until another leads ends when it comes to itself, says why, and does not disturb.
func TestLeaderFreezes(t *testing.T) {
	p := startPair(t, "8s", "7s")
	p.signal(t, syscall.SIGSTOP)
	p.work(t, "while it hangs")
	p.signal(t, syscall.SIGCONT)
	p.work(t, "after it came to itself")
	p.leader.awaitEnd(t, limit)
	if p.leader.Err() == nil {
		t.Error("it ends as if all were well")
	}
	if end := p.leader.LastLines(20); !strings.Contains(end, "leader election lost") {
		t.Errorf("it does not say why it ends:\n%s", end)
	}
	p.work(t, "after it ended")
	p.takenOver(t)
}

func (p *pair) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	p.leader.runs(t)
	if err := syscall.Kill(p.leader.PID(), signal); err != nil {
		t.Fatal(err)
	}
}
