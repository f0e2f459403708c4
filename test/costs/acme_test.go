package costs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const acme = "config/samples/acme"

// companyLimit bounds how long the sample company takes to be Ready, on a busy machine.
const companyLimit = 3 * time.Minute

// TestAcmeInAnyOrder applies the sample company in random orders: it becomes Ready, at a bounded cost. A restart of the
// operator over it costs nothing.
func TestAcmeInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, backend := range []operator.Backend{operator.SQLite, operator.Postgres, operator.SQLite} {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%s,seed=%d", backend, seed), func(t *testing.T) {
			t.Parallel()
			s := &scene{Tenant: operator.NewTenant(t, backend), t: t}
			objects := s.acme()
			random := rand.New(rand.NewPCG(seed, seed))
			random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
			s.operator = operator.Start(t, s.Options())
			s.CreateAll(objects)
			s.settleCompany()
			s.boundedCosts()
			s.freeRestart()
		})
	}
}

// TestAcmeAtOnce applies the sample company as its README says.
func TestAcmeAtOnce(t *testing.T) {
	t.Parallel()
	s := &scene{Tenant: operator.NewTenant(t, operator.SQLite), t: t}
	s.Namespace = "acme"
	s.operator = operator.Start(t, s.Options())
	if out, err := kube.Kubectl(t, "apply", "--server-side", "-k", acme); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.settleCompany()
	s.boundedCosts()
	s.freeRestart()
}

func (s *scene) settleCompany() {
	s.t.Helper()
	begun := time.Now()
	s.Ready(companyLimit)
	s.t.Logf("%d objects are Ready after %s", len(s.Objects()), time.Since(begun).Round(time.Millisecond))
	s.operator.Settle(s.t)
}

// acme is the sample company as kustomize builds it, in the tenant's namespace and store.
func (s *scene) acme() []client.Object {
	s.t.Helper()
	text, err := kube.Kubectl(s.t, "kustomize", acme)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	var objects []client.Object
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	for {
		obj := &unstructured.Unstructured{}
		if err := decoder.Decode(obj); errors.Is(err, io.EOF) {
			return objects
		} else if err != nil {
			s.t.Fatal(err)
		}
		switch obj.GetKind() {
		case "Namespace":
			continue
		case "PhoneSystem":
			s.useStore(obj)
		}
		obj.SetNamespace(s.Namespace)
		objects = append(objects, obj)
	}
}

// useStore has the sample's PhoneSystem keep its records in the tenant's store.
func (s *scene) useStore(system *unstructured.Unstructured) {
	s.t.Helper()
	if s.DSN == "" {
		return
	}
	s.NewPhoneSystem() // makes the Secret
	postgres := map[string]any{"postgres": map[string]any{"secretRef": map[string]any{"name": operator.StoreSecret}}}
	if err := unstructured.SetNestedMap(system.Object, postgres, "spec", "store"); err != nil {
		s.t.Fatal(err)
	}
}

// boundedCosts sees what an object costs at most when everything comes in any order: a finalizer, a status when it is
// written to the store, one more if the phone system came later, and one for each thing that came later and shows in it.
func (s *scene) boundedCosts() {
	s.t.Helper()
	shown := s.shown()
	all, most := 0, map[string]int{}
	for path, writes := range s.operator.API.ByObject() {
		kind, _, _ := strings.Cut(path, "/")
		all += len(writes)
		if kind == "secrets" {
			continue
		}
		most[kind] = max(most[kind], len(writes))
		if bound := 3 + shown[path]; len(writes) > bound {
			s.t.Errorf("%s shows %d others: %d writes, want at most %d: %v", path, shown[path], len(writes), bound, writes)
		}
	}
	for _, err := range s.operator.Store.Errors() {
		if !errors.Is(err, store.ErrChanged) {
			s.t.Errorf("the store answered: %v", err)
		}
	}
	transactions := s.bill().Store
	s.t.Logf("%d objects: %d API writes, at most %v for one; %d transactions, at most %d for one",
		len(s.Objects()), all, most, sum(transactions), slices.Max(slices.Collect(maps.Values(transactions))))
}

// shown counts, for each object, what the others have that shows in its status: that they are there, and, of those whose
// setup decides about its own, the password or PIN that they get.
func (s *scene) shown() map[string]int {
	shown := map[string]int{}
	for _, obj := range s.Objects() {
		switch o := obj.(type) {
		case *pbxv1.User:
			shown["users/"+o.Name] += len(o.Spec.Services) + 1 // its password
			for _, service := range o.Spec.Services {
				shown["phoneservices/"+string(service.Name)]++
			}
		case *pbxv1.Extension:
			shown["extensions/"+o.Name]++ // its PIN
			if o.Spec.UserRef != nil {
				shown["extensions/"+o.Name] += 2
				shown["users/"+string(o.Spec.UserRef.Name)] += 2
			}
		case *pbxv1.PhoneService:
			shown["phoneservices/"+o.Name] += 2 // its extension and its password
			if o.Status.Effective != pbxv1.EffectiveNormal {
				shown["phonesystems/"+string(o.Spec.PhoneSystemRef.Name)]++ // that it is restricted
			}
		}
	}
	return shown
}
