package cel

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// documents reads the objects of a file in testdata.
func documents(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(text), "\n---\n")
	for i, document := range documents {
		documents[i] = "apiVersion: pbx-operator.io/v1alpha1\n" + document
	}
	return documents
}

// TestOnlyIdentityIsImmutable changes every field, each by itself.
func TestOnlyIdentityIsImmutable(t *testing.T) {
	const phoneSystemRef = "spec.phoneSystemRef: phoneSystemRef is immutable: create a new object to move it to another phone system"
	immutable := map[string]string{
		"spec.phoneSystemRef.name": phoneSystemRef,
		"spec.type":                "spec.type: type is immutable: create a new PhoneService of the other type",
		"spec.domain": "spec.domain: domain is immutable: it is the realm of every phone's credentials; " +
			"create a new PhoneSystem instead",
	}
	server := connect(t)
	others := documents(t, "other.yaml")
	for i, base := range documents(t, "complete.yaml") {
		complete, other := server.object(t, base), server.object(t, others[i])
		for _, path := range leaves(specOf(t, complete.GetKind()), "spec") {
			wanted, found := lookup(other.Object, path)
			if !found {
				continue
			}
			t.Run(fmt.Sprintf("%s %d %s", complete.GetKind(), i, path), func(t *testing.T) {
				if was, _ := lookup(complete.Object, path); was == nil || cmp.Equal(was, wanted) {
					t.Fatalf("testdata must give two values of %s, not %v and %v", path, was, wanted)
				}
				object := server.create(t, base)
				expect(t, server.change(t, object, patchOf(t, path, wanted)), immutable[path])
			})
		}
	}
}

// TestTestdataIsComplete keeps the tests that walk over the fields from missing a new one.
func TestTestdataIsComplete(t *testing.T) {
	server := connect(t)
	inSchema, inTestdata := map[string]bool{}, map[string]bool{}
	for _, base := range documents(t, "complete.yaml") {
		object := server.object(t, base)
		kind := object.GetKind()
		for _, path := range everyField(specOf(t, kind), "spec") {
			inSchema[kind+" "+path] = true
		}
		everyValue(object.Object["spec"], "spec", func(path string, _ any) {
			inTestdata[kind+" "+anyIndex.ReplaceAllString(path, "[]")] = true
		})
	}
	for path := range inSchema {
		if !inTestdata[path] {
			t.Errorf("%s: add it to testdata/complete.yaml, and another value to testdata/other.yaml", path)
		}
	}
}

// required are the fields that must be given if what they are in is given.
var required = []string{
	"Extension spec.phoneSystemRef.name",
	"Extension spec.userRef.name",
	"Extension spec.voicemail.pinSecretRef.name",
	"PhoneService spec.attached[].name",
	"PhoneService spec.attached[].system",
	"PhoneService spec.extensionRef.name",
	"PhoneService spec.foreign.system",
	"PhoneService spec.keys[].index",
	"PhoneService spec.keys[].type",
	"PhoneService spec.phoneSystemRef.name",
	"PhoneService spec.sip.passwordSecretRef.name",
	"PhoneSystem spec.domain",
	"PhoneSystem spec.store",
	"PhoneSystem spec.store.postgres.secretRef",
	"PhoneSystem spec.store.postgres.secretRef.name",
	"User spec.integrations[].name",
	"User spec.login.passwordSecretRef.name",
	"User spec.phoneSystemRef.name",
	"User spec.services[].name",
}

// TestRequired leaves out what must be given, wherever it is.
func TestRequired(t *testing.T) {
	server := connect(t)
	var found []string
	for _, base := range documents(t, "complete.yaml") {
		complete := server.object(t, base)
		schemas := byPath(t, complete.GetKind())
		everyValue(complete.Object["spec"], "spec", func(path string, _ any) {
			for _, name := range schemas[anyIndex.ReplaceAllString(path, "[]")].Required {
				found = append(found, complete.GetKind()+" "+anyIndex.ReplaceAllString(path, "[]")+"."+name)
				t.Run(complete.GetKind()+" "+path+"."+name, func(t *testing.T) {
					object := complete.DeepCopy()
					everyValue(object.Object["spec"], "spec", func(at string, value any) {
						if at == path {
							delete(value.(map[string]any), name)
						}
					})
					expect(t, server.Create(t.Context(), object, client.DryRunAll), path+"."+name+": Required value")
				})
			}
		})
	}
	slices.Sort(found)
	if diff := cmp.Diff(required, slices.Compact(found)); diff != "" {
		t.Errorf("required fields (-want +got):\n%s", diff)
	}
}

