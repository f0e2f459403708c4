package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// leaver is a kind of which something may stay elsewhere when a record is deleted or purged.
type leaver[T pbxv1.Record] interface {
	staysElsewhere(obj T) []string
}

// leftovers are what somebody has to remove elsewhere after the changes, for the audit.
func (r *recordReconciler[T]) leftovers(obj T, changes []pbx.Change) (notes []pbx.Item) {
	kind, leaves := r.kind.(leaver[T])
	if !leaves || !goes(changes) {
		return nil
	}
	for _, what := range kind.staysElsewhere(obj) {
		notes = append(notes, pbx.Item{Key: "elsewhere", Value: what})
	}
	return notes
}

func goes(changes []pbx.Change) bool {
	for _, change := range changes {
		switch c := change.(type) {
		case pbx.Erase:
			return true
		case pbx.Set:
			if c.Field == pbx.FieldState && c.To == string(pbx.Deleted) {
				return true
			}
		}
	}
	return false
}

// tellLeftovers tells the same to who is on call.
func (r *recordReconciler[T]) tellLeftovers(obj T, notes []pbx.Item) {
	if len(notes) == 0 {
		return
	}
	texts := make([]string, len(notes))
	for i, note := range notes {
		texts[i] = note.Value
	}
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventRemoveElsewhere, "Remove",
		"not managed here, and to be removed elsewhere: %s", strings.Join(texts, ", "))
}

// staysElsewhere lists the services of other suites that hang on the phone and do not go with it.
func (phoneServices) staysElsewhere(obj *pbxv1.PhoneService) (all []string) {
	for _, a := range obj.Spec.Attached {
		if a.ManagedHere {
			continue
		}
		text := string(a.Name) + " of " + string(a.System)
		if a.URL != nil {
			text += " (" + string(*a.URL) + ")"
		}
		all = append(all, text)
	}
	return all
}
