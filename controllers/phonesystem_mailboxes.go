package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// mailboxPause lets the boxes of many extensions go before it is looked whether one is left.
const mailboxPause = time.Second

// mailboxOf indexes an extension that has a voicemail box by its phone system. One that is turned off has none.
func mailboxOf(obj client.Object) []string {
	box := obj.(*pbxv1.Extension).Status.Mailbox //nolint:forcetypeassert // as indexed
	if box == nil || box.Number == "" {
		return nil
	}
	return phoneSystemOf(obj)
}

// hasMailboxes says, from the cache of the API, whether an extension of the phone system has a box. It is not a count:
// that would be one write to the phone system for every extension.
func (r *phoneSystemReconciler) hasMailboxes(ctx context.Context, obj *pbxv1.PhoneSystem) bool {
	var found pbxv1.ExtensionList
	err := r.List(ctx, &found, client.InNamespace(obj.Namespace), client.MatchingFields{indexMailbox: obj.Name},
		client.Limit(1), client.UnsafeDisableDeepCopy)
	if err != nil {
		return obj.Status.HasMailboxes // the cache only fails when the operator ends
	}
	return len(found.Items) > 0
}

// firstAndLastMailbox wakes a phone system when an extension gets a box and it is said to have none, or loses one.
func firstAndLastMailbox(c client.Client) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	lost := func(obj client.Object, q queue) {
		q.AddAfter(request(obj.GetNamespace(), phoneSystemOf(obj)[0]), mailboxPause)
	}
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			had, has := len(mailboxOf(e.ObjectOld)) > 0, len(mailboxOf(e.ObjectNew)) > 0
			switch {
			case had && !has:
				lost(e.ObjectNew, q)
			case has && !had:
				var system pbxv1.PhoneSystem
				key := types.NamespacedName{Namespace: e.ObjectNew.GetNamespace(), Name: phoneSystemOf(e.ObjectNew)[0]}
				if err := c.Get(ctx, key, &system); err == nil && !system.Status.HasMailboxes {
					q.Add(reconcile.Request{NamespacedName: key})
				}
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if len(mailboxOf(e.Object)) > 0 {
				lost(e.Object, q)
			}
		},
	}
}
