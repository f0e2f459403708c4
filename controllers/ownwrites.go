package controllers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// ownWrites knows the resource versions that this operator wrote last, so that it is not woken by its own writes, while
// a status that somebody else changed or emptied is mended.
type ownWrites struct {
	mu       sync.Mutex
	versions map[types.NamespacedName][]string
}

// keptVersions is the number of writes that one reconcile may make: the finalizer and the status.
const keptVersions = 2

func newOwnWrites() *ownWrites { return &ownWrites{versions: map[types.NamespacedName][]string{}} }

func (o *ownWrites) remember(obj client.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	versions := slices.Concat(o.versions[key], []string{obj.GetResourceVersion()})
	o.versions[key] = versions[max(0, len(versions)-keptVersions):]
}

func (o *ownWrites) forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.versions, key)
}

func (o *ownWrites) wrote(obj client.Object) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.versions[client.ObjectKeyFromObject(obj)], obj.GetResourceVersion())
}

// byOthers passes the changes that somebody else made. A write of ours may arrive together with a change of theirs, when
// the watch was interrupted: then the generation, or the deletion, tells.
func (o *ownWrites) byOthers() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !o.wrote(e.ObjectNew) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}
