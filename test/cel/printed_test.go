package cel

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

// TestPrinted compares what `kubectl get` shows of an object with a full status.
func TestPrinted(t *testing.T) {
	const ready = `{observedGeneration: 1, conditions: [
  {type: Ready, status: "True", reason: Reconciled, message: "", lastTransitionTime: "2026-01-02T03:04:05Z"}]}`
	century := time.Now().AddDate(-100, 0, -1).Format(time.RFC3339) // an age that stays the same during the test
	server := connect(t)
	for _, row := range []struct{ short, base, status, narrow, wide string }{
		{
			short:  "pbxuser",
			base:   user + "  services: [{name: desk}]\n  primaryService: desk\n",
			status: `{state: Active, serviceCount: 3/8, primaryService: desk, number: "1001", setup: Complete}`,
			narrow: "NAME STATE SERVICES PRIMARY EXTENSION SETUP READY AGE | ada Active 3/8 desk 1001 Complete True 1s",
			wide:   "NAME STATE SERVICES PRIMARY EXTENSION SETUP READY REASON AGE | ada Active 3/8 desk 1001 Complete True Reconciled 1s",
		},
		{
			short:  "ext",
			base:   extension,
			status: `{state: Active, holder: ada, setup: PasswordRequired, mailbox: {number: "1001", messages: 2}}`,
			narrow: "NAME NUMBER STATE HOLDER SETUP READY AGE | ada 1001 Active ada PasswordRequired True 1s",
			wide:   "NAME NUMBER STATE HOLDER SETUP MESSAGES READY REASON AGE | ada 1001 Active ada PasswordRequired 2 True Reconciled 1s",
		},
		{
			short:  "phone",
			base:   phone + "  device: {model: T54}\n  type: Foreign\n  foreign: {system: Teams, url: 'https://teams'}\n",
			status: `{state: Active, effective: Normal, userCount: 2, registered: {since: "` + century + `"}}`,
			narrow: "NAME TYPE STATE EFFECTIVE EXTENSION REGISTERED USERS READY AGE | ada Foreign Active Normal ext-1001 100y 2 True 1s",
			wide:   "NAME TYPE STATE EFFECTIVE EXTENSION REGISTERED USERS MODEL URL READY REASON AGE | ada Foreign Active Normal ext-1001 100y 2 T54 https://teams True Reconciled 1s",
		},
		{
			short:  "psys",
			base:   phoneSystem,
			status: `{store: {location: a.db, schemaVersion: 3}}`,
			narrow: "NAME DOMAIN READY REASON AGE | ada pbx.example.com True Reconciled 1s",
			wide:   "NAME DOMAIN STORE SCHEMA READY REASON AGE | ada pbx.example.com a.db 3 True Reconciled 1s",
		},
	} {
		t.Run(row.short, func(t *testing.T) {
			object := server.create(t, row.base, "metadata: {name: ada}")
			for _, status := range []string{ready, row.status} {
				patch := client.RawPatch(types.MergePatchType, toJSON(t, "status: "+status))
				if err := server.Status().Patch(t.Context(), object, patch); err != nil {
					t.Fatal(err)
				}
			}
			for output, want := range map[string]string{"": row.narrow, "wide": row.wide} {
				if diff := cmp.Diff(want, printed(t, "-n", server.namespace, "get", row.short, "-o", output)); diff != "" {
					t.Errorf("kubectl get %s -o %q (-want +got):\n%s", row.short, output, diff)
				}
			}
		})
	}
}

var age = regexp.MustCompile(`[0-9]+s$`)

// printed is what kubectl prints, with one space between columns and | between lines.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := kube.Kubectl(t, args...)
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return age.ReplaceAllString(strings.Join(lines, " | "), "1s")
}
