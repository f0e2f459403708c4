package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// openTimeout bounds the opening of a store, its migration included.
const openTimeout = 2 * time.Minute

// zonePause is how long a phone system is left alone at most: the store knows its time zone for some years ahead, and has
// to be told more in time.
const zonePause = 12 * time.Hour

// phoneSystemReconciler opens the stores of PhoneSystems and keeps them open.
type phoneSystemReconciler struct {
	client.Client
	stores  *Stores
	opener  *opener
	events  events.EventRecorder
	wakers  *wakers
	waiters *waiters
	adopted *adopted
	own     *ownWrites
	// lifetime ends with the operator, and with it the change feeds.
	lifetime context.Context //nolint:containedctx // the feeds outlive the reconcile that starts them
}

// Reconcile opens the store that the spec names, configures it, and wakes the objects if that makes a difference.
func (r *phoneSystemReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj, err := latest(ctx, r.Client, r.own, req.NamespacedName, &pbxv1.PhoneSystem{})
	if err != nil {
		r.own.forget(req.NamespacedName)
		if client.IgnoreNotFound(err) == nil {
			r.close(req.NamespacedName)
			r.stores.remove(req.NamespacedName)
			r.wakeObjects(ctx, req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.forgetNamesake(obj)
	before := obj.DeepCopy()
	waiting, err := r.delete(ctx, obj)
	if err != nil || waiting == nil && !obj.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	if err := r.addFinalizer(ctx, obj); err != nil {
		return ctrl.Result{}, err
	}
	entry := r.open(ctx, obj)
	if r.stores.set(req.NamespacedName, entry) {
		r.wakeObjects(ctx, req.NamespacedName)
	}
	trouble := []error{entry.err, waiting, checkZone(obj.Spec.TimeZone)}
	outcome := status.Worst(slices.DeleteFunc(trouble, func(err error) bool { return err == nil }))
	return r.exit(ctx, before, obj, entry, outcome)
}

// forgetNamesake closes the store of a PhoneSystem that was replaced by another one of the same name so fast that nobody
// saw it go: whether the new one may have that store is decided when it is opened.
func (r *phoneSystemReconciler) forgetNamesake(obj *pbxv1.PhoneSystem) {
	key := client.ObjectKeyFromObject(obj)
	if entry := r.stores.get(key); entry != nil && entry.uid != obj.UID {
		r.close(key)
		r.stores.remove(key)
	}
}

// open gives the store as it is, or opens it if it is not open, has failed, or is no longer the one that the spec names.
func (r *phoneSystemReconciler) open(ctx context.Context, obj *pbxv1.PhoneSystem) *openStore {
	key := client.ObjectKeyFromObject(obj)
	entry := &openStore{
		uid: obj.UID, generation: obj.Generation,
		system: systemOf(obj.Spec), reportDrift: obj.Spec.DriftPolicy == pbxv1.DriftReport,
	}
	address, err := r.opener.address(ctx, obj)
	if err != nil {
		r.close(key)
		entry.err = err
		return entry
	}
	entry.address = address
	known := r.stores.get(key)
	if known != nil {
		entry.history = known.history
	}
	if known != nil && known.leftAlone(entry) {
		r.stepAside(ctx, obj, known)
		r.close(key)
		entry.err = known.err
		return entry
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if known != nil && known.store != nil && known.err == nil && known.address == address {
		entry.store, entry.stop = known.store, known.stop
	} else if entry.err = r.reopen(ctx, obj, entry); entry.err != nil {
		return entry
	}
	if _, err := entry.store.Configure(ctx, entry.system); err != nil {
		r.close(key)
		entry.close()
		entry.err = err
		entry.backOff(err)
	}
	return entry
}

func (r *phoneSystemReconciler) reopen(ctx context.Context, obj *pbxv1.PhoneSystem, entry *openStore) error {
	key := client.ObjectKeyFromObject(obj)
	r.close(key)
	opened, err := r.opener.open(ctx, obj, entry.address)
	if err != nil {
		entry.retry = time.Now().Add(pause(err))
		return err
	}
	entry.store, entry.opened = opened, time.Now()
	if from := opened.Info().TakenOver; from != "" {
		r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventStoreTakenOver, "TakeOver",
			"the store was taken over from PhoneSystem UID %s; spec.store.takeover may be removed", from)
	}
	feed, stop := context.WithCancel(r.lifetime)
	entry.stop = stop
	go r.follow(feed, key, entry.store)
	return nil
}

// follow wakes what somebody else changes in the store, until the store is closed or breaks.
func (r *phoneSystemReconciler) follow(ctx context.Context, key types.NamespacedName, s store.Store) {
	err := s.Changes(ctx, func(keys []pbx.Key) {
		if keys == nil {
			r.wakeObjects(ctx, key)
		}
		for _, changed := range keys {
			name := types.NamespacedName{Namespace: key.Namespace, Name: orName(changed, key.Name)}
			if kind, is := dataOf[changed.Kind]; is {
				r.wakers.wakeLater(kind, name, dataPause)
				continue
			}
			r.wakers.wake(changed.Kind, name)
			for _, waiter := range r.waiters.take(s, changed) {
				r.wakers.wake(waiter.Kind, types.NamespacedName{Namespace: key.Namespace, Name: waiter.Name})
			}
		}
	})
	if ctx.Err() == nil {
		(&openStore{stores: r.stores, key: key, store: s}).fail(err)
	}
}

// orName gives the name of a changed record; the settings of the store itself are those of the phone system.
func orName(changed pbx.Key, system string) string {
	if changed.Kind == pbx.KindPhoneSystem {
		return system
	}
	return changed.Name
}

// close closes the store of a phone system, if one is open.
func (r *phoneSystemReconciler) close(key types.NamespacedName) {
	entry := r.stores.get(key)
	if entry == nil || entry.store == nil {
		return
	}
	r.waiters.forget(entry.store)
	r.adopted.forget(entry.store)
	entry.close()
	closed := *entry
	closed.store, closed.stop = nil, nil
	if closed.err == nil {
		closed.err = fmt.Errorf("%w: it is being opened", store.ErrUnavailable)
	}
	r.stores.set(key, &closed)
}

func (o *openStore) close() {
	if o.stop != nil {
		o.stop()
	}
	if o.store != nil {
		_ = o.store.Close() // nothing is lost: every change was committed
	}
	o.store, o.stop = nil, nil
}

func (r *phoneSystemReconciler) exit(
	ctx context.Context, before, obj *pbxv1.PhoneSystem, entry *openStore, outcome *status.Error,
) (ctrl.Result, error) {
	s := &obj.Status
	s.ObservedGeneration = obj.Generation
	s.HasMailboxes = r.hasMailboxes(ctx, obj)
	r.restrictedPhones(ctx, obj)
	up := 0.0
	if entry.store != nil {
		up = 1
		s.Store = storeStatus(entry.store.Info())
		r.tellLog(before, obj)
	}
	storeUp.WithLabelValues(obj.Namespace, obj.Name).Set(up)
	if errors.Is(entry.err, store.ErrFenced) {
		return ctrl.Result{RequeueAfter: time.Until(entry.retry)}, nil
	}
	status.Set(&s.Conditions, obj.Generation, outcome, "the store is open")
	status.Advise(&s.Conditions, obj.Generation, pbxv1.ConditionNoCallbackNumber, obj.Spec.MainNumber == "", "NoMainNumber",
		"there is no mainNumber: an emergency call of a phone whose extension has no direct number shows none that can be called "+
			"back; set spec.mainNumber to a number that reaches this phone system")
	if err := r.patchStatus(ctx, before, obj); err != nil {
		return ctrl.Result{}, err
	}
	if entry.err == nil {
		return ctrl.Result{RequeueAfter: zonePause}, nil
	}
	return ctrl.Result{RequeueAfter: max(pause(entry.err), time.Until(entry.retry))}, nil
}

func storeStatus(info store.Info) *pbxv1.StoreStatus {
	s := &pbxv1.StoreStatus{Location: info.Location, SchemaVersion: info.SchemaVersion}
	if since := info.PurgedInLogSince; !since.IsZero() {
		s.PurgedInLogSince = &metav1.Time{Time: since.Truncate(time.Second)}
	}
	return s
}

// tellLog tells that somebody who reads the store keeps what was purged in its log, and that this is over.
func (r *phoneSystemReconciler) tellLog(before, obj *pbxv1.PhoneSystem) {
	was := before.Status.Store != nil && before.Status.Store.PurgedInLogSince != nil
	switch is := obj.Status.Store.PurgedInLogSince != nil; {
	case is && !was:
		r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventPurgedInLog, "Purge",
			"the store's write-ahead log may still have text of what was purged, since somebody has been reading the store: "+
				"it is emptied by itself when they end their transaction")
	case was && !is:
		r.events.Eventf(obj, nil, corev1.EventTypeNormal, pbxv1.EventPurgedInLog, "Purge",
			"the store's write-ahead log has no text of what was purged any more")
	}
}

// stepAside tells, once, that another operator has opened the store since. This one leaves not only the store to it, but
// the objects as well: two that both wrote statuses would undo each other's for ever.
func (r *phoneSystemReconciler) stepAside(ctx context.Context, obj *pbxv1.PhoneSystem, failed *openStore) {
	if !failed.untold || !errors.Is(failed.err, store.ErrFenced) {
		return
	}
	log.FromContext(ctx).Info("another operator has opened the store, so this one writes nothing", "until", failed.retry)
	r.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.ReasonFenced, "Open",
		"another operator has opened the store; this one tries again after %s: let only one run, or elect a leader", fencedPause)
}

func (r *phoneSystemReconciler) patchStatus(ctx context.Context, before, obj *pbxv1.PhoneSystem) error {
	before.Finalizers, before.ResourceVersion = obj.Finalizers, obj.ResourceVersion
	if equality.Semantic.DeepEqual(before, obj) {
		return nil
	}
	ready := apimeta.FindStatusCondition(obj.Status.Conditions, pbxv1.ConditionReady)
	if ready.Status == metav1.ConditionFalse && ready.Reason != readyReason(before.Status.Conditions) {
		log.FromContext(ctx).Info("the phone system is not ready", "reason", ready.Reason, "why", ready.Message)
		r.events.Eventf(obj, nil, corev1.EventTypeWarning, ready.Reason, "Open", "%s", ready.Message)
	}
	if err := r.Status().Patch(ctx, obj, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.own.remember(obj)
	return nil
}

func readyReason(conditions []metav1.Condition) string {
	if ready := apimeta.FindStatusCondition(conditions, pbxv1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return ""
}

func (r *phoneSystemReconciler) addFinalizer(ctx context.Context, obj *pbxv1.PhoneSystem) error {
	if !obj.DeletionTimestamp.IsZero() || controllerutil.ContainsFinalizer(obj, pbxv1.Finalizer) {
		return nil
	}
	updated := obj.DeepCopy()
	controllerutil.AddFinalizer(updated, pbxv1.Finalizer)
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, updated, patch); err != nil {
		return err
	}
	obj.Finalizers, obj.ResourceVersion = updated.Finalizers, updated.ResourceVersion
	r.own.remember(updated)
	return nil
}

// checkZone says that a time zone is not known. Local is known to Go only: it is the operator's own.
func checkZone(name string) error {
	if _, err := time.LoadLocation(name); err == nil && name != "Local" {
		return nil
	}
	return status.New(status.Invalid, pbxv1.ReasonTimeZoneUnknown,
		"spec.timeZone %q is no time zone that the operator knows: write an IANA name such as Europe/Berlin; "+
			"until then days are counted in the zone before", name)
}

// systemOf gives the settings that decide about records and calls. The store keeps its zone while the spec's is not known.
func systemOf(spec pbxv1.PhoneSystemSpec) pbx.System {
	n, zone := spec.Numbering, cmp.Or(spec.TimeZone, "UTC")
	if checkZone(zone) != nil {
		zone = ""
	}
	return pbx.System{
		Domain: spec.Domain, MainNumber: string(spec.MainNumber), DeletedBusinessUnit: string(spec.DeletedBusinessUnit),
		VoicemailDigits: int(n.VoicemailDigits),
		Numbering: pbx.Numbering{
			Country: n.Country, Area: n.Area, Outside: n.Outside, International: n.International, National: n.National,
		}.WithDefaults(),
		EmergencyNumbers: strs(spec.EmergencyNumbers), CallbackMinutes: int(spec.Emergency.CallbackMinutes),
		TrustedNetworks: spec.TrustedNetworks, TimeZone: zone,
	}
}

func sameSystem(a, b pbx.System) bool {
	return equality.Semantic.DeepEqual(a, b)
}
