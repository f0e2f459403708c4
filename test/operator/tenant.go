package operator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// Backend is a kind of store.
type Backend string

// The kinds of stores.
const (
	SQLite   Backend = "SQLite"
	Postgres Backend = "PostgreSQL"
)

// Backends are all of them.
var Backends = []Backend{SQLite, Postgres}

const (
	// PhoneSystem is the name of a tenant's PhoneSystem, which objects refer to by default.
	PhoneSystem = "default"
	// StoreSecret is the name of the Secret with the DSN of its store, if that is in PostgreSQL.
	StoreSecret = "store"
)

// callLimit bounds one call of a test to the API server.
const callLimit = 30 * time.Second

// Tenant is a namespace with a PhoneSystem, whose store is of some kind.
type Tenant struct {
	Client    client.Client
	Config    *rest.Config
	Namespace string
	// DataDir holds the embedded store.
	DataDir string
	// DSN of the store, if it is in PostgreSQL.
	DSN string

	tb testing.TB
}

// NewTenant makes a namespace and a store, without a PhoneSystem.
func NewTenant(tb testing.TB, b Backend) *Tenant {
	tb.Helper()
	t := &Tenant{tb: tb, Config: kube.Start(tb), Namespace: kube.Namespace(tb), DataDir: tb.TempDir()}
	t.Client = Client(tb, t.Config)
	if b == Postgres {
		t.DSN = pgserver.NewDatabase(tb)
	}
	return t
}

// Options of an operator for this tenant alone.
func (t *Tenant) Options() Options {
	return Options{Config: t.Config, Namespaces: []string{t.Namespace}, DataDir: t.DataDir}
}

// NewPhoneSystem gives a PhoneSystem with the tenant's store. The Secret that it needs is made at once.
func (t *Tenant) NewPhoneSystem() *pbxv1.PhoneSystem {
	t.tb.Helper()
	system := &pbxv1.PhoneSystem{
		ObjectMeta: t.Meta(PhoneSystem),
		Spec:       pbxv1.PhoneSystemSpec{Domain: "acme.example", Store: pbxv1.Store{Embedded: &pbxv1.EmbeddedStore{}}},
	}
	if t.DSN != "" {
		t.Create(&corev1.Secret{ObjectMeta: t.Meta(StoreSecret), StringData: map[string]string{"dsn": t.DSN}})
		system.Spec.Store = pbxv1.Store{Postgres: &pbxv1.PostgresStore{SecretRef: pbxv1.SecretKeyReference{Name: StoreSecret}}}
	}
	return system
}

// Meta names an object of the tenant.
func (t *Tenant) Meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: t.Namespace, Name: name}
}

// common is what a manifest may leave out, but a Go client has to say.
func common() pbxv1.RecordSpec {
	return pbxv1.RecordSpec{PhoneSystemRef: pbxv1.LocalReference{Name: PhoneSystem}}
}

// User is a user of the tenant with services, of which the first is the primary.
func (t *Tenant) User(name string, services ...string) *pbxv1.User {
	user := &pbxv1.User{ObjectMeta: t.Meta(name), Spec: pbxv1.UserSpec{
		RecordSpec: common(),
		FirstName:  pbxv1.Line(name), LastName: "Example", Email: pbxv1.EmailAddress(name + "@acme.example"),
	}}
	SetServices(user, services...)
	return user
}

// SetServices gives a user services, of which the first is the primary.
func SetServices(user *pbxv1.User, services ...string) {
	user.Spec.Services, user.Spec.PrimaryService = nil, ""
	for _, name := range services {
		user.Spec.Services = append(user.Spec.Services, pbxv1.LocalReference{Name: pbxv1.ObjectName(name)})
	}
	if len(services) > 0 {
		user.Spec.PrimaryService = services[0]
	}
}

// Extension is an extension of the tenant; holder may be empty.
func (t *Tenant) Extension(name, number, holder string) *pbxv1.Extension {
	extension := &pbxv1.Extension{ObjectMeta: t.Meta(name), Spec: pbxv1.ExtensionSpec{
		RecordSpec: common(), Number: pbxv1.Number(number),
	}}
	if holder != "" {
		extension.Spec.UserRef = &pbxv1.LocalReference{Name: pbxv1.ObjectName(holder)}
	}
	return extension
}

// Phone is a phone of the tenant, with generated credentials, that rings an extension.
func (t *Tenant) Phone(name, extension string) *pbxv1.PhoneService {
	return &pbxv1.PhoneService{ObjectMeta: t.Meta(name), Spec: pbxv1.PhoneServiceSpec{
		RecordSpec: common(), ExtensionRef: &pbxv1.LocalReference{Name: pbxv1.ObjectName(extension)},
	}}
}

// Create creates objects.
func (t *Tenant) Create(objects ...client.Object) {
	t.tb.Helper()
	for _, obj := range objects {
		t.must("create "+name(obj), func(ctx context.Context) error { return t.Client.Create(ctx, obj) })
	}
}

