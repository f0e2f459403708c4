package costs

import (
	"testing"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestHandover: a number that passes from one extension to another costs each of the two, and each of their holders,
// what a change of their own would.
func TestHandover(t *testing.T) { onEach(t, testHandover) }

func testHandover(t *testing.T, b operator.Backend) {
	s := newScene(t, b)
	holding, waiting := s.Extension("holding", "1001", "ada"), s.Extension("waiting", "1001", "bob")
	ada, bob := s.User("ada"), s.User("bob")
	s.Create(ada, bob, holding)
	s.settle()
	s.Create(waiting)
	s.operator.Settle(t)
	s.costs("the number is let go of, and taken", Bill{
		API: map[string][]string{
			"extensions/holding": patchStatus, "extensions/waiting": patchStatus,
			"users/ada": patchStatus, "users/bob": patchStatus,
		},
		Store: map[string]int{"Extension holding": 1, "Extension waiting": 1},
	}, func() { operator.Change(s.Tenant, holding, func(e *pbxv1.Extension) { e.Spec.Number = "1002" }) })
	for user, want := range map[*pbxv1.User]string{ada: "1002", bob: "1001"} {
		operator.Change(s.Tenant, user, func(*pbxv1.User) {}) // reads it
		s.equal(user.Name+"'s number", user.Status.Number, want)
	}
}
