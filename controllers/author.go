package controllers

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// fieldOwner is the field manager of the operator's own writes.
const fieldOwner = "pbx-operator"

// authorOf gives the field manager that last changed the object, as the client claims it.
func authorOf(obj client.Object) store.Author {
	var author store.Author
	var latest time.Time
	for _, entry := range obj.GetManagedFields() {
		if entry.Subresource != "" || entry.Manager == fieldOwner || entry.Time == nil {
			continue
		}
		if author.FieldManager == "" || entry.Time.After(latest) {
			author.FieldManager, latest = entry.Manager, entry.Time.Time
		}
	}
	return author
}
