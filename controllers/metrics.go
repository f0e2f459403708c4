package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	changesApplied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pbx_operator_changes_applied_total",
		Help: "Changes applied to PBX stores, by kind of record.",
	}, []string{"kind"})

	driftFound = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pbx_operator_drift_total",
		Help: "Records found changed by somebody else, by kind and by what was done about it (repaired, reported).",
	}, []string{"kind", "action"})

	objectsOrphaned = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pbx_operator_orphaned_total",
		Help: "Objects that were let go of without a change to their record, by kind and reason.",
	}, []string{"kind", "reason"})

	storeUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pbx_operator_store_up",
		Help: "1 while the store of a PhoneSystem is open, 0 while it is not.",
	}, []string{"namespace", "phonesystem"})
)

func init() {
	metrics.Registry.MustRegister(changesApplied, driftFound, objectsOrphaned, storeUp)
}
