// Package status turns the outcome of a reconcile into conditions. It is the one way out of a reconcile, so that every
// kind speaks the same: kstatus, as kubectl wait, Flux and Argo CD understand it.
package status

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// maxMessage bounds the message of a condition.
const maxMessage = 1024

// Class says what has to happen before a failed reconcile may succeed.
type Class int

// The classes, the most serious first.
const (
	// Invalid: an input must change. Not tried again until one does.
	Invalid Class = iota
	// Conflict: a person must decide between two owners. Not tried again until something changes.
	Conflict
	// Failed: tried again with growing pauses.
	Failed
	// Waiting: for something that is not there yet, and whose coming is told by an event.
	Waiting
	// Suspended: nothing is to be done.
	Suspended
	// Settled: all is as declared, for a reason that has to be told.
	Settled
)

// Error is an outcome with its class and the condition's reason.
type Error struct {
	Class  Class
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error that was classified.
func (e *Error) Unwrap() error { return e.Err }

// New makes an outcome.
func New(class Class, reason, format string, args ...any) *Error {
	return &Error{Class: class, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Classify finds the class and the reason of an error.
func Classify(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	class, reason := classify(err)
	return &Error{Class: class, Reason: reason, Err: err}
}

func classify(err error) (Class, string) {
	var (
		owned      *pbx.OwnedError
		erased     *pbx.ErasedError
		storeOwned *store.OwnedError
		tooNew     *store.TooNewError
	)
	switch {
	case errors.As(err, &owned):
		return Conflict, pbxv1.ReasonOwnedByOther
	case errors.As(err, &storeOwned):
		return Conflict, pbxv1.ReasonStoreOwnedByOther
	case errors.As(err, &erased):
		return Invalid, pbxv1.ReasonAlreadyPurged
	case errors.As(err, &tooNew):
		return Conflict, pbxv1.ReasonStoreTooNew
	case errors.Is(err, store.ErrMissing):
		return Conflict, pbxv1.ReasonStoreMissing
	case errors.Is(err, store.ErrInvalid):
		return Invalid, pbxv1.ReasonStoreInvalid
	case errors.Is(err, store.ErrRejected):
		return Invalid, pbxv1.ReasonRejectedByStore
	case errors.Is(err, store.ErrFenced):
		return Waiting, pbxv1.ReasonFenced
	case errors.Is(err, store.ErrUnavailable):
		return Waiting, pbxv1.ReasonStoreUnavailable
	default:
		return Failed, pbxv1.ReasonFailed
	}
}

// Worst gives the most serious of several outcomes, with the messages of all; nil if there is none.
func Worst(errs []error) *Error {
	if len(errs) == 0 {
		return nil
	}
	found := make([]*Error, len(errs))
	for i, err := range errs {
		found[i] = Classify(err)
	}
	slices.SortStableFunc(found, func(a, b *Error) int { return cmp.Compare(a.Class, b.Class) })
	messages := make([]string, len(found))
	for i, e := range found {
		messages[i] = e.Error()
	}
	return &Error{Class: found[0].Class, Reason: found[0].Reason, Err: errors.New(strings.Join(messages, "; "))}
}

// Set writes the conditions of an outcome; nil means that all is as declared, which message then describes.
// Reconciling and Stalled are there only while they are true.
func Set(conditions *[]metav1.Condition, generation int64, outcome *Error, message string) {
	ready := metav1.Condition{
		Type: pbxv1.ConditionReady, Status: metav1.ConditionTrue, Reason: pbxv1.ReasonReconciled, Message: message,
		ObservedGeneration: generation,
	}
	switch {
	case outcome == nil:
	case outcome.Class == Settled:
		ready.Reason, ready.Message = outcome.Reason, shorten(outcome.Error())
	default:
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, outcome.Reason, shorten(outcome.Error())
	}
	apimeta.SetStatusCondition(conditions, ready)
	progress := map[string]bool{
		pbxv1.ConditionStalled:     outcome != nil && (outcome.Class == Invalid || outcome.Class == Conflict),
		pbxv1.ConditionReconciling: outcome != nil && (outcome.Class == Waiting || outcome.Class == Failed),
	}
	for kind, holds := range progress {
		Advise(conditions, generation, kind, holds, ready.Reason, ready.Message)
	}
}

// Advise sets a condition that is there only while it is true.
func Advise(conditions *[]metav1.Condition, generation int64, kind string, holds bool, reason, message string) {
	if !holds {
		apimeta.RemoveStatusCondition(conditions, kind)
		return
	}
	apimeta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: message, ObservedGeneration: generation,
	})
}

func shorten(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-3], "") + "..."
}