// creators is how many objects CreateAll creates at once.
const creators = 8

// CreateAll creates many objects, several at once, begun in their order.
func (t *Tenant) CreateAll(objects []client.Object) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit*creators)
	defer cancel()
	next := make(chan client.Object)
	errs := make([]error, creators)
	var group sync.WaitGroup
	for i := range creators {
		group.Go(func() {
			for obj := range next {
				errs[i] = errors.Join(errs[i], t.Client.Create(ctx, obj))
			}
		})
	}
	for _, obj := range objects {
		next <- obj
	}
	close(next)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.tb.Fatalf("create %d objects: %v", len(objects), err)
	}
}

// Change reads an object, changes it and writes it back, without regard to what others changed meanwhile.
func Change[T client.Object](t *Tenant, obj T, change func(T)) {
	t.tb.Helper()
	t.must("change "+name(obj), func(ctx context.Context) error {
		if err := t.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		before := obj.DeepCopyObject().(T) //nolint:forcetypeassert // a copy has the type of its original
		change(obj)
		return t.Client.Patch(ctx, obj, client.MergeFrom(before))
	})
}

// Delete deletes an object, which is gone when its finalizers are.
func (t *Tenant) Delete(obj client.Object) {
	t.tb.Helper()
	t.must("delete "+name(obj), func(ctx context.Context) error { return t.Client.Delete(ctx, obj) })
}

// Gone waits until an object is gone.
func (t *Tenant) Gone(obj client.Object) {
	t.tb.Helper()
	Await(t.tb, settleLimit, name(obj)+" goes", func() string {
		ctx, cancel := context.WithTimeout(context.Background(), callLimit)
		defer cancel()
		err := t.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		if client.IgnoreNotFound(err) != nil {
			return err.Error()
		}
		if err == nil {
			return "it is still there"
		}
		return ""
	})
}

func (t *Tenant) must(what string, do func(context.Context) error) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if err := do(ctx); err != nil {
		t.tb.Fatalf("%s: %v", what, err)
	}
}

// Objects lists all PhoneSystems, Extensions, PhoneServices and Users.
func (t *Tenant) Objects() []client.Object {
	t.tb.Helper()
	var objects []client.Object
	for _, list := range []client.ObjectList{
		&pbxv1.PhoneSystemList{}, &pbxv1.ExtensionList{}, &pbxv1.PhoneServiceList{}, &pbxv1.UserList{},
	} {
		t.must("list", func(ctx context.Context) error { return t.Client.List(ctx, list, client.InNamespace(t.Namespace)) })
		err := meta.EachListItem(list, func(item runtime.Object) error {
			objects = append(objects, item.(client.Object)) //nolint:forcetypeassert // items of a list of objects
			return nil
		})
		if err != nil {
			t.tb.Fatal(err)
		}
	}
	return objects
}

// Ready waits until all objects are Ready, for what their specs say now.
func (t *Tenant) Ready(limit time.Duration) {
	t.tb.Helper()
	t.Await(limit, "all objects become Ready", func(_ client.Object, generation int64, ready metav1.Condition) error {
		if generation != ready.ObservedGeneration || ready.Status != metav1.ConditionTrue {
			return errors.New(ready.Reason + ": " + ready.Message)
		}
		return nil
	})
}

// Await waits until nothing is wrong with any object. Its Ready condition is empty while there is none.
func (t *Tenant) Await(limit time.Duration, what string, wrong func(client.Object, int64, metav1.Condition) error) {
	t.tb.Helper()
	Await(t.tb, limit, what, func() string {
		var all []string
		objects := t.Objects()
		for _, obj := range objects {
			if err := wrong(obj, obj.GetGeneration(), readyOf(obj)); err != nil {
				all = append(all, name(obj)+": "+err.Error())
			}
		}
		if len(all) == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d objects: %s", len(all), len(objects), strings.Join(all[:min(5, len(all))], "; "))
	})
}

// Unready tells of each object that is not Ready why not.
func (t *Tenant) Unready() []string {
	t.tb.Helper()
	var all []string
	for _, obj := range t.Objects() {
		if ready := readyOf(obj); ready.Status != metav1.ConditionTrue {
			all = append(all, fmt.Sprintf("%s: %s: %s", name(obj), ready.Reason, ready.Message))
		}
	}
	return all
}

func readyOf(obj client.Object) metav1.Condition {
	var conditions []metav1.Condition
	switch o := obj.(type) {
	case pbxv1.Record:
		conditions = o.CommonStatus().Conditions
	case *pbxv1.PhoneSystem:
		conditions = o.Status.Conditions
	}
	i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == pbxv1.ConditionReady })
	if i < 0 {
		return metav1.Condition{Reason: "NotYet", Message: "not reconciled yet"}
	}
	return conditions[i]
}

func name(obj client.Object) string { return fmt.Sprintf("%T %s", obj, obj.GetName()) }

func (t *Tenant) file() string { return filepath.Join(t.DataDir, t.Namespace, PhoneSystem+".db") }
