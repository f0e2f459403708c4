package tenancy_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// references are all references that there are: the kind, the rest of a valid spec, and the path of the reference.
var references = []struct {
	kind string
	spec map[string]any
	path string
}{
	{"User", user, "phoneSystemRef"},
	{"User", user, "login.passwordSecretRef"},
	{"User", user, "services[]"},
	{"Extension", extension, "phoneSystemRef"},
	{"Extension", extension, "userRef"},
	{"Extension", extension, "voicemail.pinSecretRef"},
	{"PhoneService", phone, "phoneSystemRef"},
	{"PhoneService", phone, "extensionRef"},
	{"PhoneService", phone, "sip.passwordSecretRef"},
	{"PhoneSystem", system, "store.postgres.secretRef"},
}

var (
	user      = map[string]any{"firstName": "Ada", "lastName": "Lovelace"}
	extension = map[string]any{"number": "1001"}
	phone     = map[string]any{"extensionRef": map[string]any{"name": "ext"}}
	system    = map[string]any{"domain": "acme.example"}
)

// TestReferencesNeverLeaveTheNamespace tries names that would be somewhere else if they were taken for a path.
func TestReferencesNeverLeaveTheNamespace(t *testing.T) {
	s := setUp(t)
	names := []string{
		s.victim.Namespace + "/login", "../" + s.victim.Namespace + "/login", "..", ".", "/login", "login/", "a%2Fb", `a\b`, "a\x00b", " login", "",
	}
	for _, r := range references {
		for _, name := range names {
			t.Run(r.kind+"/"+r.path+"/"+strings.ReplaceAll(name, "/", "|"), func(t *testing.T) {
				err := s.mallory.Create(t.Context(), s.referring(t, r.kind, r.spec, r.path, map[string]any{"name": name}), client.DryRunAll)
				NewWithT(t).Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
			})
		}
		t.Run(r.kind+"/"+r.path+"/namespace", func(t *testing.T) {
			g := NewWithT(t)
			obj := s.referring(t, r.kind, r.spec, r.path, map[string]any{"name": "login", "namespace": s.victim.Namespace})
			g.Expect(client.WithFieldValidation(s.mallory, "Strict").Create(t.Context(), obj.DeepCopy(), client.DryRunAll)).
				To(MatchError(ContainSubstring("unknown field")))
			g.Expect(s.mallory.Create(t.Context(), obj, client.DryRunAll)).To(Succeed())
			text, err := obj.MarshalJSON()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).NotTo(ContainSubstring(s.victim.Namespace), "the API server drops it")
		})
	}
}

// referring gives an object with a reference at a path.
func (s *scene) referring(t *testing.T, kind string, spec map[string]any, path string, reference map[string]any) *unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetGroupVersionKind(pbxv1.GroupVersion.WithKind(kind))
	obj.SetNamespace(s.tenant.Namespace)
	obj.SetName("probe")
	g.Expect(unstructured.SetNestedMap(obj.Object, spec, "spec")).To(Succeed())
	fields := append([]string{"spec"}, strings.Split(strings.TrimSuffix(path, "[]"), ".")...)
	if !strings.HasSuffix(path, "[]") {
		g.Expect(unstructured.SetNestedMap(obj.Object, reference, fields...)).To(Succeed())
		return obj
	}
	g.Expect(unstructured.SetNestedSlice(obj.Object, []any{reference}, fields...)).To(Succeed())
	g.Expect(unstructured.SetNestedField(obj.Object, reference["name"], "spec", "primaryService")).To(Succeed())
	return obj
}
