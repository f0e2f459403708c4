package cel

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbx "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// TestLargestObjects creates and changes the largest objects that the schemas
// allow. The API server gives up on an object whose CEL rules cost too much,
// so a rule that is too dear for the largest object makes it unusable.
func TestLargestObjects(t *testing.T) {
	server := connect(t)
	for _, largest := range []client.Object{largestUser(), largestExtension(), largestPhone(), largestForeign(), largestPhoneSystem()} {
		object := toUnstructured(t, largest)
		t.Run(object.GetKind(), func(t *testing.T) {
			isLargest(t, object)
			object.SetNamespace(server.namespace)
			if err := server.Create(t.Context(), object); err != nil {
				t.Fatalf("create: %v", err)
			}
			for _, state := range []string{"Deleted", "Purged"} {
				if object.GetKind() == "PhoneSystem" {
					break
				}
				if err := server.change(t, object, stateIs(state)); err != nil {
					t.Errorf("change to %s: %v", state, err)
				}
			}
		})
	}
}

// isLargest finds what could still grow.
func isLargest(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	limits := byPath(t, object.GetKind())
	everyValue(object.Object["spec"], "spec", func(path string, value any) {
		limit := limits[anyIndex.ReplaceAllString(path, "[]")]
		switch value := value.(type) {
		case string:
			if limit.Enum == nil && int64(utf8.RuneCountInString(value)) != *limit.MaxLength {
				t.Errorf("%s has %d characters, not all %d", path, utf8.RuneCountInString(value), *limit.MaxLength)
			}
		case []any:
			if int64(len(value)) != *limit.MaxItems {
				t.Errorf("%s has %d items, not all %d", path, len(value), *limit.MaxItems)
			}
		}
	})
}

func toUnstructured(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}
}

// filled is a number, filled up to n characters.
func filled(i, n int, with string) string {
	number := fmt.Sprintf("%03d", i)
	return number + strings.Repeat(with, n-len(number))
}

// line is one line of text as long as may be, of letters that take four bytes each.
func line(i int) pbx.Line { return pbx.Line(filled(i, 128, "😀")) }

func lines(n int) []pbx.Line { return many(n, line) }

func many[T any](n int, item func(i int) T) []T {
	items := make([]T, n)
	for i := range items {
		items[i] = item(i)
	}
	return items
}

func reference(i int) pbx.LocalReference {
	return pbx.LocalReference{Name: pbx.ObjectName(filled(i, 63, "a"))}
}

func secretKey() *pbx.SecretKeyReference {
	return &pbx.SecretKeyReference{Name: filled(0, 253, "a"), Key: filled(0, 253, "A")}
}

func email() pbx.EmailAddress {
	return pbx.EmailAddress(filled(0, 126, "😀") + "@" + filled(0, 127, "😀"))
}

func url() *pbx.URL {
	address := pbx.URL("https://" + filled(0, 504, "😀"))
	return &address
}

func largestMeta(kind string) (metav1.TypeMeta, metav1.ObjectMeta) {
	return metav1.TypeMeta{APIVersion: pbx.GroupVersion.String(), Kind: kind}, metav1.ObjectMeta{Name: filled(0, 63, "a")}
}

func largestRecord() pbx.RecordSpec {
	return pbx.RecordSpec{PhoneSystemRef: reference(0), Suspend: true}
}

func largestUser() *pbx.User {
	largest := &pbx.User{Spec: pbx.UserSpec{
		RecordSpec: largestRecord(),
		FirstName:  line(0), LastName: line(0), Email: email(), Department: line(0), Location: line(0), BusinessUnit: line(0), Role: line(0),
		Groups:         lines(64),
		AgentIDs:       many(16, func(i int) string { return filled(i, 32, "a") }),
		Services:       many(8, reference),
		PrimaryService: string(reference(7).Name),
		Login:          pbx.Login{Username: filled(0, 64, "a"), PasswordSecretRef: secretKey()},
		Integrations:   many(16, func(i int) pbx.Integration { return pbx.Integration{Name: line(i), AccountID: line(i)} }),
	}}
	largest.TypeMeta, largest.ObjectMeta = largestMeta("User")
	return largest
}

func largestExtension() *pbx.Extension {
	holder := reference(0)
	largest := &pbx.Extension{Spec: pbx.ExtensionSpec{
		RecordSpec:    largestRecord(),
		Number:        pbx.Number(filled(0, 15, "1")),
		DirectNumbers: many(32, func(i int) pbx.E164Number { return pbx.E164Number("+1" + filled(i, 14, "1")) }),
		UserRef:       &holder,
		DisplayName:   line(0),
		Voicemail:     pbx.Voicemail{Enabled: true, PinSecretRef: secretKey(), Email: email()},
		OnRelease:     pbx.OnRelease{Clear: []pbx.ReleaseItem{"Email", "Password", "VoicemailPIN", "Devices", "Preferences"}},
	}}
	largest.TypeMeta, largest.ObjectMeta = largestMeta("Extension")
	return largest
}

func largestPhone() *pbx.PhoneService {
	extension := reference(0)
	largest := &pbx.PhoneService{Spec: pbx.PhoneServiceSpec{
		RecordSpec:   largestRecord(),
		ExtensionRef: &extension,
		Profile:      pbx.Profile{Label: line(0), Language: "abcdefgh-12345678-12345678-12345678"},
		Device:       pbx.Device{Type: line(0), Model: line(0), MAC: "02-00-00-00-00-0A"},
		SIP:          pbx.SIP{Username: filled(0, 63, "a"), PasswordSecretRef: secretKey()},
		Applications: lines(32),
		Keys: many(128, func(i int) pbx.Key {
			return pbx.Key{Index: int32(256 - i), Type: "BLF", Value: line(i), Label: line(i)}
		}),
		Attached: many(16, func(i int) pbx.AttachedService {
			return pbx.AttachedService{System: line(i), Name: line(i), ManagedHere: true, URL: url()}
		}),
	}}
	largest.TypeMeta, largest.ObjectMeta = largestMeta("PhoneService")
	return largest
}

func largestForeign() *pbx.PhoneService {
	largest := largestPhone()
	largest.Name = filled(1, 63, "a")
	largest.Spec.Type = pbx.ServiceForeign
	largest.Spec.Foreign = &pbx.ForeignService{System: line(0), URL: url()}
	return largest
}

func largestPhoneSystem() *pbx.PhoneSystem {
	largest := &pbx.PhoneSystem{Spec: pbx.PhoneSystemSpec{
		Domain:           strings.Repeat("a.", 126) + "a",
		Store:            pbx.Store{Postgres: &pbx.PostgresStore{SecretRef: *secretKey()}, Takeover: filled(0, 63, "a")},
		Numbering:        pbx.Numbering{VoicemailDigits: 15},
		MainNumber:       "+123456789012345",
		EmergencyNumbers: many(16, func(i int) pbx.Number { return pbx.Number(filled(i, 15, "1")) }),
		TrustedNetworks: many(64, func(i int) string {
			return fmt.Sprintf("%04x:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", i)
		}),
		DeletedBusinessUnit: line(0),
	}}
	largest.TypeMeta, largest.ObjectMeta = largestMeta("PhoneSystem")
	return largest
}
