package controllers

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

const (
	// restrictedShown is how many phones the status of a phone system names.
	restrictedShown = 1000
	// restrictedPause lets many phones change before the status is written once.
	restrictedPause = time.Second
)

// restrictedOf indexes a phone that may do less than its own state lets it by its phone system.
func restrictedOf(obj client.Object) []string {
	s := obj.(*pbxv1.PhoneService).Status //nolint:forcetypeassert // as indexed
	switch {
	case s.State == pbxv1.StateActive && s.Effective != pbxv1.EffectiveNormal,
		s.State == pbxv1.StateDeactivated && s.Effective == pbxv1.EffectiveBlocked:
		return phoneSystemOf(obj)
	default:
		return nil
	}
}

// restrictedPhones tells admission which phones may do more once somebody Active has them: it reads this of the phone system,
// since of each phone it would cost too much.
func (r *phoneSystemReconciler) restrictedPhones(ctx context.Context, obj *pbxv1.PhoneSystem) {
	found, err := listBy(ctx, r.Client, phoneServiceList(), obj.Namespace, indexRestricted, obj.Name)
	if err != nil {
		return // the cache only fails when the operator ends
	}
	var names []string
	for _, phone := range found {
		names = append(names, phone.GetName())
	}
	obj.Status.RestrictedPhoneCount = int32(len(names)) //nolint:gosec // bounded by the cluster
	obj.Status.RestrictedPhones = first(names, restrictedShown)
}

// restrictedChange wakes the phone system of a phone that becomes one of those, or is one no more.
func restrictedChange() handler.EventHandler {
	wake := func(obj client.Object, q queue) {
		q.AddAfter(request(obj.GetNamespace(), phoneSystemOf(obj)[0]), restrictedPause)
	}
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if (restrictedOf(e.ObjectOld) == nil) != (restrictedOf(e.ObjectNew) == nil) {
				wake(e.ObjectNew, q)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if restrictedOf(e.Object) != nil {
				wake(e.Object, q)
			}
		},
	}
}
