package cel

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apply is what `kubectl apply --server-side` does in the name of an owner.
func (a api) apply(t *testing.T, owner, base string, patches ...string) (*unstructured.Unstructured, error) {
	t.Helper()
	object := a.object(t, base, append(patches, "metadata: {name: ada}")...)
	err := a.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(owner))
	return object, err
}

// TestStateLeftOutOfGit: what a help desk decided survives the next sync of a
// repository that does not name the state.
func TestStateLeftOutOfGit(t *testing.T) {
	for _, record := range records {
		t.Run(record.kind, func(t *testing.T) {
			server := connect(t)
			object, err := server.apply(t, "git", record.base)
			expect(t, err, "")
			expect(t, server.change(t, object, stateIs("Deactivated")), "")
			object, err = server.apply(t, "git", record.base, "spec: {suspend: true}")
			expect(t, err, "")
			if state, _ := lookup(object.Object, "spec.state"); state != "Deactivated" {
				t.Errorf("state: %v, not Deactivated", state)
			}
		})
	}
}

// TestTwoAppliersShareServices: each may add services, and there are still no more than eight.
func TestTwoAppliersShareServices(t *testing.T) {
	server := connect(t)
	_, err := server.apply(t, "git", user, services("a", "b", "c", "d", "e", "f", "g"))
	expect(t, err, "")
	object, err := server.apply(t, "helpdesk", bare("User"), "spec: {services: [{name: h}]}")
	expect(t, err, "")
	if all, _ := lookup(object.Object, "spec.services"); len(all.([]any)) != 8 {
		t.Errorf("services: %v, not eight", all)
	}
	_, err = server.apply(t, "helpdesk", bare("User"), "spec: {services: [{name: h}, {name: i}]}")
	expect(t, err, "spec.services: Too many: 9: must have at most 8 items")
}
