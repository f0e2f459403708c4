package controllers_test

import (
	"fmt"
	"slices"
	"sync"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// conformity sees every version of every object of the suite, and notes those whose status is not as kstatus wants it.
var conformity struct {
	sync.Mutex
	seen       int
	violations []string
}

// watchConformity follows all our kinds in the namespaces until the suite ends.
func watchConformity(namespaces ...string) {
	GinkgoHelper()
	for _, namespace := range namespaces {
		for _, list := range []client.ObjectList{
			&pbxv1.PhoneSystemList{}, &pbxv1.UserList{}, &pbxv1.ExtensionList{}, &pbxv1.PhoneServiceList{},
		} {
			versions, err := api.Watch(ctx, list, client.InNamespace(namespace))
			Expect(err).NotTo(HaveOccurred())
			suite.Cleanup(versions.Stop)
			go noteViolations(versions)
		}
	}
}

func noteViolations(versions watch.Interface) {
	for version := range versions.ResultChan() {
		object, ok := version.Object.(client.Object)
		if !ok {
			continue
		}
		conformity.Lock()
		conformity.seen++
		for _, what := range violations(object) {
			conformity.violations = append(conformity.violations, fmt.Sprintf("%T %s/%s, version %s: %s",
				object, object.GetNamespace(), object.GetName(), object.GetResourceVersion(), what))
		}
		conformity.Unlock()
	}
}

// violations says what is wrong with the status of an object.
func violations(object client.Object) (found []string) {
	observed, conditions := statusOf(object)
	if len(conditions) == 0 {
		if observed > 0 {
			found = append(found, fmt.Sprintf("observed generation %d and no condition", observed))
		}
		return found
	}
	if want, have := expectedOf(object, observed, conditions), computed(object); want != have {
		found = append(found, fmt.Sprintf("kstatus sees %s, want %s", have, want))
	}
	counts := map[string]int{}
	for _, c := range conditions {
		counts[c.Type]++
		ours := slices.Contains([]string{pbxv1.ConditionReady, pbxv1.ConditionReconciling, pbxv1.ConditionStalled}, c.Type)
		if ours && c.ObservedGeneration != observed {
			found = append(found, fmt.Sprintf("%s speaks of generation %d, the status of %d", c.Type, c.ObservedGeneration, observed))
		}
		if c.Type != pbxv1.ConditionReady && c.Status != metav1.ConditionTrue {
			found = append(found, c.Type+" is there and not true")
		}
	}
	if counts[pbxv1.ConditionReady] != 1 {
		found = append(found, fmt.Sprintf("%d conditions Ready", counts[pbxv1.ConditionReady]))
	}
	if counts[pbxv1.ConditionReconciling]+counts[pbxv1.ConditionStalled] > 1 {
		found = append(found, "Reconciling and Stalled at once")
	}
	return found
}

// expectedOf says what our conditions have to mean to the tools that know kstatus.
func expectedOf(object client.Object, observed int64, conditions []metav1.Condition) status.Status {
	switch {
	case !object.GetDeletionTimestamp().IsZero():
		return status.TerminatingStatus
	case observed != object.GetGeneration():
		return status.InProgressStatus
	case apimeta.IsStatusConditionTrue(conditions, pbxv1.ConditionReady):
		return status.CurrentStatus
	case apimeta.IsStatusConditionTrue(conditions, pbxv1.ConditionStalled):
		return status.FailedStatus
	default:
		return status.InProgressStatus
	}
}

func computed(object client.Object) status.Status {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return status.Status(err.Error())
	}
	content["apiVersion"], content["kind"] = pbxv1.GroupVersion.String(), "Record"
	result, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		return status.Status(err.Error())
	}
	return result.Status
}

var _ = AfterEach(func() {
	conformity.Lock()
	defer conformity.Unlock()
	Expect(conformity.violations).To(BeEmpty(), "versions of objects that were seen during this spec or just before it")
	Expect(conformity.seen).NotTo(BeZero(), "no version of any object was seen")
})
