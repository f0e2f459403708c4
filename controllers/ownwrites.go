package controllers

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// ownWrites knows the resource versions that this operator wrote last, so that it is not woken by its own writes, while
// a status that somebody else changed or emptied is mended. It keeps what was written until the cache has it, since who
// decides by an older object writes the same status again.
type ownWrites struct {
	mu       sync.Mutex
	versions map[types.NamespacedName][]string
	unseen   map[types.NamespacedName]client.Object
}

// keptVersions is the number of writes that one reconcile may make: the finalizer and the status.
const keptVersions = 2

func newOwnWrites() *ownWrites {
	return &ownWrites{versions: map[types.NamespacedName][]string{}, unseen: map[types.NamespacedName]client.Object{}}
}

// latest reads an object: as the cache has it, or as we wrote it last if the cache is behind. What was not seen yet is
// looked up before the cache is asked: seen in between, the cache has it.
func latest[T client.Object](ctx context.Context, c client.Reader, own *ownWrites, key types.NamespacedName, obj T) (T, error) {
	own.mu.Lock()
	written, unseen := own.unseen[key].(T)
	own.mu.Unlock()
	if err := c.Get(ctx, key, obj); err != nil {
		return obj, err
	}
	if unseen && older(obj, written) {
		return written.DeepCopyObject().(T), nil //nolint:forcetypeassert // a copy has the type of its original
	}
	own.saw(obj)
	return obj, nil
}

// older says whether an object has an earlier version than another state of the same object.
func older(obj, than client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), than.GetResourceVersion())
	return err == nil && order < 0
}

// saw drops what was written once the cache has it, or something newer.
func (o *ownWrites) saw(obj client.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	if written := o.unseen[key]; written != nil && !older(obj, written) {
		delete(o.unseen, key)
	}
}

// remember takes note of a write; the object, which is as the API server answered, is not to be changed any more.
func (o *ownWrites) remember(obj client.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := client.ObjectKeyFromObject(obj)
	versions := slices.Concat(o.versions[key], []string{obj.GetResourceVersion()})
	o.versions[key] = versions[max(0, len(versions)-keptVersions):]
	o.unseen[key] = obj
}

func (o *ownWrites) forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.versions, key)
	delete(o.unseen, key)
}

func (o *ownWrites) wrote(obj client.Object) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.versions[client.ObjectKeyFromObject(obj)], obj.GetResourceVersion())
}

// byOthers passes the changes that somebody else made. A write of ours may arrive together with a change of theirs, when
// the watch was interrupted: then the generation, or the deletion, tells. It may also arrive before the answer to it: that
// it adds our finalizer tells.
func (o *ownWrites) byOthers() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		o.saw(e.ObjectNew)
		ours := o.wrote(e.ObjectNew) || controllerutil.ContainsFinalizer(e.ObjectNew, pbxv1.Finalizer) &&
			!controllerutil.ContainsFinalizer(e.ObjectOld, pbxv1.Finalizer)
		return !ours || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}
