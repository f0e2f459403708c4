package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

var errFire = errors.New("the disk is on fire")

// fault decides what becomes of a call to a store; ask is the call itself.
type fault func(ctx context.Context, ask func() error) error

// The faults.
var (
	// before fails without having done anything.
	before = func(err error) fault {
		return func(context.Context, func() error) error { return err }
	}
	// after does what is asked, and fails: the answer was lost.
	after = func(err error) fault {
		return func(_ context.Context, ask func() error) error { return errors.Join(ask(), err) }
	}
	// silent does not answer.
	silent fault = func(ctx context.Context, _ func() error) error {
		<-ctx.Done()
		return fmt.Errorf("%w: it did not answer in time", store.ErrUnavailable)
	}
)

// few lets a fault happen a number of times.
func few(times int64, f fault) fault {
	var left atomic.Int64
	left.Store(times)
	return func(ctx context.Context, ask func() error) error {
		if left.Add(-1) < 0 {
			return ask()
		}
		return f(ctx, ask)
	}
}

// faulty is a store with faults in what it is asked about users.
type faulty struct {
	store.Store
	script *script
}

// script holds the faults that are to happen now.
type script struct {
	mu             sync.Mutex
	observe, apply fault
	opened         int
	asked          int
}

func (s *script) set(observe, apply fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe, s.apply, s.opened, s.asked = observe, apply, 0, 0
}

func (s *script) counts() (opened, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.asked
}

func (s *script) wrap(inner store.Store) store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &faulty{inner, s}
}

func (s *script) play(ctx context.Context, kind pbx.Kind, which *fault, ask func() error) error {
	s.mu.Lock()
	f := *which
	if f == nil || kind != pbx.KindUser {
		s.mu.Unlock()
		return ask()
	}
	s.asked++
	s.mu.Unlock()
	return f(ctx, ask)
}

// Observe implements store.Store.
func (f *faulty) Observe(ctx context.Context, d pbx.Desired) (seen pbx.Observation, err error) {
	err = f.script.play(ctx, d.Key.Kind, &f.script.observe, func() (err error) {
		seen, err = f.Store.Observe(ctx, d)
		return err
	})
	return seen, err
}

// Apply implements store.Store.
func (f *faulty) Apply(ctx context.Context, t store.Transition) error {
	return f.script.play(ctx, t.Desired.Key.Kind, &f.script.apply, func() error { return f.Store.Apply(ctx, t) })
}

// breakage is a fault for a while.
type breakage struct {
	name           string
	observe, apply fault
	// reason that is told while it lasts; empty: it passes by itself.
	reason string
}

// breakages are played one after the other, each group with a store of its own: one that keeps failing is left alone for
// longer and longer. Faults count, so every test needs its own.
func breakages() map[string][]breakage {
	return map[string][]breakage{
		"unreachable": {
			{"Apply is not reached", nil, before(store.ErrUnavailable), pbxv1.ReasonStoreUnavailable},
			{"the answer of Apply is lost", nil, after(store.ErrUnavailable), ""},
			{"Observe is not reached", before(store.ErrUnavailable), nil, pbxv1.ReasonStoreUnavailable},
		},
		"failing": {
			{"Apply fails", nil, before(errFire), pbxv1.ReasonFailed},
			{"Apply fails after it committed", nil, after(errFire), ""},
			{"Observe fails", before(errFire), nil, pbxv1.ReasonFailed},
			{"a constraint refuses", nil, before(store.ErrRejected), pbxv1.ReasonRejectedByStore},
		},
		"contended": {
			{"others change the record for a while", nil, few(12, before(store.ErrChanged)), ""},
			{"others change the record all the time", nil, before(store.ErrChanged), pbxv1.ReasonFailed},
		},
		"silent": {
			{"Apply does not answer", nil, few(1, silent), ""},
		},
	}
}

// TestStoreFaults: whatever a store answers, the right reason is told while it lasts, it heals by itself, and what was
// asked for is done once.
func TestStoreFaults(t *testing.T) { onEach(t, testStoreFaults) }

func testStoreFaults(t *testing.T, b operator.Backend) {
	for name, group := range breakages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, script := newScene(t, b), &script{}
			options := s.Options()
			options.WrapStore = script.wrap
			running := operator.Start(t, options)
			ada := s.User("ada", "desk")
			s.Create(s.Extension("line", "1001", "ada"), s.Phone("desk", "line"), ada)
			s.Ready(limit)
			running.Settle(t)
			for _, breakage := range group {
				s.breakAndHeal(breakage, script, running, ada)
			}
			s.Consistent(s.SQL())
		})
	}
}

// breakAndHeal has a user change while the store is broken, and sees what comes of it.
func (s *scene) breakAndHeal(b breakage, script *script, running *operator.Operator, ada *pbxv1.User) {
	s.t.Helper()
	db := s.SQL()
	script.set(b.observe, b.apply)
	operator.Change(s.Tenant, ada, func(u *pbxv1.User) { u.Spec.Department = pbxv1.Line(b.name) })
	if b.reason != "" {
		s.told(ada, b.name, b.reason)
		s.patient(b.name, script)
	} else {
		s.Ready(limit)
	}
	if opened, asked := script.counts(); asked == 0 {
		s.t.Errorf("%s: the store was not asked (and opened %d times)", b.name, opened)
	}
	script.set(nil, nil)
	if b.reason == pbxv1.ReasonRejectedByStore { // not tried again until something changes
		operator.Change(s.Tenant, ada, func(u *pbxv1.User) { u.Spec.Location = "London" })
	}
	s.Ready(limit)
	running.Settle(s.t)
	s.equal(b.name+": the record", s.Rows(db, "SELECT department FROM pbx_users"), []string{b.name})
	s.equal(b.name+": the audit", s.Rows(db,
		"SELECT count(*) FROM audit WHERE what = 'department' AND new_value = $1", b.name), []string{"1"})
}

// told waits until an object says why it is not Ready.
func (s *scene) told(obj client.Object, what, reason string) {
	s.t.Helper()
	s.Await(limit, what+" is told", func(o client.Object, _ int64, ready metav1.Condition) error {
		if o.GetName() == obj.GetName() && ready.Reason != reason {
			return fmt.Errorf("%s, want %s", ready.Reason, reason)
		}
		return nil
	})
}
