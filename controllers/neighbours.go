package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// wakeInherited has those looked at that were the neighbours of another object's record, before this object took it over or
// purged it. The neighbours that an object had itself are in its status.
func (r *recordReconciler[T]) wakeInherited(obj pbxv1.Record, t store.Transition) {
	if t.Observed != nil && t.Observed.Owner.UID != t.Desired.Owner.UID {
		r.wakeRecorded(obj, t.Observed)
	}
}

// wakeRecorded has those looked at that a record names.
func (r *recordReconciler[T]) wakeRecorded(obj pbxv1.Record, record *pbx.Record) {
	for _, service := range record.Lists[pbx.ListServices] {
		r.wakeNamed(obj, pbx.KindPhoneService, service.Key)
	}
	if holder := record.Fields[pbx.FieldHolder]; holder != "" {
		r.wakeNamed(obj, pbx.KindUser, holder)
	}
}

// wakeNeighbours has the neighbours looked at of an object whose record was repaired, and those whom somebody had made its
// neighbours: they may have been looked at before the repair, and no change of the object tells them.
func (r *recordReconciler[T]) wakeNeighbours(ctx context.Context, obj pbxv1.Record, broken *pbx.Record) {
	if broken != nil {
		r.wakeRecorded(obj, broken)
	}
	var list client.ObjectList
	var index string
	switch o := obj.(type) {
	case *pbxv1.User:
		r.wakeNamed(obj, pbx.KindPhoneService, servicesOf(o)...)
		list, index = extensionList(), indexHolder
	case *pbxv1.Extension:
		r.wakeNamed(obj, pbx.KindUser, holderOf(o)...)
		list, index = phoneServiceList(), indexExtension
	case *pbxv1.PhoneService:
		list, index = userList(), indexService
	}
	found, err := listBy(ctx, r.Client, list, obj.GetNamespace(), index, obj.GetName())
	if err != nil {
		return // the cache only fails when the operator ends
	}
	for _, neighbour := range found {
		r.wakeNamed(obj, kindOf(neighbour), neighbour.GetName())
	}
}

func (r *recordReconciler[T]) wakeNamed(of pbxv1.Record, kind pbx.Kind, names ...string) {
	for _, name := range names {
		r.wakers.wake(kind, types.NamespacedName{Namespace: of.GetNamespace(), Name: name})
	}
}
