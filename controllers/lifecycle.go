package controllers

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// desiredState is the state that the spec asks for, or, once the object is going, its deletionPolicy.
func desiredState(obj pbxv1.Record, going bool) pbx.State {
	state := pbx.State(obj.Common().State)
	if !going || state == pbx.Purged {
		return state
	}
	if obj.Common().DeletionPolicy == pbxv1.DeletionPolicyPurge {
		return pbx.Purged
	}
	return pbx.Deleted
}

// bornPurged says that an object was created as Purged, which only its first spec can tell.
func bornPurged(obj pbxv1.Record) bool {
	return obj.GetGeneration() == 1 && obj.Common().State == pbxv1.StatePurged
}

// suspended says, as a waiting error in the first result's place, that nothing is to be touched. In a terminating
// namespace a suspended object is let go like any other, or the namespace would never end.
func (r *recordReconciler[T]) suspended(ctx context.Context, obj T, going bool) (bool, error) {
	if !obj.Common().Suspend {
		return false, nil
	}
	if going {
		terminating, err := namespaceTerminating(ctx, r.Client, obj.GetNamespace())
		if terminating || err != nil {
			return false, err
		}
	}
	return true, status.New(status.Suspended, pbxv1.ReasonSuspended,
		"spec.suspend is true: nothing is touched until it is false")
}

// wayOut says whether a deleted object may go although its store cannot confirm: because the phone system is gone, or,
// in a terminating namespace, the Secret with the store's address is. Any other store that is gone for good is left by
// setting deletionPolicy to Orphan.
func (r *recordReconciler[T]) wayOut(ctx context.Context, obj T, cause error) bool {
	reason := status.Classify(cause).Reason
	switch reason {
	case pbxv1.ReasonPhoneSystemNotFound:
	case pbxv1.ReasonSecretNotFound:
		terminating, err := namespaceTerminating(ctx, r.Client, obj.GetNamespace())
		if err != nil || !terminating {
			return false
		}
	default:
		return false
	}
	r.orphaned(ctx, obj, reason, cause.Error())
	return true
}

// orphaned tells, audibly, that a record was let go of without a change.
func (r *recordReconciler[T]) orphaned(ctx context.Context, obj T, reason, why string) {
	log.FromContext(ctx).Info("released as Orphan: the record stays in the store as it is", "reason", reason, "why", why)
	objectsOrphaned.WithLabelValues(string(r.kind.name()), reason).Inc()
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventOrphaned, "Release",
		"the record stays in the store as it is: %s", why)
}

func namespaceTerminating(ctx context.Context, c client.Client, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := c.Get(ctx, types.NamespacedName{Name: name}, namespace)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return !namespace.DeletionTimestamp.IsZero(), nil
}

// addFinalizer makes sure that nothing is written for an object that could go unnoticed. A purged record needs none.
func (r *recordReconciler[T]) addFinalizer(ctx context.Context, obj T, going bool) error {
	if going || obj.Common().State == pbxv1.StatePurged || controllerutil.ContainsFinalizer(obj, pbxv1.Finalizer) {
		return nil
	}
	return r.patchFinalizers(ctx, obj, controllerutil.AddFinalizer)
}

func (r *recordReconciler[T]) removeFinalizer(ctx context.Context, obj T) error {
	return client.IgnoreNotFound(r.patchFinalizers(ctx, obj, controllerutil.RemoveFinalizer))
}

// patchFinalizers leaves the status as it was filled so far: the answer of the API server would overwrite it.
func (r *recordReconciler[T]) patchFinalizers(ctx context.Context, obj T, change func(client.Object, string) bool) error {
	updated := obj.DeepCopyObject().(T) //nolint:forcetypeassert // a copy has the type of its original
	change(updated, pbxv1.Finalizer)
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, updated, patch); err != nil {
		return err
	}
	obj.SetFinalizers(updated.GetFinalizers())
	obj.SetResourceVersion(updated.GetResourceVersion())
	r.own.remember(updated)
	return nil
}

func (r *recordReconciler[T]) patchStatus(ctx context.Context, before, obj T) error {
	before.SetFinalizers(obj.GetFinalizers())
	before.SetResourceVersion(obj.GetResourceVersion())
	if equality.Semantic.DeepEqual(before, obj) {
		return nil
	}
	if err := r.Status().Patch(ctx, obj, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.own.remember(obj)
	return nil
}

// refused tells of an outcome that a person should look at, once.
func (r *recordReconciler[T]) refused(before, obj T, outcome *status.Error) {
	if outcome == nil || outcome.Class > status.Conflict && outcome.Reason != pbxv1.ReasonHeldByOther &&
		outcome.Reason != pbxv1.ReasonPrimaryOfUser {
		return
	}
	for _, c := range before.CommonStatus().Conditions {
		if c.Type == pbxv1.ConditionReady && c.Reason == outcome.Reason && c.ObservedGeneration == obj.GetGeneration() {
			return
		}
	}
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventRefused, outcome.Reason, "%s", outcome.Error())
}

// errPending says that it is not known yet whether the store can be opened: the object is woken when it is.
var errPending = errors.New("the phone system has not been looked at yet")
