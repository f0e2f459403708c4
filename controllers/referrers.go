package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// referrer finds, in the cache of the API, the objects of a kind that route calls to a user, each as Kind/name.
type referrer func(ctx context.Context, c client.Client, user *pbxv1.User) ([]string, error)

// referrers are those of all kinds. A kind that comes to route calls to users adds itself here, and to the watches of the
// users. That a user has a phone, an extension or a key on somebody's phone routes nothing.
var referrers []referrer

// referredBy fills what admission reads when a user is to become less than they are.
func (k users) referredBy(ctx context.Context, obj *pbxv1.User) error {
	var names []string
	for _, find := range k.referrers {
		found, err := find(ctx, k.Client, obj)
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	obj.Status.ReferencedByCount, obj.Status.ReferencedBy = int32(len(names)), first(names, shownUsers) //nolint:gosec // bounded by the cluster
	return nil
}
