package policies_test

import (
	"context"
	"slices"
	"testing"

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

// allVerbs are those of our own; rbacVerbs are what everybody in these tests may do besides.
var (
	allVerbs  = []string{"activate", "deactivate", "remove", "restore", "purge", "reset"}
	rbacVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
)

// verbs is a namespace with people who have some of our verbs in it.
type verbs struct {
	admin     client.Client
	config    *rest.Config
	namespace string
	people    map[string]client.Client
}

func setUpVerbs(t *testing.T) *verbs {
	t.Helper()
	config := kube.Start(t)
	kube.InstallPolicies(t)
	f := &verbs{admin: operator.Client(t, config), config: config, namespace: kube.Namespace(t), people: map[string]client.Client{}}
	f.waitUntilEnforced(t)
	return f
}

// waitUntilEnforced has somebody without a verb of ours try something against each policy until all of them refuse it.
func (f *verbs) waitUntilEnforced(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	nobody := f.as(t)
	probe := f.make(t, "extensions", both(holder("ada"), finalizers(pbxv1.Finalizer)))
	for _, change := range []func(pbxv1.Record){state(deactivated), policy(onPurge), holder(""), finalizers()} {
		g.Eventually(func() error {
			changed := probe.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
			change(changed)
			return nobody.Update(context.Background(), changed, client.DryRunAll)
		}).WithTimeout(enforced).Should(MatchError(ContainSubstring("needs the verb")))
	}
	g.Eventually(func() error { return nobody.Delete(context.Background(), probe, client.DryRunAll) }).
		WithTimeout(enforced).Should(MatchError(ContainSubstring("needs the verb")))
}

// make makes a record as an administrator.
func (f *verbs) make(t *testing.T, kind string, changes ...func(pbxv1.Record)) pbxv1.Record {
	t.Helper()
	obj := kinds[kind](metav1.ObjectMeta{Namespace: f.namespace, GenerateName: "probe-"})
	both(changes...)(obj)
	NewWithT(t).Expect(f.admin.Create(t.Context(), obj)).To(Succeed())
	return obj
}

// as gives the client of somebody who has these of our verbs, and may do all else with the records of the namespace.
func (f *verbs) as(t *testing.T, verbs ...string) client.Client {
	t.Helper()
	name := subject(verbs)
	if known := f.people[name]; known != nil {
		return known
	}
	g := NewWithT(t)
	f.grant(t, name, name, rbacv1.PolicyRule{
		APIGroups: []string{pbxv1.GroupVersion.Group}, Resources: []string{"users", "extensions", "phoneservices"},
		Verbs: slices.Concat(rbacVerbs, verbs),
	})
	g.Eventually(func() bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: name, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: f.namespace, Group: pbxv1.GroupVersion.Group, Resource: "users", Verb: "update",
			},
		}}
		g.Expect(f.admin.Create(context.Background(), review)).To(Succeed())
		return review.Status.Allowed
	}).WithTimeout(enforced).Should(BeTrue())
	config := rest.CopyConfig(f.config)
	config.Impersonate.UserName = name
	f.people[name] = operator.Client(t, config)
	return f.people[name]
}

// grant gives somebody rights in the namespace.
func (f *verbs) grant(t *testing.T, person, role string, rule rbacv1.PolicyRule) {
	t.Helper()
	g := NewWithT(t)
	meta := metav1.ObjectMeta{Namespace: f.namespace, Name: role}
	g.Expect(f.admin.Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}})).To(Succeed())
	g.Expect(f.admin.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: person}},
	})).To(Succeed())
}
