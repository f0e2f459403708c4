package policies_test

import (
	"testing"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

type person = *pbxv1.User

func routed(by ...string) func(person) {
	return func(u person) { u.Status.ReferencedBy, u.Status.ReferencedByCount = by, int32(len(by)) }
}

func TestAUserToWhomCallsAreRouted(t *testing.T) {
	f := setUp(t)
	byTwo := routed("CallRule/night", "CallRule/sales")
	const text = "calls are still routed to the user by 2 object(s) (CallRule/night, CallRule/sales): give them another target"
	byEleven := func(u person) {
		routed("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")(u)
		u.Status.ReferencedByCount = 11
	}
	deactivated, deleted := pbxv1.StateDeactivated, pbxv1.StateDeleted
	try(t, f, ada, []attempt[person]{
		{name: "to Deactivated", has: byTwo, change: toState[person](deactivated), warned: []string{text}},
		{name: "to Deleted", has: byTwo, change: toState[person](deleted), warned: []string{text}},
		{name: "Deactivated, to Deleted", is: toState[person](deactivated), has: byTwo, change: toState[person](deleted), warned: []string{text}},
		{name: "deleted", has: byTwo, warned: []string{text}},
		{name: "deleted, by eleven", has: byEleven, warned: []string{"by 11 object(s) (a, b, c, d, e, f, g, h, i, j, ...)"}},
		{name: "to Deleted, by nothing", change: toState[person](deleted)},
		{name: "deleted, by nothing", has: routed()},
		{name: "let go", is: withPolicy[person](pbxv1.DeletionPolicyOrphan), has: byTwo},
		{name: "Deleted, deleted", is: toState[person](deleted), has: byTwo},
		{name: "restored", is: toState[person](deleted), has: byTwo, change: toState[person](deactivated)},
		{name: "activated", is: toState[person](deactivated), has: byTwo, change: toState[person](pbxv1.StateActive)},
		{name: "renamed", has: byTwo, change: func(u person) { u.Spec.FirstName = "Augusta" }},
	})
}

func TestAPurgeThatLeavesMetadata(t *testing.T) {
	f := setUp(t)
	const inObject, inHistory = "empty the personal fields of the manifest", "the Git history, events, backups and the audit log"
	deleted, purged, purge := pbxv1.StateDeleted, pbxv1.StatePurged, pbxv1.DeletionPolicyPurge
	try(t, f, ada, []attempt[person]{
		{name: "to Purged", is: toState[person](deleted), change: toState[person](purged), warned: []string{inObject}},
		{
			name: "to Purged and emptied", is: toState[person](deleted),
			change: func(u person) { u.Spec = pbxv1.UserSpec{RecordSpec: u.Spec.RecordSpec}; u.Spec.State = purged },
		},
		{name: "deleted, to be purged", is: withPolicy[person](purge), warned: []string{inHistory}},
		{name: "deleted"},
		{name: "to Deleted", change: toState[person](deleted)},
		{name: "purged, deleted", is: inState[person](purged, purge)},
	})
}
