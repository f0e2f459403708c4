package sip

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// BenchmarkRefusedCall deactivates a user with kubectl, again and again, and calls with their phone until a call is
// refused: the time from the return of kubectl to that answer, and where the change was meanwhile.
//
// The API server tells the operator before it answers kubectl, which then still has to end: all may be over by then.
func BenchmarkRefusedCall(b *testing.B) {
	for _, backend := range operator.Backends {
		b.Run(string(backend), func(b *testing.B) {
			kamailioProgram(b)
			moments := &stamps{}
			tenant := operator.NewTenant(b, backend)
			options := tenant.Options()
			options.WrapStore = func(s store.Store) store.Store { return &stampedStore{s, moments} }
			w := start(b, tenant, options)
			w.connect()
			m := &measurement{w: w, caller: w.person(), callee: w.person(), moments: moments}
			m.watch()
			for b.Loop() {
				m.change()
			}
			m.report(b)
		})
	}
}

// stamps are the moments of a change: when a watch saw it, and when the operator began and ended its transaction.
type stamps struct {
	mu                   sync.Mutex
	seen, begun, commits time.Time
}

func (s *stamps) set(what *time.Time) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	*what = now
}

func (s *stamps) get() (seen, begun, committed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen, s.begun, s.commits
}

// stampedStore notes when the operator applies a change.
type stampedStore struct {
	store.Store
	*stamps
}

// Apply implements store.Store.
func (s *stampedStore) Apply(ctx context.Context, t store.Transition) error {
	s.set(&s.begun)
	defer s.set(&s.commits)
	return s.Store.Apply(ctx, t)
}

type measurement struct {
	w              *world
	caller, callee *person
	moments        *stamps
	parts          [5][]time.Duration
}

// parts are the whole and its parts: until the API server has told of the change, until the operator begins to write it,
// until it is committed, and until the engine has refused a call.
var parts = []string{"total", "api-server", "operator", "commit", "engine"}

// watch notes when the API server tells of a change, as the operator is told.
func (m *measurement) watch() {
	m.w.t.Helper()
	c, err := client.NewWithWatch(m.w.Config, client.Options{Scheme: m.w.Client.Scheme()})
	if err != nil {
		m.w.t.Fatal(err)
	}
	users, err := c.Watch(m.w.t.Context(), &pbxv1.UserList{}, client.InNamespace(m.w.Namespace))
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.w.t.Cleanup(users.Stop)
	go func() {
		generation := int64(0)
		for event := range users.ResultChan() {
			user, ok := event.Object.(*pbxv1.User)
			if ok && event.Type == watch.Modified && user.Name == m.caller.name && user.Generation > generation {
				generation = user.Generation
				m.moments.set(&m.moments.seen)
			}
		}
	}()
}

// change deactivates the caller, measures, and takes it back.
func (m *measurement) change() {
	m.w.patchOnly("pbxuser", m.caller.name, `{"state":"Deactivated"}`)
	returned := time.Now()
	for {
		got := m.caller.phone.call(m.callee.number)
		if got.status == 403 {
			break
		}
		m.callee.phone.called()
		m.callee.phone.ended(m.caller.phone.hangUp(got))
	}
	refused := time.Now()
	seen, begun, committed := m.moments.get()
	for i, part := range []time.Duration{
		refused.Sub(returned), max(0, seen.Sub(returned)), begun.Sub(seen), committed.Sub(begun),
		refused.Sub(later(committed, returned)),
	} {
		m.parts[i] = append(m.parts[i], part)
	}
	user := &pbxv1.User{ObjectMeta: metav1.ObjectMeta{Namespace: m.w.Namespace, Name: m.caller.name}}
	operator.Change(m.w.Tenant, user, func(u *pbxv1.User) { u.Spec.State = pbxv1.StateActive })
	m.w.ready()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *measurement) report(b *testing.B) {
	b.Helper()
	for i, part := range parts {
		all := slices.Sorted(slices.Values(m.parts[i]))
		for _, p := range []int{50, 99} {
			at := all[min(len(all)-1, len(all)*p/100)]
			b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("ms-%s-p%d", part, p))
		}
	}
	b.ReportMetric(0, "ns/op") // most of which is kubectl
}
