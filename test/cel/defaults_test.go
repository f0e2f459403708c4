package cel

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestDefaults gives the least of each kind, and compares the whole spec.
func TestDefaults(t *testing.T) {
	const common = "phoneSystemRef: {name: default}\nstate: Active\ndeletionPolicy: Delete\nadopt: IfSame\n"
	server := connect(t)
	for _, row := range []struct{ name, base, spec string }{
		{"User", user, common + `
firstName: Ada
lastName: Lovelace
offboarding: {services: Keep}
`},
		{"User with an empty offboarding", user + "  offboarding: {}\n", common + `
firstName: Ada
lastName: Lovelace
offboarding: {services: Keep}
`},
		{"Extension", extension, common + `
number: "1001"
onRelease: {clear: [Email, Password, VoicemailPIN, Devices, Preferences]}
`},
		{"Extension with an empty onRelease", extension + "  onRelease: {}\n", common + `
number: "1001"
onRelease: {clear: [Email, Password, VoicemailPIN, Devices, Preferences]}
`},
		{"Extension that clears nothing", extension + "  onRelease: {clear: []}\n", common + `
number: "1001"
onRelease: {clear: []}
`},
		{"PhoneService", phone, common + `
type: Local
extensionRef: {name: ext-1001}
sip: {transport: UDP}
`},
		{"PhoneService with a SIP username", phone + "  sip: {username: ada}\n", common + `
type: Local
extensionRef: {name: ext-1001}
sip: {username: ada, transport: UDP}
`},
		{"PhoneSystem with an empty numbering", phoneSystem + "  numbering: {}\n", `
domain: pbx.example.com
store: {embedded: {}}
numbering: {voicemailDigits: 4}
timeZone: UTC
emergency: {callbackMinutes: 60}
emergencyNumbers: ["112", "911"]
deletedBusinessUnit: Deleted Users
driftPolicy: Correct
`},
		{"PhoneSystem", phoneSystem, `
domain: pbx.example.com
store: {embedded: {}}
numbering: {voicemailDigits: 4}
timeZone: UTC
emergency: {callbackMinutes: 60}
emergencyNumbers: ["112", "911"]
deletedBusinessUnit: Deleted Users
driftPolicy: Correct
`},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := map[string]any{"status": map[string]any{"observedGeneration": int64(-1)}, "spec": values(t, row.spec)}
			object := server.create(t, row.base)
			if err := server.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
				t.Fatal(err)
			}
			got := map[string]any{"spec": object.Object["spec"], "status": object.Object["status"]}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("object (-want +got):\n%s", diff)
			}
		})
	}
}

// values reads YAML as the API server's answers are read.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(toJSON(t, text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
