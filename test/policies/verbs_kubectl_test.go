package policies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
)

// except gives all our verbs but one.
func except(verb string) []string {
	return slices.DeleteFunc(slices.Clone(allVerbs), func(v string) bool { return v == verb })
}

func (f *verbs) manifest(t *testing.T, name string, state pbxv1.State) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".yaml")
	text := fmt.Sprintf(`apiVersion: pbx-operator.io/v1alpha1
kind: User
metadata: {name: %s, namespace: %s}
spec: {firstName: Ada, lastName: Lovelace, state: %s}
`, name, f.namespace, state)
	NewWithT(t).Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	return path
}

func (f *verbs) kubectl(t *testing.T, verbs []string, args ...string) (string, error) {
	t.Helper()
	f.as(t, verbs...)
	return kube.Kubectl(t, append([]string{"--namespace", f.namespace, "--as", subject(verbs)}, args...)...)
}

func (f *verbs) user(t *testing.T, name string) *pbxv1.User {
	t.Helper()
	user := &pbxv1.User{}
	NewWithT(t).Expect(f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.namespace, Name: name}, user)).To(Succeed())
	return user
}

// TestEveryWayToMove moves a user from Active to Deactivated in every way that kubectl knows.
func TestEveryWayToMove(t *testing.T) {
	f := setUpVerbs(t)
	t.Setenv("KUBE_EDITOR", "sed -i s/Active/Deactivated/")
	for way, args := range map[string]func(t *testing.T, name string) []string{
		"edit":        func(_ *testing.T, name string) []string { return []string{"edit", "pbxuser", name} },
		"patch-merge": patchWith("merge", `{"spec":{"state":"Deactivated"}}`),
		"patch-json":  patchWith("json", `[{"op":"replace","path":"/spec/state","value":"Deactivated"}]`),
		"apply":       f.with("apply"),
		"force":       f.with("apply", "--force"),
		"server-side": f.with("apply", "--server-side", "--force-conflicts"),
		"replace":     f.with("replace"),
	} {
		t.Run(way, func(t *testing.T) {
			g := NewWithT(t)
			output, err := kube.Kubectl(t, "apply", "-f", f.manifest(t, way, active))
			g.Expect(err).NotTo(HaveOccurred(), output)
			before := f.user(t, way)

			output, err = f.kubectl(t, except("deactivate"), args(t, way)...)
			g.Expect(err).To(HaveOccurred(), output)
			g.Expect(output).To(And(ContainSubstring("orbidden"), ContainSubstring(`needs the verb "deactivate" on users.pbx-operator.io`)))
			g.Expect(f.user(t, way)).To(Equal(before))

			output, err = f.kubectl(t, []string{"deactivate"}, args(t, way)...)
			g.Expect(err).NotTo(HaveOccurred(), output)
			g.Expect(f.user(t, way).Spec.State).To(Equal(deactivated))
			g.Expect(f.user(t, way).UID).To(Equal(before.UID))
		})
	}
}

func (f *verbs) with(command ...string) func(*testing.T, string) []string {
	return func(t *testing.T, name string) []string {
		t.Helper()
		return slices.Concat(command, []string{"-f", f.manifest(t, name, deactivated)})
	}
}

func patchWith(kind, patch string) func(*testing.T, string) []string {
	return func(_ *testing.T, name string) []string {
		return []string{"patch", "pbxuser", name, "--type", kind, "-p", patch}
	}
}

