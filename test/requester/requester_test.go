package requester_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	annotation = "pbx-operator.io/requester"
	forged     = "somebody-else"
	limit      = 30 * time.Second
)

// setUp gives a tenant on a server that has the policy, and the clients of two people who may do anything.
func setUp(t *testing.T) (tenant *operator.Tenant, kim, lee client.Client) {
	t.Helper()
	g := NewWithT(t)
	tenant = operator.NewTenant(t, operator.SQLite)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: tenant.Namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{APIGroup: rbacv1.GroupName, Kind: "User", Name: "kim"}, {APIGroup: rbacv1.GroupName, Kind: "User", Name: "lee"},
		},
	}
	g.Expect(tenant.Client.Create(t.Context(), binding)).To(Succeed())
	t.Cleanup(func() { _ = tenant.Client.Delete(context.Background(), binding) })
	installPolicy(t, tenant)
	return tenant, as(t, tenant, "kim"), as(t, tenant, "lee")
}

func installPolicy(t *testing.T, tenant *operator.Tenant) {
	t.Helper()
	output, err := kube.Kubectl(t, "apply", "--server-side", "-k", "config/policies/requester")
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred(), output)
	kim := as(t, tenant, "kim")
	g.Eventually(func() (string, error) {
		probe := tenant.User("probe")
		err := kim.Create(context.Background(), probe, client.DryRunAll)
		return probe.Annotations[annotation], err
	}).WithTimeout(limit).Should(Equal("kim"))
}

func as(t *testing.T, tenant *operator.Tenant, name string) client.Client {
	t.Helper()
	config := rest.CopyConfig(tenant.Config)
	config.Impersonate.UserName = name
	return operator.Client(t, config)
}

func annotate(value string) func(client.Object) {
	return func(o client.Object) {
		annotations := map[string]string{"example.com/note": "kept"}
		if value != "" {
			annotations[annotation] = value
		}
		o.SetAnnotations(annotations)
	}
}

func TestTheStamp(t *testing.T) {
	tenant, kim, lee := setUp(t)
	for kind, newObject := range map[string]func() pbxv1.Record{
		"User":         func() pbxv1.Record { return tenant.User("stamped") },
		"Extension":    func() pbxv1.Record { return tenant.Extension("stamped", "1001", "") },
		"PhoneService": func() pbxv1.Record { return tenant.Phone("stamped", "ext") },
	} {
		for name, c := range map[string]struct {
			created func(client.Object)
			by      client.Client
			change  func(pbxv1.Record)
			want    string
		}{
			"created":                           {want: "kim"},
			"created with notes":                {created: annotate(""), want: "kim"},
			"created with a forged one":         {created: annotate(forged), want: "kim"},
			"spec changed by another":           {by: lee, change: deactivate, want: "lee"},
			"spec changed, forged":              {by: lee, change: func(r pbxv1.Record) { deactivate(r); annotate(forged)(r) }, want: "lee"},
			"spec changed, removed":             {by: lee, change: func(r pbxv1.Record) { deactivate(r); r.SetAnnotations(nil) }, want: "lee"},
			"annotation alone forged":           {by: lee, change: func(r pbxv1.Record) { annotate(forged)(r) }, want: "kim"},
			"annotation alone, to oneself":      {by: lee, change: func(r pbxv1.Record) { annotate("lee")(r) }, want: "kim"},
			"annotation alone removed":          {by: lee, change: func(r pbxv1.Record) { r.SetAnnotations(nil) }, want: "kim"},
			"finalizer alone, as operators do":  {by: lee, change: func(r pbxv1.Record) { r.SetFinalizers([]string{"example.com/f"}) }, want: "kim"},
			"finalizer, and annotation removed": {by: lee, change: func(r pbxv1.Record) { r.SetFinalizers([]string{"example.com/f"}); r.SetAnnotations(nil) }, want: "kim"},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				g := NewWithT(t)
				obj := newObject()
				obj.SetName("")
				obj.SetGenerateName("stamped-")
				if c.created != nil {
					c.created(obj)
				}
				g.Expect(kim.Create(t.Context(), obj)).To(Succeed())
				if c.change != nil {
					c.change(obj)
					g.Expect(c.by.Update(t.Context(), obj)).To(Succeed())
				}
				g.Expect(tenant.Client.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
				g.Expect(obj.GetAnnotations()).To(HaveKeyWithValue(annotation, c.want))
				if c.created != nil {
					g.Expect(obj.GetAnnotations()).To(HaveKeyWithValue("example.com/note", "kept"))
				}
			})
		}
	}
}

func deactivate(r pbxv1.Record) { r.Common().State = pbxv1.StateDeactivated }

// TestAnObjectFromBefore was made before the policy came: who touches it without changing its spec cannot claim it.
func TestAnObjectFromBefore(t *testing.T) {
	tenant, _, lee := setUp(t)
	g := NewWithT(t)
	output, err := kube.Kubectl(t, "delete", "mutatingadmissionpolicybinding", "pbx-requester")
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Eventually(func() map[string]string {
		probe := tenant.User("probe")
		g.Expect(lee.Create(context.Background(), probe, client.DryRunAll)).To(Succeed())
		return probe.Annotations
	}).WithTimeout(limit).ShouldNot(HaveKey(annotation))
	old := tenant.User("ada")
	g.Expect(lee.Create(t.Context(), old)).To(Succeed())
	installPolicy(t, tenant)
	for range 2 {
		annotate(forged)(old)
		g.Expect(lee.Update(t.Context(), old)).To(Succeed())
		g.Expect(old.Annotations).To(Equal(map[string]string{"example.com/note": "kept"}))
	}
}

// TestServerSideApply has the stamp survive those who own every field that they apply, and no other.
func TestServerSideApply(t *testing.T) {
	tenant, _, _ := setUp(t)
	g := NewWithT(t)
	apply := func(who, text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "user.yaml")
		g.Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
		output, err := kube.Kubectl(t, "apply", "--server-side", "--force-conflicts", "--as", who, "-n", tenant.Namespace, "-f", path)
		g.Expect(err).NotTo(HaveOccurred(), output)
	}
	stamp := func() string {
		user := tenant.User("ada")
		g.Expect(tenant.Client.Get(t.Context(), client.ObjectKeyFromObject(user), user)).To(Succeed())
		return user.Annotations[annotation]
	}
	const (
		plain   = "{apiVersion: pbx-operator.io/v1alpha1, kind: User, metadata: {name: ada}, spec: {firstName: Ada, lastName: Lovelace}}"
		claimed = "{apiVersion: pbx-operator.io/v1alpha1, kind: User, metadata: {name: ada, annotations: {pbx-operator.io/requester: " +
			forged + "}}, spec: {firstName: Ada, lastName: Lovelace}}"
		changed = "{apiVersion: pbx-operator.io/v1alpha1, kind: User, metadata: {name: ada}, spec: {firstName: Ada, lastName: King}}"
	)
	for _, step := range []struct{ who, text, want string }{
		{"kim", plain, "kim"},
		{"lee", plain, "kim"},
		{"lee", claimed, "kim"},
		{"lee", plain, "kim"},
		{"lee", changed, "lee"},
		{"kim", changed, "lee"},
	} {
		apply(step.who, step.text)
		g.Expect(stamp()).To(Equal(step.want), "%+v", step)
	}
}
