package controllers

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// maxReplans is how often a plan is made anew at once when the store changed under it.
const maxReplans = 5

// kind is what differs between the kinds of records.
type kind[T pbxv1.Record] interface {
	// name of the kind in the store.
	name() pbx.Kind
	// newObject gives an empty object.
	newObject() T
	// fromCache fills the part of the status that admission reads, from the cache of the API, so that it is right while
	// the store is down.
	fromCache(ctx context.Context, obj T) error
	// resolve turns the spec into content for a state, without what it refuses: that stays as the store has it, and a record
	// that is not there yet is not made. Its last error forbids to write anything.
	resolve(ctx context.Context, obj T, state pbx.State, system pbx.System) (pbx.Content, []error, error)
	// complete adds what depends on what the store holds: what Secrets say, above all. Its first errors keep the object
	// from being ready, not from being written; the last one forbids to write anything.
	complete(ctx context.Context, obj T, d *pbx.Desired, o pbx.Observation, system pbx.System) ([]error, error)
	// report fills the status of the kind, and tells what else keeps the object from being ready.
	report(ctx context.Context, obj T, d pbx.Desired, o pbx.Observation, system pbx.System) ([]error, error)
}

// base is what all reconcilers share.
type base struct {
	client.Client
	stores  *Stores
	events  events.EventRecorder
	wakers  *wakers
	waiters *waiters
	adopted *adopted
	// trustRequester says that the stamp of the policy pbx-requester is to be believed.
	trustRequester bool
}

// recordReconciler reconciles one kind of record.
type recordReconciler[T pbxv1.Record] struct {
	base
	kind kind[T]
	own  *ownWrites
}

// Reconcile brings the record of an object to what its spec declares: resolve, observe, plan, apply, report.
func (r *recordReconciler[T]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj, err := latest(ctx, r.Client, r.own, req.NamespacedName, r.kind.newObject())
	if err != nil {
		r.own.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	going := !obj.GetDeletionTimestamp().IsZero()
	if going && !controllerutil.ContainsFinalizer(obj, pbxv1.Finalizer) {
		return ctrl.Result{}, nil
	}
	before := obj.DeepCopyObject().(T) //nolint:forcetypeassert // a copy has the type of its original
	release, errs, err := r.bring(ctx, obj, going)
	if errors.Is(err, errPending) || errors.Is(err, store.ErrFenced) {
		return ctrl.Result{}, nil // woken when the store is open, or open again
	}
	if release {
		return ctrl.Result{}, r.removeFinalizer(ctx, obj)
	}
	if err != nil {
		errs = append(errs, err)
	}
	return r.exit(ctx, before, obj, status.Worst(errs))
}

// bring does all but the report. It says whether a deleted object may go; its error stopped it, the errors before did not.
func (r *recordReconciler[T]) bring(ctx context.Context, obj T, going bool) (release bool, errs []error, err error) {
	if err := r.kind.fromCache(ctx, obj); err != nil {
		return false, nil, err
	}
	if held, err := r.suspended(ctx, obj, going); held || err != nil {
		return false, nil, err
	}
	if going && obj.Common().DeletionPolicy == pbxv1.DeletionPolicyOrphan {
		r.orphaned(ctx, obj, "DeletionPolicy", "its deletionPolicy is Orphan")
		return true, nil, nil
	}
	system, err := r.stores.forObject(ctx, r.Client, obj)
	if err != nil {
		return going && r.wayOut(ctx, obj, err), nil, err
	}
	if err := r.addFinalizer(ctx, obj, going); err != nil {
		return false, nil, err
	}
	errs, err = r.converge(ctx, obj, system, going)
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFenced) {
		system.fail(err)
	}
	return going && err == nil, errs, err
}

// converge resolves, observes, plans, applies, and fills the status of the kind.
func (r *recordReconciler[T]) converge(ctx context.Context, obj T, system *openStore, going bool) ([]error, error) {
	desired, refused, err := r.desired(ctx, obj, system, going)
	if err != nil {
		return nil, err
	}
	var conflicts, notes []error
	var seen pbx.Observation
	for range maxReplans {
		seen, notes, conflicts, err = r.attempt(ctx, obj, desired, refused, system)
		if !errors.Is(err, store.ErrChanged) {
			break
		}
	}
	if err != nil || going {
		return nil, err
	}
	obj.CommonStatus().State = shownState(seen.Record, desired.State)
	waits, err := r.kind.report(ctx, obj, desired, seen, system.system)
	return slices.Concat(refused, notes, conflicts, waits), err
}

// desired resolves the references of the spec into what the record is to be, and tells what of the spec is refused. That is
// no concern of what is to be gone.
func (r *recordReconciler[T]) desired(
	ctx context.Context, obj T, system *openStore, going bool,
) (d pbx.Desired, refused []error, err error) {
	state := desiredState(obj, going)
	content, refused, err := r.kind.resolve(ctx, obj, state, system.system)
	if going || state == pbx.Purged {
		refused = nil
	}
	return pbx.Desired{
		Key:     pbx.Key{Kind: r.kind.name(), Name: obj.GetName()},
		Owner:   pbx.Owner{UID: string(obj.GetUID()), Generation: obj.GetGeneration()},
		State:   state,
		Content: content,
		Adopt:   obj.Common().Adopt == pbxv1.AdoptAlways,
		Release: going, BornPurged: bornPurged(obj), BoxDigits: system.system.VoicemailDigits,
	}, refused, err
}

