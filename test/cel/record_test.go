package cel

import (
	"fmt"
	"strings"
	"testing"
)

// records are the least that a User, an Extension and a PhoneService need.
var records = []struct{ kind, called, base string }{
	{kind: "User", called: "user", base: user},
	{kind: "Extension", called: "extension", base: extension},
	{kind: "PhoneService", called: "phone service", base: phone},
}

var states = []string{"Active", "Deactivated", "Deleted", "Purged"}

// TestStateMoves tries every move between two states, of every kind.
func TestStateMoves(t *testing.T) {
	server := connect(t)
	for _, record := range records {
		for _, from := range states {
			for _, to := range states {
				t.Run(record.kind+" "+from+" to "+to, func(t *testing.T) {
					object := server.create(t, record.base, stateIs(from))
					expect(t, server.change(t, object, stateIs(to)), moveRefused(from, to, record.called))
				})
			}
		}
	}
}

func stateIs(state string) string { return fmt.Sprintf("spec: {state: %s}", state) }

// moveRefused knows the moves of the state machine that there are not.
func moveRefused(from, to, called string) string {
	switch {
	case from == "Purged" && to != "Purged":
		return "spec: Purged is final: delete this object and create a new one; nothing of the old record is left"
	case to == "Purged" && (from == "Active" || from == "Deactivated"):
		return "spec: only a Deleted " + called + " can be purged: set spec.state to Deleted first, then to Purged"
	default:
		return ""
	}
}

// TestStateRemoved: without a state an object asks for Active, and that is a move like any other.
func TestStateRemoved(t *testing.T) {
	for _, record := range records {
		t.Run(record.kind, func(t *testing.T) {
			const removed = "spec: {state: null}"
			onUpdate(t, record.base+"  state: Deleted\n", change{name: "restores", patch: removed})
			onUpdate(t, record.base+"  state: Purged\n",
				change{name: "is refused once Purged", patch: removed, refused: moveRefused("Purged", "Active", "")})
		})
	}
}

// TestPurgedNeedsNothing creates each kind with no more than its state.
func TestPurgedNeedsNothing(t *testing.T) {
	for _, record := range records {
		t.Run(record.kind, func(t *testing.T) {
			onCreate(t, bare(record.kind),
				change{name: "Purged", patch: "spec: {state: Purged}"},
				change{name: "any other", patch: "spec: {state: Deleted}", refused: missing[record.kind]},
			)
		})
	}
}

var missing = map[string]string{
	"User":         "spec: a user needs a firstName and a lastName, unless state is Purged",
	"Extension":    "spec: an extension needs a number, unless state is Purged",
	"PhoneService": "spec: a Local phone service needs an extensionRef: the Extension that it rings",
}

func bare(kind string) string {
	return fmt.Sprintf("apiVersion: pbx-operator.io/v1alpha1\nkind: %s\nspec: {}\n", kind)
}

// TestCommonFields tries what all records have.
func TestCommonFields(t *testing.T) {
	const mustBeName = "spec.phoneSystemRef.name: must be the name of an object in this namespace: " +
		"lower-case letters, digits, - and ., such as ada-desk"
	for _, record := range records {
		t.Run(record.kind, func(t *testing.T) {
			onCreate(t, record.base,
				change{name: "name of 63 characters", patch: nameOf(63)},
				change{name: "name of 64 characters", patch: nameOf(64), refused: "<nil>: metadata.name must be at most 63 characters"},
				change{name: "no spec", patch: "spec: null", refused: "spec: Required value"},
				change{
					name: "unknown state", patch: "spec: {state: Gone}",
					refused: `spec.state: Unsupported value: "Gone": supported values: "Active", "Deactivated", "Deleted", "Purged"`,
				},
				change{name: "deletionPolicy Purge", patch: "spec: {deletionPolicy: Purge}"},
				change{name: "deletionPolicy Orphan", patch: "spec: {deletionPolicy: Orphan}"},
				change{
					name: "unknown deletionPolicy", patch: "spec: {deletionPolicy: Keep}",
					refused: `spec.deletionPolicy: Unsupported value: "Keep": supported values: "Delete", "Purge", "Orphan"`,
				},
				change{name: "adopt Always", patch: "spec: {adopt: Always}"},
				change{
					name: "unknown adopt", patch: "spec: {adopt: Never}",
					refused: `spec.adopt: Unsupported value: "Never": supported values: "IfSame", "Always"`,
				},
				change{name: "other phone system", patch: "spec: {phoneSystemRef: {name: branch-2.example}}"},
				change{name: "phone system without a name", patch: "spec: {phoneSystemRef: {}}", refused: "spec.phoneSystemRef.name: Required value"},
				change{name: "phone system with an empty name", patch: `spec: {phoneSystemRef: {name: ""}}`, refused: mustBeName},
				change{name: "reference in capitals", patch: "spec: {phoneSystemRef: {name: Branch}}", refused: mustBeName},
				change{name: "reference that ends with a dash", patch: "spec: {phoneSystemRef: {name: branch-}}", refused: mustBeName},
				change{name: "reference into another namespace", patch: "spec: {phoneSystemRef: {name: other/branch}}", refused: mustBeName},
				change{
					name: "reference with a namespace", patch: "spec: {phoneSystemRef: {name: branch, namespace: other}}",
					refused: unknownField(record.kind, "spec.phoneSystemRef.namespace"),
				},
			)
		})
	}
}

func nameOf(length int) string {
	return "metadata: {name: " + strings.Repeat("a", length) + "}"
}

func unknownField(kind, path string) string {
	return fmt.Sprintf(`%s in version "v1alpha1" cannot be handled as a %s: strict decoding error: unknown field %q`, kind, kind, path)
}
