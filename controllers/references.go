package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// reference reads the object that another one refers to into target, and tells whether it is there. One of another phone
// system is refused, and not there: references stay within one.
func reference(
	ctx context.Context, c client.Client, from pbxv1.Record, name string, target pbxv1.Record,
) (there bool, refused, err error) {
	err = c.Get(ctx, types.NamespacedName{Namespace: from.GetNamespace(), Name: name}, target)
	if apierrors.IsNotFound(err) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	if mine, its := from.Common().PhoneSystemRef.Name, target.Common().PhoneSystemRef.Name; mine != its {
		return false, status.New(status.Invalid, pbxv1.ReasonReferenceInOtherPhoneSystem,
			"%s %q belongs to PhoneSystem %q, and this object to %q: refer to an object of the same phone system",
			kindOf(target), name, its, mine), nil
	}
	return true, nil, nil
}

// missing is the wait for a referenced object that was never there: it has neither an object nor a record. One whose
// object is gone, but whose record is kept for a restore, is not missing.
func missing(
	ctx context.Context, c client.Client, from pbxv1.Record, name string, target pbxv1.Record, record pbx.State,
) ([]error, error) {
	if name == "" || record != "" {
		return nil, nil
	}
	there, refused, err := reference(ctx, c, from, name, target)
	if err != nil || there || refused != nil {
		return nil, err
	}
	return []error{notThere(target, name)}, nil
}

func notThere(target pbxv1.Record, name string) error {
	return status.New(status.Waiting, pbxv1.ReasonReferenceNotFound,
		"%s %q is not there yet: this object is complete when it comes", kindOf(target), name)
}
