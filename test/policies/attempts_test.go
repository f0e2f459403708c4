package policies_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// attempt is a base object with a mutation, a change or the deletion of it, and what the API server says to that.
type attempt[T client.Object] struct {
	name string
	// is mutates the spec of the base, has its status.
	is, has func(T)
	// change is what is tried; nil tries DELETE.
	change func(T)
	// refused is a part of the refusal; empty: it is let through, with as many warnings as warned has parts of.
	refused string
	warned  []string
}

func (a attempt[T]) said() bool { return a.refused != "" || len(a.warned) > 0 }

var attempts atomic.Int64

// try makes each attempt as a dry run. Those to which something is said come first: when a policy has spoken once, that it
// keeps silent means something.
func try[T client.Object](t *testing.T, f *fixture, base func() T, all []attempt[T]) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b attempt[T]) int {
		switch {
		case a.said() == b.said():
			return 0
		case a.said():
			return -1
		}
		return 1
	})
	for _, a := range all {
		t.Run(a.name, func(t *testing.T) { a.make(t, f, base()) })
	}
}

func (a attempt[T]) make(t *testing.T, f *fixture, obj T) {
	g := NewWithT(t)
	obj.SetNamespace(f.namespace)
	obj.SetName(fmt.Sprintf("attempt-%d", attempts.Add(1)))
	if a.is != nil {
		a.is(obj)
	}
	g.Expect(f.Create(t.Context(), obj)).To(Succeed())
	if a.has != nil {
		before := obj.DeepCopyObject().(client.Object)
		a.has(obj)
		g.Expect(f.Status().Patch(t.Context(), obj, client.MergeFrom(before))).To(Succeed())
	}
	check := func(g Gomega) {
		f.warned.take()
		err := a.dryRun(t, f, obj.DeepCopyObject().(T))
		warned := f.warned.all()
		if a.refused != "" {
			g.Expect(err).To(MatchError(ContainSubstring(a.refused)))
			return
		}
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(warned).To(HaveLen(len(a.warned)), strings.Join(warned, "\n"))
		for _, part := range a.warned {
			g.Expect(warned).To(ContainElement(ContainSubstring(part)))
		}
	}
	if a.said() {
		g.Eventually(check).WithTimeout(enforced).Should(Succeed())
		return
	}
	check(g)
}

func (a attempt[T]) dryRun(t *testing.T, f *fixture, obj T) error {
	if a.change == nil {
		return f.Delete(t.Context(), obj, client.DryRunAll)
	}
	a.change(obj)
	return f.Update(t.Context(), obj, client.DryRunAll)
}

// toState moves an object to a state.
func toState[T pbxv1.Record](state pbxv1.State) func(T) {
	return func(obj T) { obj.Common().State = state }
}

// withPolicy gives an object a deletionPolicy.
func withPolicy[T pbxv1.Record](policy pbxv1.DeletionPolicy) func(T) {
	return func(obj T) { obj.Common().DeletionPolicy = policy }
}

func inState[T pbxv1.Record](state pbxv1.State, policy pbxv1.DeletionPolicy) func(T) {
	return func(obj T) { obj.Common().State, obj.Common().DeletionPolicy = state, policy }
}

func localPhone() *pbxv1.PhoneService {
	return &pbxv1.PhoneService{Spec: pbxv1.PhoneServiceSpec{ExtensionRef: &pbxv1.LocalReference{Name: "e"}}}
}

func ada() *pbxv1.User {
	return &pbxv1.User{Spec: pbxv1.UserSpec{FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com"}}
}

func line(number pbxv1.Number) func() *pbxv1.Extension {
	return func() *pbxv1.Extension {
		return &pbxv1.Extension{ObjectMeta: metav1.ObjectMeta{}, Spec: pbxv1.ExtensionSpec{Number: number}}
	}
}
