package tenancy_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// big is nearly as much as the API server takes for one Secret.
const big = 1000 * 1000

// TestNobodyBringsTheOperatorDown gives it what might make it fall or turn in circles, and has it serve the other tenant
// all the while.
func TestNobodyBringsTheOperatorDown(t *testing.T) {
	s := setUp(t)
	g := NewWithT(t)
	s.create(t, s.tenant.NewPhoneSystem())
	for name, value := range map[string]string{
		"empty": "", "big": strings.Repeat("x", big), "binary": "\x00\xff\xfe\x80", "control": "a\nb\tc\x7f", "text": "💥' OR 1=1; --",
	} {
		for _, key := range []string{"password", "pin", "dsn"} {
			s.create(t, s.secret(name+"-"+key, key, value))
		}
		s.create(t, s.naming(name)...)
	}
	s.create(t, s.circle()...)
	for i := range 20 {
		s.create(t, s.tenant.User(fmt.Sprintf("same-%d", i), "desk"), s.tenant.Extension(fmt.Sprintf("same-%d", i), "2000", ""))
	}

	newcomer := s.victim.User("grace")
	g.Expect(s.victim.Client.Create(t.Context(), newcomer)).To(Succeed())
	s.victim.Ready(limit)
	for _, obj := range s.tenant.Objects() {
		s.answer(t, obj)
	}
	g.Expect(panics(t)).To(BeZero())
	s.victim.Ready(limit)
}

// naming are objects that take their secrets from Secrets with some name.
func (s *scene) naming(name string) []client.Object {
	ref := func(key string) *pbxv1.SecretKeyReference { return &pbxv1.SecretKeyReference{Name: name + "-" + key} }
	user, extension, phone := s.tenant.User(name), s.tenant.Extension(name, fmt.Sprintf("1%03d", len(name)), name), s.tenant.Phone(name, name)
	user.Spec.Login.PasswordSecretRef = ref("password")
	extension.Spec.Voicemail = pbxv1.Voicemail{Enabled: true, PinSecretRef: ref("pin")}
	phone.Spec.SIP.PasswordSecretRef = ref("password")
	phone.Annotations = map[string]string{"example.com/note": strings.Repeat("x", 100*1000)}
	return []client.Object{user, extension, phone, s.onPostgres(name, name+"-dsn")}
}

// circle are objects that refer to each other round and round, to themselves, and to what is not there.
func (s *scene) circle() []client.Object {
	round := s.tenant.User("round", "round", "nowhere", "self")
	self := s.tenant.Phone("self", "self")
	self.Spec.PhoneSystemRef.Name = "self"
	return []client.Object{
		round, s.tenant.Extension("round", "3000", "round"), s.tenant.Phone("round", "round"), self,
		s.tenant.User("lost", "lost"), s.tenant.Extension("lost", "3001", "nobody"), s.tenant.Phone("lost", "nowhere"),
	}
}

// panics counts those that controller-runtime has caught.
func panics(t *testing.T) (count float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	found := false
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_panics_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			found = true
			count += metric.GetCounter().GetValue()
		}
	}
	NewWithT(t).Expect(found).To(BeTrue(), "there is no such metric")
	return count
}
