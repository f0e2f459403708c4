package controllers_test

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// latest reads an object each time that it is asked; nil once it is gone.
func latest[T client.Object](object T) func() (client.Object, error) {
	return func() (client.Object, error) {
		err := api.Get(ctx, client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return object, err
	}
}

// beReady says that an object is ready for its newest generation.
func beReady() types.GomegaMatcher { return WithTransform(summary, HavePrefix("Ready: ")) }

// beWaiting says that an object is not ready for a reason that will pass, and that the message has these parts.
func beWaiting(reason string, parts ...string) types.GomegaMatcher {
	return summaryWith(reason+", Reconciling: ", parts)
}

// beStalled says that an object is not ready until somebody does something.
func beStalled(reason string, parts ...string) types.GomegaMatcher {
	return summaryWith(reason+", Stalled: ", parts)
}

// beSuspended says that nothing is done for an object.
func beSuspended() types.GomegaMatcher { return WithTransform(summary, HavePrefix("Suspended: ")) }

func beGone() types.GomegaMatcher { return WithTransform(summary, Equal("gone")) }

func summaryWith(prefix string, parts []string) types.GomegaMatcher {
	all := []types.GomegaMatcher{HavePrefix(prefix)}
	for _, part := range parts {
		all = append(all, ContainSubstring(part))
	}
	return WithTransform(summary, And(all...))
}

// summary says in one line what the conditions tell: Ready, or the reason, and Reconciling or Stalled.
func summary(object client.Object) string {
	if object == nil {
		return "gone"
	}
	observed, conditions := statusOf(object)
	ready := apimeta.FindStatusCondition(conditions, pbxv1.ConditionReady)
	if observed != object.GetGeneration() || ready == nil {
		return fmt.Sprintf("generation %d, observed %d", object.GetGeneration(), observed)
	}
	words := []string{ready.Reason}
	if ready.Status == metav1.ConditionTrue {
		words = []string{"Ready"}
	}
	for _, kind := range []string{pbxv1.ConditionReconciling, pbxv1.ConditionStalled} {
		if apimeta.IsStatusConditionTrue(conditions, kind) {
			words = append(words, kind)
		}
	}
	return strings.Join(words, ", ") + ": " + ready.Message
}

func statusOf(object client.Object) (observed int64, conditions []metav1.Condition) {
	switch o := object.(type) {
	case pbxv1.Record:
		return o.CommonStatus().ObservedGeneration, o.CommonStatus().Conditions
	case *pbxv1.PhoneSystem:
		return o.Status.ObservedGeneration, o.Status.Conditions
	}
	return 0, nil
}

// haveCondition says that a condition that is there only while true is there.
func haveCondition(kind string) types.GomegaMatcher {
	return WithTransform(func(object client.Object) bool {
		_, conditions := statusOf(object)
		return apimeta.IsStatusConditionTrue(conditions, kind)
	}, BeTrue())
}

// eventsOf reads the events of an object, each as "Reason: note".
func eventsOf(object client.Object) func() ([]string, error) {
	return func() (found []string, err error) {
		var list eventsv1.EventList
		err = api.List(ctx, &list, client.InNamespace(object.GetNamespace()))
		for _, event := range list.Items {
			if event.Regarding.UID == object.GetUID() {
				found = append(found, event.Reason+": "+event.Note)
			}
		}
		return found, err
	}
}

// tell says that among events is one with a reason, whose note has these parts.
func tell(reason string, parts ...string) types.GomegaMatcher {
	all := []types.GomegaMatcher{HavePrefix(reason + ": ")}
	for _, part := range parts {
		all = append(all, ContainSubstring(part))
	}
	return ContainElement(And(all...))
}

// tellsOf waits for an event of an object.
func tellsOf(object client.Object, reason string, parts ...string) {
	GinkgoHelper()
	Eventually(eventsOf(object)).Should(tell(reason, parts...))
}

// metric reads a counter of the operator by the values of its labels; 0 while there is none.
func metric(name string, labels ...string) float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var values []string
			for _, label := range m.GetLabel() {
				values = append(values, label.GetValue())
			}
			slices.Sort(values)
			slices.Sort(labels)
			if family.GetName() == name && slices.Equal(values, labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}
