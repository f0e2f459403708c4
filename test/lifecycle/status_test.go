package lifecycle

import (
	"fmt"
	"maps"
	"slices"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// wrongObjects compares the objects that are there, and what their status says.
func (w *world) wrongObjects() []string {
	var want, got []string
	for k, o := range w.model.objects {
		want = append(want, fmt.Sprintf("%v %s", k, w.model.status(o)))
	}
	for _, obj := range w.tenant.Objects() {
		if record, is := obj.(pbxv1.Record); is {
			k := keyOf(obj)
			got = append(got, fmt.Sprintf("%v %s", k, statusOf(record, w.model.objects[k] != nil && w.model.told(w.model.objects[k]))))
		}
	}
	return differences("objects", want, got)
}

func keyOf(obj client.Object) key {
	switch obj.(type) {
	case *pbxv1.User:
		return key{kindUser, obj.GetName()}
	case *pbxv1.Extension:
		return key{kindLine, obj.GetName()}
	default:
		return key{kindPhone, obj.GetName()}
	}
}

// told: the status tells what the store says of the object's own record.
func (m *model) told(o *object) bool {
	return !o.going && !o.suspend && !m.held(o) && !m.conflict(o)
}

// status is what the status of an object says.
func (m *model) status(o *object) string {
	if o.going {
		return "going"
	}
	text := fmt.Sprintf("ready: %v", m.ready(o))
	if !m.told(o) {
		return text
	}
	if o.state == purged {
		return text + ", " + purged
	}
	switch o.kind {
	case kindUser:
		r := m.users[o.name]
		return fmt.Sprintf("%s, %s, number %s, unit %s, extensions %v", text, r.state, m.number(o.name, r), r.shownUnit(), m.linesOf(o.name))
	case kindLine:
		r := m.lines[o.name]
		return fmt.Sprintf("%s, %s, holder %s", text, r.state, r.user)
	default:
		return fmt.Sprintf("%s, %s, effective %s, users %v", text, m.phones[o.name].state, m.effective(o.name), m.declaredUsers(o.name))
	}
}

// linesOf are the extensions that somebody holds.
func (m *model) linesOf(user string) []string {
	names := []string{}
	for name, l := range m.lines {
		if l.user == user && l.state != deleted {
			names = append(names, name)
		}
	}
	return sorted(names)
}

// declaredUsers are those in whose specs the phone is.
func (m *model) declaredUsers(phone string) []string {
	names := []string{}
	for _, o := range slices.Collect(maps.Values(m.objects)) {
		if o.kind == kindUser && o.state != purged && slices.Contains(o.person.services, phone) {
			names = append(names, o.name)
		}
	}
	return sorted(names)
}

// statusOf is what the status of an object says, about its record if that is told.
func statusOf(obj pbxv1.Record, told bool) string {
	if !obj.GetDeletionTimestamp().IsZero() {
		return "going"
	}
	common := obj.CommonStatus()
	ready := apimeta.FindStatusCondition(common.Conditions, pbxv1.ConditionReady)
	if ready == nil || common.ObservedGeneration != obj.GetGeneration() {
		return "not reconciled"
	}
	text := fmt.Sprintf("ready: %v", ready.Status == metav1.ConditionTrue)
	if !told {
		return text
	}
	text += ", " + string(common.State)
	if common.State == purged {
		return text
	}
	switch o := obj.(type) {
	case *pbxv1.User:
		names := []string{}
		for _, e := range o.Status.Extensions {
			names = append(names, e.Name)
		}
		return fmt.Sprintf("%s, number %s, unit %s, extensions %v", text, or(o.Status.Number, "NULL"), o.Status.BusinessUnit, names)
	case *pbxv1.Extension:
		return fmt.Sprintf("%s, holder %s", text, o.Status.Holder)
	case *pbxv1.PhoneService:
		return fmt.Sprintf("%s, effective %s, users %v", text, o.Status.Effective, o.Status.Users)
	}
	return text
}
