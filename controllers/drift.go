package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// repairedDrift tells that somebody had changed the record in the store, and which of its fields.
func (r *recordReconciler[T]) repairedDrift(obj T, fields []string) {
	driftFound.WithLabelValues(string(r.kind.name()), "repaired").Inc()
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventDriftRepaired, "Repair",
		"somebody changed the record in the store; restored: %s", strings.Join(fields, ", "))
}

// reportedDrift tells the same where the phone system's driftPolicy is Report.
func (r *recordReconciler[T]) reportedDrift(obj T, fields []string) {
	driftFound.WithLabelValues(string(r.kind.name()), "reported").Inc()
	if ready := readyReason(obj.CommonStatus().Conditions); ready == pbxv1.ReasonDriftReported {
		return
	}
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventDriftReported, "Report",
		"somebody changed the record in the store: %s", strings.Join(fields, ", "))
}

func driftError(fields []string) error {
	return status.New(status.Conflict, pbxv1.ReasonDriftReported,
		"somebody changed the record in the store (%s), and the phone system's driftPolicy is Report: "+
			"change the spec to match, undo the change in the store, or set driftPolicy to Correct", strings.Join(fields, ", "))
}
