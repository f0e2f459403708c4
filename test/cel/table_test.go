package cel

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

// change is a row of a table: a merge patch to the base object, and the
// refusal that it meets. Without one it must be accepted.
type change struct {
	name    string
	patch   string
	refused string
}

// api is the API server, and a namespace of the test's own. A field that it
// does not know is an error, so a slip in a table cannot pass for a success.
type api struct {
	client.Client
	namespace string
}

func connect(t *testing.T) api {
	t.Helper()
	plain, err := client.New(kube.Start(t), client.Options{})
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	strict := client.WithFieldValidation(plain, metav1.FieldValidationStrict)
	return api{Client: strict, namespace: kube.Namespace(t)}
}

// onCreate tries each changed base object as a new one.
func onCreate(t *testing.T, base string, rows ...change) {
	t.Helper()
	server := connect(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			object := server.object(t, base, row.patch)
			expect(t, server.Create(t.Context(), object, client.DryRunAll), row.refused)
		})
	}
}

// onUpdate creates the base object for each row, and changes it then.
func onUpdate(t *testing.T, base string, rows ...change) {
	t.Helper()
	server := connect(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			object := server.create(t, base)
			expect(t, server.change(t, object, row.patch), row.refused)
		})
	}
}

// object is the base object with the changes, in the test's namespace. Its name
// is made unique by the server.
func (a api) object(t *testing.T, base string, patches ...string) *unstructured.Unstructured {
	t.Helper()
	merged := toJSON(t, base)
	for _, patch := range patches {
		var err error
		if merged, err = jsonpatch.MergePatch(merged, toJSON(t, patch)); err != nil {
			t.Fatalf("merge %s: %v", patch, err)
		}
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(merged); err != nil {
		t.Fatalf("read %s: %v", merged, err)
	}
	object.SetNamespace(a.namespace)
	if object.GetName() == "" {
		object.SetGenerateName("a-")
	}
	return object
}

func (a api) create(t *testing.T, base string, patches ...string) *unstructured.Unstructured {
	t.Helper()
	object := a.object(t, base, patches...)
	if err := a.Create(t.Context(), object); err != nil {
		t.Fatalf("the base object must be valid: %v", err)
	}
	return object
}

func (a api) change(t *testing.T, object *unstructured.Unstructured, patch string) error {
	t.Helper()
	return a.Patch(t.Context(), object.DeepCopy(), client.RawPatch(types.MergePatchType, toJSON(t, patch)))
}

func toJSON(t *testing.T, text string) []byte {
	t.Helper()
	if text == "" {
		text = "{}"
	}
	out, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("not YAML: %v\n%s", err, text)
	}
	return out
}

// expect compares the whole refusal, every line of it.
func expect(t *testing.T, err error, refused string) {
	t.Helper()
	if diff := cmp.Diff(refused, refusal(err)); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
}

// refusal is what the API server says against an object, a line for each
// cause, as "field: message".
func refusal(err error) string {
	if err == nil {
		return ""
	}
	causes := causesOf(err)
	if causes == nil {
		return err.Error()
	}
	lines := make([]string, 0, len(causes))
	for _, cause := range causes {
		lines = append(lines, fmt.Sprintf("%s: %s", cause.Field, cause.Message))
	}
	return strings.Join(lines, "\n")
}

// valueInMessage is the refused value, which the API server repeats before a message.
var valueInMessage = regexp.MustCompile(`(?s)^Invalid value: (?:"(?:[^"\\]|\\.)*": |-?[0-9]+: |\{.*?\}: |null: )?`)

// causesOf leaves out what the API server adds when the schema refuses: that
// it has not looked at the CEL rules.
func causesOf(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) || status.Status().Details == nil {
		return nil
	}
	var causes []metav1.StatusCause
	for _, cause := range status.Status().Details.Causes {
		if strings.Contains(cause.Message, "some validation rules were not checked") {
			continue
		}
		cause.Message = valueInMessage.ReplaceAllString(cause.Message, "")
		causes = append(causes, cause)
	}
	return causes
}
