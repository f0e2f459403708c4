package costs

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestCreated: a new object costs a finalizer, a status and one transaction; generated credentials one write more.
func TestCreated(t *testing.T) { onEach(t, testCreated) }

func testCreated(t *testing.T, b operator.Backend) {
	s := newScene(t, b)
	s.equal("a phone system", s.operator.API.ByObject(), map[string][]string{"phonesystems/default": newObject})
	s.costs("an extension", Bill{
		API:   map[string][]string{"extensions/line": newObject},
		Store: map[string]int{"Extension line": 1},
	}, func() { s.Create(s.Extension("line", "1001", "")) })
	s.costs("a phone with generated credentials", Bill{
		API:   map[string][]string{"phoneservices/desk": newObject, "secrets": newSecret},
		Store: map[string]int{"PhoneService desk": 1},
	}, func() { s.Create(s.Phone("desk", "line")) })
	s.costs("a phone with given credentials", Bill{
		API:   map[string][]string{"phoneservices/given": newObject},
		Store: map[string]int{"PhoneService given": 1},
	}, func() {
		s.Create(&corev1.Secret{ObjectMeta: s.Meta("given"), StringData: map[string]string{"password": "given by hand"}})
		phone := s.Phone("given", "line")
		phone.Spec.SIP.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "given"}
		s.Create(phone)
	})
	s.costs("a user with nothing", Bill{
		API:   map[string][]string{"users/bob": newObject},
		Store: map[string]int{"User bob": 1},
	}, func() { s.Create(s.User("bob")) })
	s.costs("a user with two phones, of which each status tells", Bill{
		API: map[string][]string{
			"users/ada": newObject, "phoneservices/desk": patchStatus, "phoneservices/given": patchStatus,
		},
		Store: map[string]int{"User ada": 1},
	}, func() { s.Create(s.User("ada", "desk", "given")) })
	s.costs("a purged user of whom nothing is there", Bill{
		API: map[string][]string{"users/nobody": patchStatus},
	}, func() {
		nobody := s.User("nobody")
		nobody.Spec.State = pbxv1.StatePurged
		s.Create(nobody)
	})
}
