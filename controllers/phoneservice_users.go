package controllers

import (
	"context"
	"slices"
	"strings"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// shownUsers is the number of users that the status names.
const shownUsers = 10

// fromCache fills what admission reads: who has the service, and of whom it is the primary beside others. It is
// computed from the cache of the API, so that it is right while the store is down.
func (k phoneServices) fromCache(ctx context.Context, obj *pbxv1.PhoneService) error {
	holders, err := listBy(ctx, k.Client, &pbxv1.UserList{}, obj.Namespace, indexService, obj.Name)
	if err != nil {
		return err
	}
	var names, primaryFor []string
	for _, holder := range holders {
		user := holder.(*pbxv1.User) //nolint:forcetypeassert // from a list of users
		if user.Spec.PhoneSystemRef != obj.Spec.PhoneSystemRef || user.Spec.State == pbxv1.StatePurged {
			continue
		}
		names = append(names, user.Name)
		if guards(user, obj.Name) {
			primaryFor = append(primaryFor, user.Name)
		}
	}
	s := &obj.Status
	s.UserCount, s.Users = int32(len(names)), first(names, shownUsers)                      //nolint:gosec // bounded by the cluster
	s.PrimaryForCount, s.PrimaryFor = int32(len(primaryFor)), first(primaryFor, shownUsers) //nolint:gosec // as above
	return nil
}

// guards says whether a user keeps their primary service from going: they have others, and are not going themselves.
func guards(user *pbxv1.User, service string) bool {
	return user.Spec.PrimaryService == service && len(user.Spec.Services) > 1 &&
		user.Spec.State != pbxv1.StateDeleted && user.DeletionTimestamp.IsZero()
}

func primaryOfUser(obj *pbxv1.PhoneService) error {
	return status.New(status.Waiting, pbxv1.ReasonPrimaryOfUser,
		"the phone service is the primary of %d user(s) who have others (%s): choose another primaryService for them first; "+
			"until then nothing is changed", obj.Status.PrimaryForCount, strings.Join(obj.Status.PrimaryFor, ", "))
}

// first gives so many names in their order.
func first(names []string, shown int) []string {
	slices.Sort(names)
	return names[:min(len(names), shown):min(len(names), shown)]
}