// TestBadTextIsRefusedEverywhere puts what no field may hold into every field
// of text, whatever it means; references and enumerations too.
func TestBadTextIsRefusedEverywhere(t *testing.T) {
	bad := map[string]func(was string) string{
		"10,000 letters": func(string) string { return strings.Repeat("a", 10_000) },
		"NUL":            func(was string) string { return was + "\x00" },
		"line break":     func(was string) string { return was + "\n" },
		"return":         func(was string) string { return "\r" + was },
		"tab":            func(was string) string { return "\t" + was },
		"escape":         func(was string) string { return was + "\x1b[31m" },
		"delete":         func(was string) string { return was + "\x7f" },
		"next line":      func(was string) string { return was + "\u0085" },
		"line separator": func(was string) string { return was + "\u2028" },
		"paragraph":      func(was string) string { return was + "\u2029" },
	}
	eachText(t, func(t *testing.T, server api, object *unstructured.Unstructured, path, was string) {
		for name, change := range bad {
			replace(t, object, path, change(was))
			err := server.Create(t.Context(), object, client.DryRunAll)
			if !blames(err, path) {
				t.Errorf("%s: the refusal must be of %s, not: %v", name, path, err)
			}
		}
	})
}

// blames tells whether the refusal is of the field, or speaks of it.
func blames(err error, path string) bool {
	name := path[strings.LastIndex(path, ".")+1:]
	for _, cause := range causesOf(err) {
		if cause.Field == path || cause.Field == "spec" && strings.Contains(cause.Message, name) {
			return true
		}
	}
	return false
}

// freeText are the fields for a person's own words.
var freeText = []string{
	"Extension spec.displayName",
	"PhoneService spec.applications[]",
	"PhoneService spec.attached[].name",
	"PhoneService spec.attached[].system",
	"PhoneService spec.device.model",
	"PhoneService spec.device.type",
	"PhoneService spec.foreign.system",
	"PhoneService spec.keys[].label",
	"PhoneService spec.keys[].value",
	"PhoneService spec.profile.label",
	"PhoneSystem spec.deletedBusinessUnit",
	"User spec.businessUnit",
	"User spec.department",
	"User spec.firstName",
	"User spec.groups[]",
	"User spec.integrations[].accountID",
	"User spec.integrations[].name",
	"User spec.lastName",
	"User spec.location",
	"User spec.role",
}

// TestFreeText finds out which fields take any words in any script, and that
// these take 128 letters and not one more.
func TestFreeText(t *testing.T) {
	const words = `"Ada"; O'Brien \ %s ${x} <b> עדה لیلى 😀`
	var found []string
	eachText(t, func(t *testing.T, server api, object *unstructured.Unstructured, path, _ string) {
		replace(t, object, path, words)
		if server.Create(t.Context(), object, client.DryRunAll) != nil {
			return
		}
		found = append(found, object.GetKind()+" "+anyIndex.ReplaceAllString(path, "[]"))
		replace(t, object, path, strings.Repeat("ל", 128))
		expect(t, server.Create(t.Context(), object, client.DryRunAll), "")
		replace(t, object, path, strings.Repeat("ל", 129))
		expect(t, server.Create(t.Context(), object, client.DryRunAll), path+": Too long: may not be more than 128 bytes")
	})
	slices.Sort(found)
	if diff := cmp.Diff(freeText, slices.Compact(found)); diff != "" {
		t.Errorf("fields of free text (-want +got):\n%s", diff)
	}
}

// eachText visits every string of the complete objects, with a copy of the object to change.
func eachText(t *testing.T, visit func(t *testing.T, server api, object *unstructured.Unstructured, path, was string)) {
	t.Helper()
	server := connect(t)
	for _, base := range documents(t, "complete.yaml") {
		complete := server.object(t, base)
		everyValue(complete.Object["spec"], "spec", func(path string, value any) {
			if was, ok := value.(string); ok {
				t.Run(complete.GetKind()+" "+path, func(t *testing.T) {
					visit(t, server, complete.DeepCopy(), path, was)
				})
			}
		})
	}
}

var anyIndex = regexp.MustCompile(`\[[0-9]+\]`)

// everyValue visits the value and all that are in it.
func everyValue(value any, path string, visit func(path string, value any)) {
	visit(path, value)
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			everyValue(inner, path+"."+name, visit)
		}
	case []any:
		for i, inner := range value {
			everyValue(inner, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	}
}

func lookup(object map[string]any, path string) (any, bool) {
	value, found, err := unstructured.NestedFieldNoCopy(object, strings.Split(path, ".")...)
	return value, found && err == nil
}

// patchOf is a merge patch that sets the one field.
func patchOf(t *testing.T, path string, value any) string {
	t.Helper()
	object := map[string]any{}
	if err := unstructured.SetNestedField(object, value, strings.Split(path, ".")...); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replace sets the string at a path such as spec.keys[0].label.
func replace(t *testing.T, object *unstructured.Unstructured, path, text string) {
	t.Helper()
	everyValue(object.Object["spec"], "spec", func(at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			if name, ok := strings.CutPrefix(path, at+"."); ok && value[name] != nil {
				value[name] = text
			}
		case []any:
			for i := range value {
				if path == fmt.Sprintf("%s[%d]", at, i) {
					value[i] = text
				}
			}
		}
	})
}
