package cel

import (
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

type schema = apiextensions.JSONSchemaProps

// plural is the kind as the API server calls it.
func plural(kind string) string { return strings.ToLower(kind) + "s" }

// schemaOf is the schema that the API server works by.
func schemaOf(t *testing.T, kind string) schema {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apiextensions.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	server, err := client.New(kube.Start(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensions.CustomResourceDefinition{}
	if err := server.Get(t.Context(), client.ObjectKey{Name: plural(kind) + ".pbx-operator.io"}, crd); err != nil {
		t.Fatal(err)
	}
	return *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

func specOf(t *testing.T, kind string) schema {
	t.Helper()
	return schemaOf(t, kind).Properties["spec"]
}

// everySchema visits the schema and all that are in it. Items of a list are at "path[]".
func everySchema(s schema, path string, visit func(path string, s schema)) {
	visit(path, s)
	for name, inner := range s.Properties {
		everySchema(inner, path+"."+name, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		everySchema(*s.Items.Schema, path+"[]", visit)
	}
}

// everyField lists the paths of all fields and items.
func everyField(s schema, path string) []string {
	var paths []string
	everySchema(s, path, func(path string, _ schema) { paths = append(paths, path) })
	return paths
}

// byPath has the schemas of all fields and items of a spec.
func byPath(t *testing.T, kind string) map[string]schema {
	t.Helper()
	schemas := map[string]schema{}
	everySchema(specOf(t, kind), "spec", func(path string, s schema) { schemas[path] = s })
	return schemas
}

// leaves lists the fields that are set as a whole: scalars, lists and empty objects.
func leaves(s schema, path string) []string {
	var paths []string
	everySchema(s, path, func(path string, s schema) {
		if len(s.Properties) == 0 && !strings.Contains(path, "[]") {
			paths = append(paths, path)
		}
	})
	slices.Sort(paths)
	return paths
}

var kinds = []string{"PhoneSystem", "User", "Extension", "PhoneService"}

// TestEveryFieldIsDescribed is for `kubectl explain`.
func TestEveryFieldIsDescribed(t *testing.T) {
	for _, kind := range kinds {
		everySchema(schemaOf(t, kind), kind, func(path string, s schema) {
			item := strings.HasSuffix(path, "[]")
			if s.Description == "" && !item && path != kind+".metadata" {
				t.Errorf("%s has no description: give its Go field a doc comment", path)
			}
		})
	}
	for _, field := range []string{"pbxuser.spec.services", "ext.spec.onRelease.clear", "phone.spec.sip", "psys.spec.store.postgres"} {
		out, err := kube.Kubectl(t, "explain", field)
		if err != nil || !strings.Contains(out, "DESCRIPTION:") || strings.Contains(out, "<empty>") {
			t.Errorf("kubectl explain %s: %v\n%s", field, err, out)
		}
	}
}

// TestEveryFieldIsBounded keeps objects small and CEL cheap.
func TestEveryFieldIsBounded(t *testing.T) {
	for _, kind := range kinds {
		everySchema(specOf(t, kind), kind+" spec", func(path string, s schema) {
			switch {
			case s.Type == "string" && s.MaxLength == nil && s.Enum == nil:
				t.Errorf("%s: a string needs a MaxLength or an Enum", path)
			case s.Type == "array" && s.MaxItems == nil:
				t.Errorf("%s: a list needs MaxItems", path)
			case s.Type == "array" && s.XListType == nil:
				t.Errorf("%s: a list needs a listType, or appliers overwrite each other", path)
			}
		})
	}
}

// TestNames: every kind has a short name, and `kubectl get pbx` lists them all.
func TestNames(t *testing.T) {
	server, err := discovery.NewDiscoveryClientForConfig(kube.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	found, err := server.ServerResourcesForGroupVersion("pbx-operator.io/v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	type names struct {
		Kind, Short, Category string
		Namespaced            bool
	}
	var got []names
	for _, resource := range found.APIResources {
		if !strings.Contains(resource.Name, "/") {
			got = append(got, names{resource.Kind, strings.Join(resource.ShortNames, ","), strings.Join(resource.Categories, ","), resource.Namespaced})
		}
	}
	want := []names{
		{"Extension", "ext", "pbx", true},
		{"PhoneService", "phone", "pbx", true},
		{"PhoneSystem", "psys", "pbx", true},
		{"User", "pbxuser", "pbx", true},
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b names) bool { return a.Kind < b.Kind })); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestStatusIsASubresource: who may edit a spec cannot forge a status, and the other way round.
func TestStatusIsASubresource(t *testing.T) {
	server := connect(t)
	for _, base := range []string{phoneSystem, user, extension, phone} {
		object := server.create(t, base)
		t.Run(object.GetKind(), func(t *testing.T) {
			if err := server.change(t, object, "status: {observedGeneration: 7}"); err != nil {
				t.Fatal(err)
			}
			if err := server.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"observedGeneration": int64(-1)}, object.Object["status"]); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}