// attempt observes, plans and applies once, and gives what the store then holds.
func (r *recordReconciler[T]) attempt(
	ctx context.Context, obj T, desired pbx.Desired, refused []error, system *openStore,
) (seen pbx.Observation, notes, conflicts []error, err error) {
	seen, err = r.observe(ctx, desired, system.store)
	if err != nil {
		return seen, nil, nil, err
	}
	desired.Adopt = desired.Adopt || r.adopted.has(system.store, desired, seen)
	if err := pbx.MayTouch(desired, seen); err != nil {
		return seen, nil, nil, err
	}
	if seen.Record == nil && len(refused) > 0 {
		return seen, nil, nil, status.Worst(refused)
	}
	desired.Content = desired.Clone()
	notes, err = r.kind.complete(ctx, obj, &desired, seen, system.system)
	if err != nil {
		return seen, nil, nil, err
	}
	plan, err := pbx.MakePlan(desired, seen)
	if err != nil {
		return seen, nil, nil, err
	}
	for _, conflict := range plan.Conflicts {
		conflicts = append(conflicts, r.describe(ctx, obj.GetNamespace(), conflict))
	}
	drift := plan.Drift()
	if len(drift) > 0 && system.reportDrift {
		plan = plan.WithoutDrift()
		r.reportedDrift(obj, drift)
		notes = append(notes, driftError(drift))
	}
	if len(plan.Changes) == 0 {
		r.adopted.note(system.store, desired, seen)
		return seen, notes, conflicts, nil
	}
	if err := r.apply(ctx, obj, store.Transition{
		Desired: desired, Observed: seen.Record, Changes: plan.Changes, Author: r.authorOf(obj, seen.Record, plan.Changes),
		Notes: r.leftovers(obj, plan.Changes),
	}, system); err != nil {
		return seen, nil, nil, err
	}
	if len(drift) > 0 && !system.reportDrift {
		r.repairedDrift(obj, drift)
		r.wakeNeighbours(ctx, obj, seen.Record)
	}
	seen, err = system.store.Observe(ctx, desired)
	r.tell(obj, plan.Changes, seen)
	return seen, notes, conflicts, err
}

// observe looks at the store, and, if somebody else holds what is wanted, looks again once their letting go would wake
// this object: so no letting go is missed between the two.
func (r *recordReconciler[T]) observe(ctx context.Context, d pbx.Desired, s store.Store) (pbx.Observation, error) {
	seen, err := s.Observe(ctx, d)
	holders := seen.WaitsFor(d)
	if err != nil || len(holders) == 0 {
		return seen, err
	}
	for _, holder := range holders {
		r.waiters.add(s, holder, d.Key)
	}
	return s.Observe(ctx, d)
}

func (r *recordReconciler[T]) apply(ctx context.Context, obj T, t store.Transition, system *openStore) error {
	if err := system.store.Apply(ctx, t); err != nil {
		return err
	}
	changesApplied.WithLabelValues(string(t.Desired.Key.Kind)).Add(float64(len(t.Changes)))
	for _, waiter := range r.waiters.take(system.store, t.Desired.Key) {
		r.wakers.wake(waiter.Kind, types.NamespacedName{Namespace: obj.GetNamespace(), Name: waiter.Name})
	}
	r.wakeInherited(obj, t)
	r.tellLeftovers(obj, t.Notes)
	return nil
}

// exit writes the status once, and only if it changed.
func (r *recordReconciler[T]) exit(ctx context.Context, before, obj T, outcome *status.Error) (ctrl.Result, error) {
	s := obj.CommonStatus()
	s.ObservedGeneration = obj.GetGeneration()
	status.Set(&s.Conditions, obj.GetGeneration(), outcome, readyMessage(s.State))
	r.refused(before, obj, outcome)
	if err := r.patchStatus(ctx, before, obj); err != nil {
		return ctrl.Result{}, err
	}
	if outcome != nil && outcome.Class == status.Failed {
		log.FromContext(ctx).Error(outcome, "could not reconcile", "reason", outcome.Reason)
		return ctrl.Result{}, outcome
	}
	return ctrl.Result{}, nil
}

// shownState is the state that the store is in; without a record that is Purged if that is what is wanted.
func shownState(record *pbx.Record, want pbx.State) pbxv1.State {
	if record == nil && want != pbx.Purged {
		return ""
	}
	return pbxv1.State(record.State())
}

func readyMessage(state pbxv1.State) string {
	if state == pbxv1.StatePurged {
		return "nothing of the record is left in the store"
	}
	return "the store has the record in state " + string(state)
}
