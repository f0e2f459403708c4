package controllers

import (
	"context"
	"errors"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Stores holds the open store of each PhoneSystem, or why there is none.
type Stores struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]*openStore
	// failed is told of a phone system whose store stopped working.
	failed func(types.NamespacedName)
}

func newStores() *Stores { return &Stores{entries: map[types.NamespacedName]*openStore{}} }

// openStore is what is known of one PhoneSystem's store.
type openStore struct {
	stores *Stores
	key    types.NamespacedName
	// uid is the PhoneSystem that the store was opened for.
	uid types.UID

	store       store.Store
	system      pbx.System
	reportDrift bool
	// address tells whether the store that is open is still the one that the spec names, generation of which spec it is.
	address    string
	generation int64
	// err says why the store is not open; untold, that the objects have not been woken for it.
	err    error
	untold bool
	stop   context.CancelFunc
	history
}

// get gives what is known of a phone system; nil if nothing is.
func (s *Stores) get(key types.NamespacedName) *openStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[key]
}

// set remembers a phone system, and tells whether that makes a difference to its objects.
func (s *Stores) set(key types.NamespacedName, entry *openStore) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.stores, entry.key = s, key
	before := s.entries[key]
	s.entries[key] = entry
	return before == nil || before.untold || before.store != entry.store || !sameError(before.err, entry.err) ||
		before.reportDrift != entry.reportDrift || !sameSystem(before.system, entry.system)
}

// Close closes all stores. Nothing is lost: every change was committed.
func (s *Stores) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, entry := range s.entries {
		entry.close()
		delete(s.entries, key)
	}
}

func (s *Stores) remove(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

// fail says that the store stopped working: nobody uses it until the phone system's reconciler has opened it again.
func (o *openStore) fail(err error) {
	o.stores.mu.Lock()
	current := o.stores.entries[o.key]
	broken := current != nil && current.store == o.store && current.err == nil
	if broken {
		failed := *current
		failed.err, failed.untold = err, true
		failed.backOff(err)
		o.stores.entries[o.key] = &failed
	}
	o.stores.mu.Unlock()
	if broken {
		o.stores.failed(o.key)
	}
}

// forObject gives the open store for an object, or an outcome that says why there is none; errPending if that is not
// known yet, or not ours to say.
func (s *Stores) forObject(ctx context.Context, c client.Client, obj pbxv1.Record) (*openStore, error) {
	key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: string(obj.Common().PhoneSystemRef.Name)}
	var system pbxv1.PhoneSystem
	if err := c.Get(ctx, key, &system); apierrors.IsNotFound(err) {
		return nil, status.New(status.Waiting, pbxv1.ReasonPhoneSystemNotFound,
			"PhoneSystem %q is not there: create it, or name another one in spec.phoneSystemRef", key.Name)
	} else if err != nil {
		return nil, err
	}
	entry := s.get(key)
	if entry == nil || errors.Is(entry.err, store.ErrFenced) {
		return nil, errPending
	}
	if entry.err != nil {
		cause := status.Classify(entry.err)
		return nil, status.New(status.Waiting, cause.Reason, "the store of PhoneSystem %q is not open: %s", key.Name, cause)
	}
	return entry, nil
}

// sameError says whether two errors are the same to the objects. What exactly keeps a store from being reached may change
// with every attempt, which is no reason to write to all of them.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, y := status.Classify(a), status.Classify(b)
	return x.Reason == y.Reason && (x.Reason == pbxv1.ReasonStoreUnavailable || a.Error() == b.Error())
}