// TestForceDoesNotGetAround has kubectl turn a refused move into a deletion and a new object: each needs its own verb.
func TestForceDoesNotGetAround(t *testing.T) {
	f := setUpVerbs(t)
	for way, command := range map[string][]string{"apply": {"apply", "--force"}, "replace": {"replace", "--force"}} {
		for _, lacking := range []string{"remove", "purge"} {
			name := way + "-without-" + lacking
			t.Run(name, func(t *testing.T) {
				g := NewWithT(t)
				output, err := kube.Kubectl(t, "apply", "-f", f.manifest(t, name, active))
				g.Expect(err).NotTo(HaveOccurred(), output)
				before := f.user(t, name)

				output, err = f.kubectl(t, except(lacking), slices.Concat(command, []string{"-f", f.manifest(t, name, purged)})...)
				g.Expect(err).To(HaveOccurred(), output)
				g.Expect(output).To(ContainSubstring(`needs the verb "` + lacking + `" on users.pbx-operator.io`))
				if lacking == "remove" {
					g.Expect(f.user(t, name)).To(Equal(before))
					return
				}
				err = f.admin.Get(t.Context(), client.ObjectKeyFromObject(before), before)
				if !apierrors.IsNotFound(err) {
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(before.Spec.State).To(Equal(active))
				}
			})
		}
	}
}

func TestDeletingManyAtOnce(t *testing.T) {
	f := setUpVerbs(t)
	g := NewWithT(t)
	for range 3 {
		f.make(t, "users")
	}
	all := func() int {
		list := &pbxv1.UserList{}
		g.Expect(f.admin.List(t.Context(), list, client.InNamespace(f.namespace))).To(Succeed())
		return len(list.Items)
	}
	err := f.as(t, except("remove")...).DeleteAllOf(t.Context(), &pbxv1.User{}, client.InNamespace(f.namespace))
	g.Expect(err).To(MatchError(ContainSubstring(`needs the verb "remove" on users.pbx-operator.io`)))
	g.Expect(all()).To(Equal(3))
	output, err := f.kubectl(t, except("remove"), "delete", "pbxuser", "--all")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring(`needs the verb "remove" on users.pbx-operator.io`))
	g.Expect(all()).To(Equal(3))
	g.Expect(f.as(t, "remove").DeleteAllOf(t.Context(), &pbxv1.User{}, client.InNamespace(f.namespace))).To(Succeed())
	g.Expect(all()).To(Equal(0))
}

// TestTheNamespaceControllerNeedsNoVerbs acts as who empties a namespace does, who may delete anything and has no verb of ours.
func TestTheNamespaceControllerNeedsNoVerbs(t *testing.T) {
	f := setUpVerbs(t)
	g := NewWithT(t)
	for kind := range kinds {
		f.make(t, kind)
	}
	emptier := f.as(t)
	g.Expect(emptier.DeleteAllOf(t.Context(), &pbxv1.User{}, client.InNamespace(f.namespace))).NotTo(Succeed())
	output, err := kube.Kubectl(t, "delete", "namespace", f.namespace, "--wait=false")
	g.Expect(err).NotTo(HaveOccurred(), output)
	for _, obj := range []client.Object{&pbxv1.User{}, &pbxv1.Extension{}, &pbxv1.PhoneService{}} {
		g.Eventually(func() error { return emptier.DeleteAllOf(t.Context(), obj, client.InNamespace(f.namespace)) }).
			WithTimeout(enforced).Should(Succeed())
	}
}

// TestTheStatusIsNoWayAround tries to change through the status what may not be changed.
func TestTheStatusIsNoWayAround(t *testing.T) {
	f := setUpVerbs(t)
	g := NewWithT(t)
	obj := f.make(t, "users", finalizers(pbxv1.Finalizer))
	changed := obj.DeepCopyObject().(*pbxv1.User) //nolint:forcetypeassert // a copy has the type of its original
	changed.Finalizers, changed.Spec.State = nil, deleted
	changed.Status.Conditions = []metav1.Condition{{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled", LastTransitionTime: metav1.Now(),
	}}
	g.Expect(f.admin.Status().Patch(t.Context(), changed, client.MergeFrom(obj))).To(Succeed())
	now := f.user(t, obj.GetName())
	g.Expect(now.Status.Conditions).To(HaveLen(1))
	g.Expect(now.Finalizers).To(ConsistOf(pbxv1.Finalizer))
	g.Expect(now.Spec.State).To(Equal(active))
}
