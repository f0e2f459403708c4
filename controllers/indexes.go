package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// The indexes of the cache, by which what an object's change concerns is found without looking at every object.
const (
	indexPhoneSystem = "phoneSystem"
	indexSecret      = "secret"
	indexService     = "service"
	indexHolder      = "holder"
	indexExtension   = "extension"
	indexMailbox     = "mailbox"
	indexRestricted  = "restricted"
)

// addIndexes registers the indexes of all kinds.
func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		obj   client.Object
		field string
		keys  client.IndexerFunc
	}{
		{&pbxv1.User{}, indexPhoneSystem, phoneSystemOf},
		{&pbxv1.Extension{}, indexPhoneSystem, phoneSystemOf},
		{&pbxv1.PhoneService{}, indexPhoneSystem, phoneSystemOf},
		{&pbxv1.User{}, indexSecret, secretsOf},
		{&pbxv1.Extension{}, indexSecret, secretsOf},
		{&pbxv1.PhoneService{}, indexSecret, secretsOf},
		{&pbxv1.PhoneSystem{}, indexSecret, secretsOf},
		{&pbxv1.User{}, indexService, servicesOf},
		{&pbxv1.Extension{}, indexHolder, holderOf},
		{&pbxv1.PhoneService{}, indexExtension, extensionOf},
		{&pbxv1.Extension{}, indexMailbox, mailboxOf},
		{&pbxv1.PhoneService{}, indexRestricted, restrictedOf},
	} {
		if err := indexer.IndexField(ctx, index.obj, index.field, index.keys); err != nil {
			return err
		}
	}
	return nil
}

func phoneSystemOf(obj client.Object) []string {
	return []string{string(obj.(pbxv1.Record).Common().PhoneSystemRef.Name)} //nolint:forcetypeassert // as indexed
}

// secretsOf lists the Secrets that an object depends on, generated ones included.
func secretsOf(obj client.Object) []string {
	var refs []*pbxv1.SecretKeyReference
	var names []string
	switch o := obj.(type) {
	case *pbxv1.User:
		refs = append(refs, o.Spec.Login.PasswordSecretRef)
	case *pbxv1.Extension:
		refs = append(refs, o.Spec.Voicemail.PinSecretRef)
	case *pbxv1.PhoneService:
		refs = append(refs, o.Spec.SIP.PasswordSecretRef)
		names = append(names, sipSecretName(o))
	case *pbxv1.PhoneSystem:
		if o.Spec.Store.Postgres != nil {
			refs = append(refs, &o.Spec.Store.Postgres.SecretRef)
		}
	}
	for _, ref := range refs {
		if ref != nil {
			names = append(names, ref.Name)
		}
	}
	return names
}

func servicesOf(obj client.Object) []string {
	var names []string
	for _, service := range obj.(*pbxv1.User).Spec.Services { //nolint:forcetypeassert // as indexed
		names = append(names, string(service.Name))
	}
	return names
}

func holderOf(obj client.Object) []string {
	return refName(obj.(*pbxv1.Extension).Spec.UserRef) //nolint:forcetypeassert // as indexed
}

func extensionOf(obj client.Object) []string {
	return refName(obj.(*pbxv1.PhoneService).Spec.ExtensionRef) //nolint:forcetypeassert // as indexed
}

func refName(ref *pbxv1.LocalReference) []string {
	if ref == nil {
		return nil
	}
	return []string{string(ref.Name)}
}

// listBy lists the objects of a namespace that an index finds. They are the cache's own: do not change them.
func listBy(
	ctx context.Context, c client.Client, list client.ObjectList, namespace, index, value string,
) ([]client.Object, error) {
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var objects []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		objects = append(objects, item.(client.Object)) //nolint:forcetypeassert // items of a list of objects
		return nil
	})
	return objects, err
}

// kindOf names the kind of an object as the store does.
func kindOf(obj client.Object) pbx.Kind {
	switch obj.(type) {
	case *pbxv1.User:
		return pbx.KindUser
	case *pbxv1.Extension:
		return pbx.KindExtension
	case *pbxv1.PhoneService:
		return pbx.KindPhoneService
	default:
		return pbx.KindPhoneSystem
	}
}

// strs gives strings of a named type as plain ones.
func strs[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
