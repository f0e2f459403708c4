package roles_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// enforced bounds how long the API server takes to enforce new policies and roles.
const enforced = 30 * time.Second

// fixture is a namespace where people have roles, and another one where they have none.
type fixture struct {
	admin            client.Client
	config           *rest.Config
	namespace, other string
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{config: kube.Start(t), namespace: kube.Namespace(t), other: kube.Namespace(t)}
	f.admin = operator.Client(t, f.config)
	kube.InstallPolicies(t)
	for _, args := range [][]string{{"-f", "config/manager/namespace.yaml"}, {"-k", "config/rbac"}} {
		output, err := kube.Kubectl(t, append([]string{"apply", "--server-side"}, args...)...)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	}
	return f
}

// client gives the client of somebody.
func (f *fixture) client(t *testing.T, who rest.ImpersonationConfig) client.Client {
	t.Helper()
	config := rest.CopyConfig(f.config)
	config.Impersonate = who
	return operator.Client(t, config)
}

// bind gives a person a ClusterRole, in the namespace or everywhere, and waits until it counts.
func (f *fixture) bind(t *testing.T, role string, everywhere bool) (person string) {
	t.Helper()
	g := NewWithT(t)
	person = f.namespace + "-" + role
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: person}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	var binding client.Object = &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: person}, RoleRef: ref, Subjects: subjects,
	}
	if everywhere {
		binding = &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: person}, RoleRef: ref, Subjects: subjects}
	}
	g.Expect(f.admin.Create(t.Context(), binding)).To(Succeed())
	t.Cleanup(func() { g.Expect(f.admin.Delete(context.Background(), binding)).To(Succeed()) })
	g.Eventually(func() bool { return f.may(t, person, nil, f.namespace, "get", pbxv1.GroupVersion.Group, "users", "") }).
		WithTimeout(enforced).Should(BeTrue())
	return person
}

// may asks the API server.
func (f *fixture) may(t *testing.T, person string, groups []string, namespace, verb, group, resource, sub string) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: person, Groups: groups, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: group, Resource: resource, Subresource: sub,
		},
	}}
	NewWithT(t).Expect(f.admin.Create(context.Background(), review)).To(Succeed())
	return review.Status.Allowed
}
