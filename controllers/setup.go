package controllers

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// What is patched is the finalizers; that no spec is, and what purge is for, the policies pbx-operator-spec and
// pbx-verbs-finalizer say.
// +kubebuilder:rbac:groups=pbx-operator.io,resources=phonesystems,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pbx-operator.io,resources=users;extensions;phoneservices,verbs=get;list;watch;patch;purge
// +kubebuilder:rbac:groups=pbx-operator.io,resources=phonesystems/status;users/status;extensions/status;phoneservices/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,namespace=pbx-operator-system,verbs=get;create;update

// Options of the controllers.
type Options struct {
	// DataDir holds the embedded stores.
	DataDir string
	// Workers is the number of objects of a kind that are reconciled at once.
	Workers int
	// TrustRequester says that the policy pbx-requester is installed, so that its annotation is to be believed.
	TrustRequester bool
	// WrapStore, if set, sees every store that is opened, and what is asked of it. It is for tests.
	WrapStore func(store.Store) store.Store
}

// Scheme knows all kinds that the controllers read and write.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), pbxv1.AddToScheme(scheme))
}

// CacheOptions are those that a manager of the controllers needs.
func CacheOptions() cache.Options {
	return cache.Options{ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Transform: stripSecret}}}
}

// SetUp registers the controllers of all kinds with a manager. The change feeds end with ctx; the stores are to be closed
// when the manager has ended.
func SetUp(ctx context.Context, mgr ctrl.Manager, o Options) (*Stores, error) {
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, err
	}
	shared := base{
		Client: client.WithFieldOwner(mgr.GetClient(), fieldOwner), stores: newStores(),
		events: distinctEvents{mgr.GetEventRecorder("pbx-operator")}, wakers: newWakers(), waiters: newWaiters(), adopted: newAdopted(),
		trustRequester: o.TrustRequester,
	}
	shared.stores.failed = func(key types.NamespacedName) { shared.wakers.wake(pbx.KindPhoneSystem, key) }
	for _, setUp := range []func(context.Context, ctrl.Manager, base, Options) error{
		setUpPhoneSystems, setUpUsers, setUpExtensions, setUpPhoneServices,
	} {
		if err := setUp(ctx, mgr, shared, o); err != nil {
			return nil, err
		}
	}
	return shared.stores, nil
}

func setUpPhoneSystems(ctx context.Context, mgr ctrl.Manager, b base, o Options) error {
	r := &phoneSystemReconciler{
		Client: b.Client, stores: b.stores, opener: &opener{Client: b.Client, dataDir: o.DataDir, wrap: o.WrapStore}, events: b.events,
		wakers: b.wakers, waiters: b.waiters, adopted: b.adopted, own: newOwnWrites(), lifetime: ctx,
	}
	gone := ctrlWithPredicates(onlyDeletes)
	build := ctrl.NewControllerManagedBy(mgr).Named("phonesystem").
		For(&pbxv1.PhoneSystem{}, ctrlWithPredicates(r.own.byOthers())).
		Watches(&pbxv1.User{}, goingSystem(b.Client), gone).
		Watches(&pbxv1.Extension{}, goingSystem(b.Client), gone).
		Watches(&pbxv1.PhoneService{}, goingSystem(b.Client), gone).
		Watches(&pbxv1.Extension{}, firstAndLastMailbox(b.Client)).
		Watches(&pbxv1.PhoneService{}, restrictedChange()).
		WatchesRawSource(b.wakers.source(pbx.KindPhoneSystem)).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Workers})
	return watchSecrets(build, b.Client, phoneSystemList).Complete(r)
}

// newBuilder begins a controller of records with what all kinds have in common.
func newBuilder[T pbxv1.Record](mgr ctrl.Manager, r *recordReconciler[T], name string, o Options, list func() client.ObjectList) *ctrl.Builder {
	build := ctrl.NewControllerManagedBy(mgr).Named(name).
		For(r.kind.newObject(), ctrlWithPredicates(r.own.byOthers())).
		WatchesMetadata(&corev1.Namespace{}, goingObjects(r.Client, list), ctrlWithPredicates(terminates)).
		WatchesRawSource(r.wakers.source(r.kind.name())).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Workers})
	return watchSecrets(build, r.Client, list)
}

func setUpUsers(_ context.Context, mgr ctrl.Manager, b base, o Options) error {
	r := &recordReconciler[*pbxv1.User]{base: b, kind: users{b.Client, referrers}, own: newOwnWrites()}
	return newBuilder(mgr, r, "user", o, userList).
		Watches(&pbxv1.PhoneService{}, byIndex(b.Client, userList, indexService), ctrlWithPredicates(settledChange)).
		Watches(&pbxv1.Extension{}, byName(holdersNowAndBefore), ctrlWithPredicates(settledChange)).
		Complete(r)
}

func setUpExtensions(_ context.Context, mgr ctrl.Manager, b base, o Options) error {
	r := &recordReconciler[*pbxv1.Extension]{base: b, kind: extensions{b.Client}, own: newOwnWrites()}
	return newBuilder(mgr, r, "extension", o, extensionList).
		Watches(&pbxv1.User{}, byIndex(b.Client, extensionList, indexHolder), ctrlWithPredicates(settledChange)).
		Complete(r)
}

func setUpPhoneServices(_ context.Context, mgr ctrl.Manager, b base, o Options) error {
	r := &recordReconciler[*pbxv1.PhoneService]{
		base: b, kind: phoneServices{Client: b.Client, live: mgr.GetAPIReader(), events: b.events}, own: newOwnWrites(),
	}
	return newBuilder(mgr, r, "phoneservice", o, phoneServiceList).
		Watches(&pbxv1.User{}, byName(servicesNowAndBefore), ctrlWithPredicates(settledChange)).
		Watches(&pbxv1.User{}, droppedServices()).
		Watches(&pbxv1.Extension{}, byIndex(b.Client, phoneServiceList, indexExtension), ctrlWithPredicates(settledChange)).
		Complete(r)
}

func ctrlWithPredicates(p ...predicate.Predicate) builder.Predicates {
	return builder.WithPredicates(p...)
}

// stripSecret drops, before the cache keeps a Secret, what this operator never reads: of other types the data, and of
// all the managed fields.
func stripSecret(in any) (any, error) {
	secret, ok := in.(*corev1.Secret)
	if !ok {
		return in, nil
	}
	secret.ManagedFields = nil
	if secret.Type != corev1.SecretTypeOpaque && secret.Type != corev1.SecretTypeBasicAuth {
		secret.Data = nil
	}
	delete(secret.Annotations, corev1.LastAppliedConfigAnnotation)
	return secret, nil
}
