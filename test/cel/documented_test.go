package cel

import (
	"os"
	"regexp"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestRefusalsAreDocumented: what the CRDs say is on the page word by word, each policy is in the list of policies, and each
// reason of a condition or an event is on a page.
func TestRefusalsAreDocumented(t *testing.T) {
	refusals, policies := page(t, "../../docs/refusals.md"), page(t, "../../docs/policies.md")
	eachDocument(t, "../../config", func(path, kind string, document []byte) {
		switch kind {
		case "CustomResourceDefinition":
			var crd apiextensionsv1.CustomResourceDefinition
			decode(t, path, document, &crd)
			for _, served := range crd.Spec.Versions {
				everyRule(*served.Schema.OpenAPIV3Schema, func(rule apiextensionsv1.ValidationRule) {
					if rule.Message == "" || !strings.Contains(refusals, "*"+rule.Message+"*") {
						t.Errorf("%s: docs/refusals.md does not tell of: %s", path, rule.Message)
					}
				})
			}
		case "ValidatingAdmissionPolicy":
			var policy admissionv1.ValidatingAdmissionPolicy
			decode(t, path, document, &policy)
			if !strings.HasPrefix(policy.Name, "pbx-verbs-") && !strings.Contains(policies, "`"+policy.Name+"`") {
				t.Errorf("%s: docs/policies.md does not tell of %s", path, policy.Name)
			}
		}
	})
	pages := refusals + page(t, "../../docs/operations.md")
	reasons := regexp.MustCompile(`(?:Reason|Event)\w+ += "(\w+)"`).FindAllStringSubmatch(page(t, "../../api/v1alpha1/conditions.go"), -1)
	if len(reasons) < 20 {
		t.Errorf("only %d reasons were found", len(reasons))
	}
	for _, reason := range reasons {
		if !strings.Contains(pages, "`"+reason[1]+"`") {
			t.Errorf("neither docs/operations.md nor docs/refusals.md tells of %s", reason[1])
		}
	}
}

func everyRule(s apiextensionsv1.JSONSchemaProps, visit func(apiextensionsv1.ValidationRule)) {
	for _, rule := range s.XValidations {
		visit(rule)
	}
	for _, child := range s.Properties {
		everyRule(child, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		everyRule(*s.Items.Schema, visit)
	}
}

func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
