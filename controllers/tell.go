package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// tell makes the events of what was done to a record, and that a person should look at.
func (r *recordReconciler[T]) tell(obj T, changes []pbx.Change, after pbx.Observation) {
	for _, change := range changes {
		switch c := change.(type) {
		case pbx.Reset:
			r.events.Eventf(obj, nil, corev1.EventTypeNormal, pbxv1.EventReset, "Reset", "%s", resetMessage(c))
		case pbx.RemoveBox:
			r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventMailboxRemoved, "RemoveMailbox",
				"the new number cannot have a voicemail box, since it has not exactly the phone system's voicemailDigits: "+
					"the box was removed with %d messages", c.Messages)
		case pbx.Erase:
			r.events.Eventf(obj, nil, corev1.EventTypeNormal, pbxv1.EventPurged, "Purge",
				"the record was purged for good%s; call records, without the link to it, and the audit by UID stay; receipt %s",
				withMessages(c), after.Receipt)
		}
	}
}

func resetMessage(c pbx.Reset) string {
	items := make([]string, len(c.Clear))
	for i, item := range c.Clear {
		items[i] = string(item)
	}
	cleared := "nothing is cleared, as onRelease.clear says"
	if len(items) > 0 {
		cleared = "cleared: " + strings.Join(items, ", ")
	}
	return "the extension has another holder, or none; " + cleared + "; voicemail messages and call records stay"
}

func withMessages(c pbx.Erase) string {
	if c.Messages == 0 {
		return ""
	}
	return fmt.Sprintf(", with the %d messages of its voicemail box", c.Messages)
}
