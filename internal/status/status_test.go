package status_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// outcomes are all errors that a reconcile ends with, what is made of them, and the condition beside Ready.
var outcomes = []struct {
	err    error
	class  status.Class
	reason string
	beside string
}{
	{&pbx.OwnedError{}, status.Conflict, pbxv1.ReasonOwnedByOther, pbxv1.ConditionStalled},
	{&pbx.ErasedError{}, status.Invalid, pbxv1.ReasonAlreadyPurged, pbxv1.ConditionStalled},
	{&pbx.StaleError{}, status.Failed, pbxv1.ReasonFailed, pbxv1.ConditionReconciling},
	{&store.OwnedError{}, status.Conflict, pbxv1.ReasonStoreOwnedByOther, pbxv1.ConditionStalled},
	{&store.TooNewError{}, status.Conflict, pbxv1.ReasonStoreTooNew, pbxv1.ConditionStalled},
	{store.ErrMissing, status.Conflict, pbxv1.ReasonStoreMissing, pbxv1.ConditionStalled},
	{store.ErrInvalid, status.Invalid, pbxv1.ReasonStoreInvalid, pbxv1.ConditionStalled},
	{store.ErrRejected, status.Invalid, pbxv1.ReasonRejectedByStore, pbxv1.ConditionStalled},
	{store.ErrFenced, status.Waiting, pbxv1.ReasonFenced, pbxv1.ConditionReconciling},
	{store.ErrUnavailable, status.Waiting, pbxv1.ReasonStoreUnavailable, pbxv1.ConditionReconciling},
	{store.ErrChanged, status.Failed, pbxv1.ReasonFailed, pbxv1.ConditionReconciling},
	{errors.New("anything else"), status.Failed, pbxv1.ReasonFailed, pbxv1.ConditionReconciling},
	{
		status.New(status.Waiting, pbxv1.ReasonSecretNotFound, "not there"),
		status.Waiting, pbxv1.ReasonSecretNotFound, pbxv1.ConditionReconciling,
	},
	{
		status.New(status.Invalid, pbxv1.ReasonEmergencyNumber, "no"),
		status.Invalid, pbxv1.ReasonEmergencyNumber, pbxv1.ConditionStalled,
	},
	{status.New(status.Suspended, pbxv1.ReasonSuspended, "held"), status.Suspended, pbxv1.ReasonSuspended, ""},
	// What was classified stays so, whatever it is made of.
	{
		status.New(status.Waiting, pbxv1.ReasonStoreMissing, "the store is not open: %w", store.ErrMissing),
		status.Waiting, pbxv1.ReasonStoreMissing, pbxv1.ConditionReconciling,
	},
}

func TestEveryErrorHasAClassAndAReason(t *testing.T) {
	for _, o := range outcomes {
		for _, err := range []error{o.err, fmt.Errorf("while reconciling: %w", o.err)} {
			found := status.Classify(err)
			if found.Class != o.class || found.Reason != o.reason {
				t.Errorf("%T %v: class %d, reason %s, want class %d, reason %s",
					o.err, err, found.Class, found.Reason, o.class, o.reason)
			}
			if !errors.Is(found, o.err) {
				t.Errorf("%T %v: the outcome %#v does not wrap it", o.err, err, found)
			}
		}
	}
}

func TestEveryErrorHasItsConditions(t *testing.T) {
	for _, o := range outcomes {
		var conditions []metav1.Condition
		status.Set(&conditions, 7, status.Classify(o.err), "unused")
		want := []metav1.Condition{condition(pbxv1.ConditionReady, metav1.ConditionFalse, o.reason, o.err.Error())}
		if o.beside != "" {
			want = append(want, condition(o.beside, metav1.ConditionTrue, o.reason, o.err.Error()))
		}
		compare(t, fmt.Sprintf("%T %v", o.err, o.err), conditions, want)
	}
}

func TestConditionsFollowTheOutcome(t *testing.T) {
	var conditions []metav1.Condition
	for _, o := range outcomes {
		status.Set(&conditions, 7, status.Classify(o.err), "")
		count := 1
		if o.beside != "" {
			count = 2
		}
		if len(conditions) != count {
			t.Errorf("after %v there are %d conditions, want %d: %v", o.err, len(conditions), count, conditions)
		}
	}
	status.Set(&conditions, 8, nil, "all is well")
	want := condition(pbxv1.ConditionReady, metav1.ConditionTrue, pbxv1.ReasonReconciled, "all is well")
	want.ObservedGeneration = 8
	compare(t, "in the end", conditions, []metav1.Condition{want})
}

