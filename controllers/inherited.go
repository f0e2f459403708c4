package controllers

import (
	"k8s.io/apimachinery/pkg/types"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// wakeInherited has those looked at that were the neighbours of another object's record, before this object took it over or
// purged it. The neighbours that an object had itself are in its status.
func (r *recordReconciler[T]) wakeInherited(obj pbxv1.Record, t store.Transition) {
	if t.Observed == nil || t.Observed.Owner.UID == t.Desired.Owner.UID {
		return
	}
	wake := func(kind pbx.Kind, name string) {
		r.wakers.wake(kind, types.NamespacedName{Namespace: obj.GetNamespace(), Name: name})
	}
	for _, service := range t.Observed.Lists[pbx.ListServices] {
		wake(pbx.KindPhoneService, service.Key)
	}
	if holder := t.Observed.Fields[pbx.FieldHolder]; holder != "" {
		wake(pbx.KindUser, holder)
	}
}
