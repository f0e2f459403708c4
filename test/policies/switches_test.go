package policies_test

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

// chosen are the bindings that the switches change, and what they do unless one is used.
var chosen = []string{
	"pbx-attached", "pbx-primary-service-state", "pbx-purge-mailbox", "pbx-purge-metadata", "pbx-routed-user",
	"pbx-shared-service", "pbx-voicemail-box",
}

// warnAlways are those that only warn, whichever switch is used: nothing about the object could content a refusal.
var warnAlways = []string{"pbx-purge-history", "pbx-services"}

// TestSwitches: each overlay turns all policies that can be chosen to one action, and leaves the others alone.
func TestSwitches(t *testing.T) {
	g := NewWithT(t)
	base := actions(t, "config/policies")
	want := maps.Clone(base)
	for _, name := range chosen {
		want[name] = admissionv1.Warn
	}
	g.Expect(base).To(Equal(want))
	for name, action := range base {
		if want[name] != admissionv1.Warn && !slices.Contains(warnAlways, name) {
			g.Expect(action).To(Equal(admissionv1.Deny), name)
		}
	}
	for overlay, action := range map[string]admissionv1.ValidationAction{
		"deny": admissionv1.Deny, "warn": admissionv1.Warn, "audit": admissionv1.Audit, "mixed": admissionv1.Warn,
	} {
		t.Run(overlay, func(t *testing.T) {
			g := NewWithT(t)
			for _, name := range chosen {
				want[name] = action
			}
			if overlay == "mixed" {
				want["pbx-primary-service-state"], want["pbx-purge-metadata"] = admissionv1.Deny, admissionv1.Audit
			}
			dir := "config/overlays/policies-" + overlay
			g.Expect(actions(t, dir)).To(Equal(want))
			output, err := kube.Kubectl(t, "apply", "--server-side", "--dry-run=server", "-k", dir)
			g.Expect(err).NotTo(HaveOccurred(), output)
		})
	}
}

// TestARefusalIsForbidden: without a reason the API server says that the object is invalid, which kubectl apply --force takes
// as a cause to delete it. What only warns is no exception: its binding may be changed.
func TestARefusalIsForbidden(t *testing.T) {
	for _, policy := range kustomized[admissionv1.ValidatingAdmissionPolicy](t, "config/policies", "ValidatingAdmissionPolicy") {
		for _, validation := range policy.Spec.Validations {
			NewWithT(t).Expect(validation.Reason).To(HaveValue(Equal(metav1.StatusReasonForbidden)), "%s: %s", policy.Name, validation.Expression)
		}
	}
}

// TestARefusalFailsClosed: what refuses, refuses also what it cannot judge; what warns, lets that through.
func TestARefusalFailsClosed(t *testing.T) {
	for _, dir := range []string{"config/policies", "config/overlays/policies-deny"} {
		g := NewWithT(t)
		does := actions(t, dir)
		for _, policy := range kustomized[admissionv1.ValidatingAdmissionPolicy](t, dir, "ValidatingAdmissionPolicy") {
			if does[policy.Name] == admissionv1.Deny {
				g.Expect(*policy.Spec.FailurePolicy).To(Equal(admissionv1.Fail), "%s: %s", dir, policy.Name)
			}
		}
	}
}

// actions gives what each binding of a directory does, by the name of its policy.
func actions(t *testing.T, dir string) map[string]admissionv1.ValidationAction {
	t.Helper()
	all := map[string]admissionv1.ValidationAction{}
	for _, binding := range kustomized[admissionv1.ValidatingAdmissionPolicyBinding](t, dir, "ValidatingAdmissionPolicyBinding") {
		NewWithT(t).Expect(binding.Spec.ValidationActions).To(HaveLen(1), binding.Name)
		all[binding.Spec.PolicyName] = binding.Spec.ValidationActions[0]
	}
	return all
}

// kustomized gives the objects of a kind that kustomize makes of a directory.
func kustomized[T any](t *testing.T, dir, kind string) (all []T) {
	t.Helper()
	g := NewWithT(t)
	output, err := kube.Kubectl(t, "kustomize", dir)
	g.Expect(err).NotTo(HaveOccurred(), output)
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(output)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			g.Expect(all).NotTo(BeEmpty())
			return all
		}
		g.Expect(err).NotTo(HaveOccurred())
		var is struct{ Kind string }
		g.Expect(yaml.Unmarshal(document, &is)).To(Succeed())
		if is.Kind == kind {
			var object T
			g.Expect(yaml.UnmarshalStrict(document, &object)).To(Succeed())
			all = append(all, object)
		}
	}
}
