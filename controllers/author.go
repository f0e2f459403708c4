package controllers

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

const (
	// fieldOwner is the field manager of the operator's own writes.
	fieldOwner = "pbx-operator"
	// annotationRequester is where the policy pbx-requester stamps who changed the spec last. Without that policy anybody
	// can write it.
	annotationRequester = "pbx-operator.io/requester"
	// maxRequester bounds what the audit takes for the name of a user, in bytes.
	maxRequester = 1024
)

// authorOf says who is behind changes of the record of an object: the field manager that last changed the object, as the
// client claims it, and who requested the spec, where that is trusted and the spec is what they are made for.
func (b base) authorOf(obj pbxv1.Record, seen *pbx.Record, changes []pbx.Change) store.Author {
	author := store.Author{FieldManager: fieldManager(obj)}
	if b.trustRequester && bySpec(obj, seen, changes) {
		author.Requester = requester(obj)
	}
	return author
}

// bySpec says whether changes are made for what somebody wrote into the spec, and not for a deletion, a neighbour, a Secret
// or drift, for all of which who wrote the spec is not to blame.
func bySpec(obj pbxv1.Record, seen *pbx.Record, changes []pbx.Change) bool {
	if !obj.GetDeletionTimestamp().IsZero() || !slices.ContainsFunc(changes, wanted) {
		return false
	}
	if create, ok := changes[0].(pbx.Create); ok {
		return !create.Drift
	}
	if seen == nil || seen.Owner.UID != string(obj.GetUID()) {
		return true
	}
	// Of a generation that changed nothing in the store, the store does not know; but then the object became ready.
	ready := apimeta.FindStatusCondition(obj.CommonStatus().Conditions, pbxv1.ConditionReady)
	done := ready != nil && ready.Status == "True" && ready.ObservedGeneration == obj.GetGeneration()
	return !done && seen.Owner.Generation != obj.GetGeneration()
}

// wanted says that a change does not undo what somebody else did in the store.
func wanted(c pbx.Change) bool { return !c.IsDrift() }

// requester gives the stamp, unless it cannot be the name of a user.
func requester(obj client.Object) string {
	name := obj.GetAnnotations()[annotationRequester]
	if len(name) > maxRequester || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

func fieldManager(obj client.Object) string {
	var manager string
	var latest time.Time
	for _, entry := range obj.GetManagedFields() {
		if entry.Subresource != "" || entry.Manager == fieldOwner || entry.Time == nil {
			continue
		}
		if manager == "" || entry.Time.After(latest) {
			manager, latest = entry.Manager, entry.Time.Time
		}
	}
	return manager
}
