package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// settledChange passes what concerns the neighbours of an object: that it has been reconciled for a new spec, that what
// the store says of it has changed, that it waits for something else than before (it may have its number now), and that
// it is gone. One change of an object so wakes a neighbour once, after the store has it. Objects that the operator finds
// when it starts are looked at anyway.
var settledChange = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(pbxv1.Record), e.ObjectNew.(pbxv1.Record) //nolint:forcetypeassert // watched kinds
		return before.CommonStatus().ObservedGeneration != after.CommonStatus().ObservedGeneration ||
			before.CommonStatus().State != after.CommonStatus().State || setupOf(before) != setupOf(after) ||
			waitsFor(before) != waitsFor(after) || before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero()
	},
}

func waitsFor(obj pbxv1.Record) string {
	ready := apimeta.FindStatusCondition(obj.CommonStatus().Conditions, pbxv1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return ""
	}
	return ready.Message
}

func setupOf(obj pbxv1.Record) pbxv1.Setup {
	switch o := obj.(type) {
	case *pbxv1.User:
		return o.Status.Setup
	case *pbxv1.Extension:
		return o.Status.Setup
	default:
		return ""
	}
}

// neighbours maps an object to those whose status, or readiness, depends on it. What it referred to before its last
// change is in the status that was replaced, so both the old and the new object are asked.
type neighbours func(obj client.Object) []string

func byName(of neighbours) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request {
		var requests []reconcile.Request
		for _, name := range of(obj) {
			requests = append(requests, request(obj.GetNamespace(), name))
		}
		return requests
	})
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// byIndex maps an object to those that refer to it by name.
func byIndex(c client.Client, list func() client.ObjectList, index string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		found, err := listBy(ctx, c, list(), obj.GetNamespace(), index, obj.GetName())
		if err != nil {
			return nil // the cache only fails when the operator ends
		}
		var requests []reconcile.Request
		for _, o := range found {
			requests = append(requests, request(o.GetNamespace(), o.GetName()))
		}
		return requests
	})
}

// servicesNowAndBefore are the phones of a user in the spec and in the status.
func servicesNowAndBefore(obj client.Object) []string {
	names := servicesOf(obj)
	for _, service := range obj.(*pbxv1.User).Status.Services { //nolint:forcetypeassert // watched kind
		names = append(names, service.Name)
	}
	return names
}

// droppedServices has the phones looked at that a new spec of a user does not list any more. A user who could not be
// reconciled has no status that tells them, and what admission reads of the phones comes from the specs alone.
func droppedServices() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
		now := servicesOf(e.ObjectNew)
		for _, name := range servicesOf(e.ObjectOld) {
			if !slices.Contains(now, name) {
				q.Add(request(e.ObjectNew.GetNamespace(), name))
			}
		}
	}}
}

// holdersNowAndBefore are the users of an extension in the spec and in the status.
func holdersNowAndBefore(obj client.Object) []string {
	names := holderOf(obj)
	if before := obj.(*pbxv1.Extension).Status.Holder; before != "" { //nolint:forcetypeassert // watched kind
		names = append(names, before)
	}
	return names
}

func userList() client.ObjectList         { return &pbxv1.UserList{} }
func extensionList() client.ObjectList    { return &pbxv1.ExtensionList{} }
func phoneServiceList() client.ObjectList { return &pbxv1.PhoneServiceList{} }
func phoneSystemList() client.ObjectList  { return &pbxv1.PhoneSystemList{} }

// goingSystem maps an object that is gone to its PhoneSystem, if that one waits for it.
func goingSystem(c client.Client) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		var system pbxv1.PhoneSystem
		key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: phoneSystemOf(obj)[0]}
		if err := c.Get(ctx, key, &system); err != nil || system.DeletionTimestamp.IsZero() {
			return nil
		}
		return []reconcile.Request{{NamespacedName: key}}
	})
}

var onlyDeletes = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
}

// afterStart passes what happens to Secrets, without the first list: who depends on those is looked at anyway.
var contentChange = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
	},
	CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
}

// watchSecrets wakes what refers to a Secret.
func watchSecrets(b *ctrl.Builder, c client.Client, list func() client.ObjectList) *ctrl.Builder {
	return b.Watches(&corev1.Secret{}, byIndex(c, list, indexSecret), ctrlWithPredicates(contentChange))
}

// terminates passes that a namespace begins to go.
var terminates = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	DeleteFunc:  func(event.DeleteEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

// goingObjects maps a namespace to the objects in it that are going already: what held them may hold them no longer.
func goingObjects(c client.Client, list func() client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, namespace client.Object) []reconcile.Request {
		found := list()
		if err := c.List(ctx, found, client.InNamespace(namespace.GetName()), client.UnsafeDisableDeepCopy); err != nil {
			return nil // the cache only fails when the operator ends
		}
		var requests []reconcile.Request
		_ = apimeta.EachListItem(found, func(item runtime.Object) error {
			if obj := item.(client.Object); !obj.GetDeletionTimestamp().IsZero() { //nolint:forcetypeassert // items of a list of objects
				requests = append(requests, request(obj.GetNamespace(), obj.GetName()))
			}
			return nil
		})
		return requests
	})
}