func TestTheTimeOfAConditionIsThatOfItsChange(t *testing.T) {
	var conditions []metav1.Condition
	status.Set(&conditions, 1, nil, "all is well")
	long := metav1.Unix(1, 0)
	conditions[0].LastTransitionTime = long
	status.Set(&conditions, 2, nil, "all is well still")
	if !conditions[0].LastTransitionTime.Equal(&long) {
		t.Errorf("the time has changed though the status has not: %v", conditions[0])
	}
	status.Set(&conditions, 2, status.Classify(store.ErrUnavailable), "")
	if conditions[0].LastTransitionTime.Equal(&long) {
		t.Errorf("the time has not changed though the status has: %v", conditions[0])
	}
}

func TestOfSeveralOutcomesTheMostSeriousCountsAndAllAreTold(t *testing.T) {
	if worst := status.Worst(nil); worst != nil {
		t.Errorf("of no outcome the worst is %v", worst)
	}
	waiting := status.New(status.Waiting, pbxv1.ReasonReferenceNotFound, "waiting")
	invalid := status.New(status.Invalid, pbxv1.ReasonEmergencyNumber, "invalid")
	for _, test := range []struct {
		errs   []error
		class  status.Class
		reason string
		text   string
	}{
		{[]error{waiting}, status.Waiting, pbxv1.ReasonReferenceNotFound, "waiting"},
		{[]error{waiting, invalid}, status.Invalid, pbxv1.ReasonEmergencyNumber, "invalid; waiting"},
		{[]error{waiting, errors.New("failed"), &pbx.StaleError{}}, status.Failed, pbxv1.ReasonFailed, "failed; "},
		{
			[]error{status.New(status.Waiting, pbxv1.ReasonSecretNotFound, "first"), waiting},
			status.Waiting, pbxv1.ReasonSecretNotFound, "first; waiting",
		},
	} {
		worst := status.Worst(test.errs)
		if worst.Class != test.class || worst.Reason != test.reason || !strings.HasPrefix(worst.Error(), test.text) {
			t.Errorf("of %v the worst is %d %s %q, want %d %s %q",
				test.errs, worst.Class, worst.Reason, worst.Error(), test.class, test.reason, test.text)
		}
	}
}

func TestALongMessageIsCutBetweenLetters(t *testing.T) {
	var conditions []metav1.Condition
	for _, text := range []string{strings.Repeat("x", 2000), strings.Repeat("é", 1000), strings.Repeat("x", 1020) + "ééé"} {
		status.Set(&conditions, 1, status.New(status.Invalid, pbxv1.ReasonRejectedByStore, "%s", text), "")
		for _, c := range conditions {
			cut, found := strings.CutSuffix(c.Message, "...")
			if len(c.Message) > 1024 || len(c.Message) < 1020 || !found || !strings.HasPrefix(text, cut) {
				t.Errorf("%s has a message of %d bytes that ends with %q", c.Type, len(c.Message), c.Message[len(c.Message)-10:])
			}
		}
	}
}

func TestAdviceIsThereOnlyWhileItHolds(t *testing.T) {
	var conditions []metav1.Condition
	status.Advise(&conditions, 7, pbxv1.ConditionEmailRecommended, false, "NoEmail", "set one")
	compare(t, "before", conditions, nil)
	status.Advise(&conditions, 7, pbxv1.ConditionEmailRecommended, true, "NoEmail", "set one")
	compare(t, "while it holds", conditions, []metav1.Condition{
		condition(pbxv1.ConditionEmailRecommended, metav1.ConditionTrue, "NoEmail", "set one"),
	})
	status.Set(&conditions, 7, nil, "all is well")
	if len(conditions) != 2 {
		t.Errorf("an outcome takes advice away: %v", conditions)
	}
	status.Advise(&conditions, 7, pbxv1.ConditionEmailRecommended, false, "NoEmail", "set one")
	compare(t, "after", conditions, []metav1.Condition{
		condition(pbxv1.ConditionReady, metav1.ConditionTrue, pbxv1.ReasonReconciled, "all is well"),
	})
}

func condition(kind string, is metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: is, Reason: reason, Message: message, ObservedGeneration: 7}
}

func compare(t *testing.T, what string, have, want []metav1.Condition) {
	t.Helper()
	ignored := cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime")
	if diff := cmp.Diff(want, have, ignored, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: conditions (-want +have):\n%s", what, diff)
	}
}
