package costs

import (
	"testing"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestChanged: a changed object costs one transaction and one status; a neighbour whose status changes with it, one
// status; any other neighbour, nothing.
func TestChanged(t *testing.T) { onEach(t, testChanged) }

// company is ada with two phones and an extension, and bob and eve, who share a phone with her.
type company struct {
	*scene
	ada, bob, eve       *pbxv1.User
	line, spare         *pbxv1.Extension
	desk, mobile, lobby *pbxv1.PhoneService
}

func newCompany(t *testing.T, b operator.Backend) company {
	t.Helper()
	s := newScene(t, b)
	c := company{
		scene: s, ada: s.User("ada", "desk", "lobby"), bob: s.User("bob", "lobby"), eve: s.User("eve", "lobby"),
		line: s.Extension("line", "1001", "ada"), spare: s.Extension("spare", "1002", ""),
		desk: s.Phone("desk", "line"), mobile: s.Phone("mobile", "line"), lobby: s.Phone("lobby", "spare"),
	}
	s.Create(c.line, c.spare, c.desk, c.mobile, c.lobby, c.ada, c.bob, c.eve)
	s.settle()
	return c
}

func testChanged(t *testing.T, b operator.Backend) {
	c := newCompany(t, b)
	c.costs("a field that no neighbour shows", Bill{
		API:   map[string][]string{"users/ada": patchStatus},
		Store: map[string]int{"User ada": 1},
	}, func() { operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) { u.Spec.Department = "Research" }) })
	c.costs("a user gets a phone", Bill{
		API:   map[string][]string{"users/ada": patchStatus, "phoneservices/mobile": patchStatus},
		Store: map[string]int{"User ada": 1},
	}, func() {
		operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) { operator.SetServices(u, "desk", "lobby", "mobile") })
	})
	c.costs("another service becomes the primary", Bill{
		API: map[string][]string{
			"users/ada": patchStatus, "phoneservices/desk": patchStatus, "phoneservices/mobile": patchStatus,
		},
		Store: map[string]int{"User ada": 1},
	}, func() { operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) { u.Spec.PrimaryService = "mobile" }) })
	c.costs("a user is deactivated, and with her the phones that are hers alone, which the phone system tells", Bill{
		API: map[string][]string{
			"users/ada": patchStatus, "phoneservices/desk": patchStatus, "phoneservices/mobile": patchStatus,
			"phonesystems/default": patchStatus,
		},
		Store: map[string]int{"User ada": 1},
	}, func() {
		operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) { u.Spec.State = pbxv1.StateDeactivated })
	})
	// A reset gives the phones other passwords; of two that are taken from ada one has another right then.
	c.costs("an extension changes its holder", Bill{
		API: map[string][]string{
			"extensions/line": patchStatus, "users/ada": patchStatus, "users/bob": patchStatus,
			"secrets/desk-sip": {"PATCH"}, "secrets/mobile-sip": {"PATCH"}, "phoneservices/desk": patchStatus,
		},
		Store: map[string]int{"Extension line": 1, "PhoneService desk": 1, "PhoneService mobile": 1},
	}, func() { operator.Change(c.Tenant, c.line, func(e *pbxv1.Extension) { e.Spec.UserRef.Name = "bob" }) })
	testNumberAndShared(c)
}

func testNumberAndShared(c company) {
	c.costs("an extension changes its number, which the holder shows", Bill{
		API:   map[string][]string{"extensions/line": patchStatus, "users/bob": patchStatus},
		Store: map[string]int{"Extension line": 1},
	}, func() { operator.Change(c.Tenant, c.line, func(e *pbxv1.Extension) { e.Spec.Number = "1003" }) })
	c.costs("a phone changes", Bill{
		API:   map[string][]string{"phoneservices/desk": patchStatus},
		Store: map[string]int{"PhoneService desk": 1},
	}, func() {
		operator.Change(c.Tenant, c.desk, func(p *pbxv1.PhoneService) { p.Spec.Profile.Label = "Desk" })
	})
	c.costs("a phone that three users share is deleted", Bill{
		API: map[string][]string{
			"phoneservices/lobby": patchStatus, "users/ada": patchStatus, "users/bob": patchStatus, "users/eve": patchStatus,
		},
		Store: map[string]int{"PhoneService lobby": 1},
	}, func() {
		operator.Change(c.Tenant, c.lobby, func(p *pbxv1.PhoneService) { p.Spec.State = pbxv1.StateDeleted })
	})
	c.costs("its object goes, too, and nothing is left to do but to let it go", Bill{
		API: map[string][]string{"phoneservices/lobby": {"PATCH"}},
	}, func() { c.Delete(c.lobby); c.Gone(c.lobby) })
	c.costs("the object of a phone in use goes", Bill{
		API:   map[string][]string{"phoneservices/desk": {"PATCH"}, "users/ada": patchStatus, "phonesystems/default": patchStatus},
		Store: map[string]int{"PhoneService desk": 1},
	}, func() { c.Delete(c.desk); c.Gone(c.desk) })
}
