package controllers

import (
	"context"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// describe names who holds a value, and the way out if the holder has no object that could let go of it.
func (r *recordReconciler[T]) describe(ctx context.Context, namespace string, c pbx.Conflict) error {
	what := strings.ReplaceAll(c.Claim.What(), "_", " ")
	wayOut := "it takes over when that one lets go of it"
	holder := r.kind.newObject()
	err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: c.Holder.Key.Name}, holder)
	if err != nil || !holder.GetDeletionTimestamp().IsZero() { // it goes, and leaves the record
		wayOut = "that record has no object: choose another value, or, to remove the record for good, create " +
			string(c.Holder.Key.Kind) + " " + c.Holder.Key.Name + " with state Purged"
	}
	return status.New(status.Waiting, pbxv1.ReasonHeldByOther,
		"%s %s is held by %s, state %s; %s", strings.TrimSuffix(what, "s"), c.Claim.Value, c.Holder.Key, c.Holder.State, wayOut)
}

// waiters knows which records wait for which holders, so that exactly those are looked at when a holder changes.
// It is memory only: a restart looks at every object anyway.
type waiters struct {
	mu      sync.Mutex
	waiting map[waitKey]map[pbx.Key]bool
}

type waitKey struct {
	store  store.Store
	holder pbx.Key
}

func newWaiters() *waiters { return &waiters{waiting: map[waitKey]map[pbx.Key]bool{}} }

func (w *waiters) add(s store.Store, holder, waiter pbx.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := waitKey{s, holder}
	if w.waiting[key] == nil {
		w.waiting[key] = map[pbx.Key]bool{}
	}
	w.waiting[key][waiter] = true
}

// take gives who waits for a holder, and forgets them: they say so again if they still have to wait.
func (w *waiters) take(s store.Store, holder pbx.Key) []pbx.Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []pbx.Key
	for key := range w.waiting[waitKey{s, holder}] {
		keys = append(keys, key)
	}
	delete(w.waiting, waitKey{s, holder})
	return keys
}

// forget drops what is known of a store that was closed.
func (w *waiters) forget(s store.Store) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.waiting {
		if key.store == s {
			delete(w.waiting, key)
		}
	}
}
