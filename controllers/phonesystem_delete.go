package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// delete ends a PhoneSystem that is going, once no object uses it; until then it says who still does. All data stay.
func (r *phoneSystemReconciler) delete(ctx context.Context, obj *pbxv1.PhoneSystem) (waiting, err error) {
	if obj.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	if !controllerutil.ContainsFinalizer(obj, pbxv1.Finalizer) {
		return nil, nil
	}
	counts, err := r.countObjects(ctx, client.ObjectKeyFromObject(obj))
	if err != nil {
		return nil, err
	}
	if counts != "" {
		return status.New(status.Waiting, pbxv1.ReasonObjectsRemain,
			"%s still use this phone system: delete them first, or set their deletionPolicy to Orphan and delete them", counts), nil
	}
	r.release(ctx, obj)
	updated := obj.DeepCopy()
	controllerutil.RemoveFinalizer(updated, pbxv1.Finalizer)
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	return nil, client.IgnoreNotFound(r.Patch(ctx, updated, patch))
}

// release lets go of the store, so that a later PhoneSystem may have it without takeover. A store that cannot be
// reached does not keep the object.
func (r *phoneSystemReconciler) release(ctx context.Context, obj *pbxv1.PhoneSystem) {
	key := client.ObjectKeyFromObject(obj)
	entry := r.stores.get(key)
	if entry == nil { // the operator has just started
		entry = r.open(ctx, obj)
		r.stores.set(key, entry)
	}
	err := entry.err
	if err == nil {
		err = entry.store.Release(ctx)
	}
	if err != nil && obj.Status.Store != nil {
		r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventStoreOwnershipNotFreed, "Release",
			"the store still names this object as its owner: a later PhoneSystem needs spec.store.takeover %s (%s)", obj.UID, err)
	}
	r.close(key)
	r.stores.remove(key)
	storeUp.DeleteLabelValues(obj.Namespace, obj.Name)
}

// countObjects says how many objects of each kind use the phone system; empty if none does.
func (r *phoneSystemReconciler) countObjects(ctx context.Context, key client.ObjectKey) (string, error) {
	var found []string
	for _, list := range []client.ObjectList{&pbxv1.UserList{}, &pbxv1.ExtensionList{}, &pbxv1.PhoneServiceList{}} {
		objects, err := listBy(ctx, r.Client, list, key.Namespace, indexPhoneSystem, key.Name)
		if err != nil {
			return "", err
		}
		if len(objects) > 0 {
			found = append(found, fmt.Sprintf("%d %s objects", len(objects), kindOf(objects[0])))
		}
	}
	return strings.Join(found, ", "), nil
}

// wakeObjects has every object of a phone system looked at.
func (r *phoneSystemReconciler) wakeObjects(ctx context.Context, key client.ObjectKey) {
	for _, list := range []client.ObjectList{&pbxv1.UserList{}, &pbxv1.ExtensionList{}, &pbxv1.PhoneServiceList{}} {
		objects, err := listBy(ctx, r.Client, list, key.Namespace, indexPhoneSystem, key.Name)
		if err != nil {
			continue // the cache only fails when the operator ends
		}
		for _, obj := range objects {
			r.wakers.wake(kindOf(obj), client.ObjectKeyFromObject(obj))
		}
	}
}
