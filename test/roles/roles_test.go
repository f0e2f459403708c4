package roles_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// roles are the columns of the table: those that we ship, and those of Kubernetes with what is aggregated into them.
var roles = []string{
	"pbx-viewer", "pbx-helpdesk", "pbx-office-manager", "pbx-account-admin", "pbx-privacy-officer", "view", "edit", "admin",
}

// table says for each action which roles may do it: one letter for each, in their order.
var table = map[string]string{
	//                       V H O A P  view edit admin
	"see people":           "x x x x x  x x x",
	"see phone systems":    "x x x x x  x x x",
	"edit a user":          ". x x x x  . x x",
	"edit an extension":    ". x x x x  . x x",
	"edit a phone":         ". x x x x  . x x",
	"reset":                ". x x x .  . x x",
	"deactivate":           ". . x x .  . x x",
	"activate":             ". . x x .  . x x",
	"act in bulk":          ". . x x .  . x x",
	"create":               ". . . x .  . x x",
	"create Deactivated":   ". . . x .  . x x",
	"remove":               ". . . x .  . x x",
	"delete":               ". . . x .  . x x",
	"delete all":           ". . . x .  . x x",
	"restore":              ". . . x .  . x x",
	"change phone systems": ". . . x .  . x x",
	"purge":                ". . . . x  . . x",
	"purge at deletion":    ". . . . x  . . x",
	"take the finalizer":   ". . . . x  . . x",
	"create Purged":        ". . . . .  . . x",
	"write a status":       ". . . . .  . . .",
	// Those of Kubernetes read them anyway.
	"read Secrets": ". . . . .  . x x",
}

func TestRolesByAction(t *testing.T) {
	f := setUp(t)
	f.aggregate(t)
	actions := f.actions(t)
	for _, binding := range []string{"RoleBinding", "ClusterRoleBinding"} {
		t.Run(binding, func(t *testing.T) {
			for i, role := range roles {
				person := f.bind(t, inTest(role), binding == "ClusterRoleBinding")
				as := f.client(t, rest.ImpersonationConfig{UserName: person})
				for action, may := range table {
					t.Run(role+"/"+action, func(t *testing.T) {
						g := NewWithT(t)
						err := actions[action](t.Context(), as, f.namespace)
						if strings.Fields(may)[i] == "x" {
							g.Expect(err).NotTo(HaveOccurred())
						} else {
							g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
						}
						if binding == "RoleBinding" {
							g.Expect(actions[action](t.Context(), as, f.other)).NotTo(Succeed(), "in another namespace")
						}
					})
				}
			}
		})
	}
}

// action is tried by somebody in a namespace.
type action func(ctx context.Context, as client.Client, namespace string) error

// actions makes what they are tried on, in both namespaces.
func (f *fixture) actions(t *testing.T) map[string]action {
	t.Helper()
	for _, namespace := range []string{f.namespace, f.other} {
		f.makeObjects(t, namespace)
	}
	f.awaitPolicies(t)
	return map[string]action{
		"see people":           listing(&pbxv1.UserList{}),
		"see phone systems":    listing(&pbxv1.PhoneSystemList{}),
		"read Secrets":         listing(&corev1.SecretList{}),
		"edit a user":          patching(&pbxv1.User{}, "active", `{"spec":{"department":"Sales"}}`),
		"edit an extension":    patching(&pbxv1.Extension{}, "held", `{"spec":{"displayName":"Lobby"}}`),
		"edit a phone":         patching(&pbxv1.PhoneService{}, "desk", `{"spec":{"device":{"model":"X"}}}`),
		"reset":                patching(&pbxv1.Extension{}, "held", `{"spec":{"userRef":null}}`),
		"deactivate":           patching(&pbxv1.User{}, "active", `{"spec":{"state":"Deactivated"}}`),
		"activate":             patching(&pbxv1.User{}, "away", `{"spec":{"state":"Active"}}`),
		"remove":               patching(&pbxv1.User{}, "active", `{"spec":{"state":"Deleted"}}`),
		"restore":              patching(&pbxv1.User{}, "deleted", `{"spec":{"state":"Active"}}`),
		"purge":                patching(&pbxv1.User{}, "deleted", `{"spec":{"state":"Purged"}}`),
		"purge at deletion":    patching(&pbxv1.User{}, "active", `{"spec":{"deletionPolicy":"Purge"}}`),
		"take the finalizer":   patching(&pbxv1.User{}, "active", `{"metadata":{"finalizers":null}}`),
		"change phone systems": patching(&pbxv1.PhoneSystem{}, "default", `{"spec":{"mainNumber":"+4930123456"}}`),
		"create":               creating(pbxv1.StateActive),
		"create Deactivated":   creating(pbxv1.StateDeactivated),
		"create Purged":        creating(pbxv1.StatePurged),
		"delete": func(ctx context.Context, as client.Client, namespace string) error {
			return as.Delete(ctx, user(namespace, "active"), client.DryRunAll)
		},
		"delete all": func(ctx context.Context, as client.Client, namespace string) error {
			return as.DeleteAllOf(ctx, &pbxv1.User{}, client.InNamespace(namespace), client.DryRunAll)
		},
		"write a status": func(ctx context.Context, as client.Client, namespace string) error {
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"state":"Active"}}`))
			return as.Status().Patch(ctx, user(namespace, "active"), patch, client.DryRunAll)
		},
		// The kind is still to come: the rule is there for it.
		"act in bulk": func(ctx context.Context, as client.Client, namespace string) error {
			return reviewed(ctx, as, namespace, "create", "bulkactions")
		},
	}
}

func (f *fixture) makeObjects(t *testing.T, namespace string) {
	t.Helper()
	away, deleted := user(namespace, "away"), user(namespace, "deleted")
	away.Spec.State, deleted.Spec.State = pbxv1.StateDeactivated, pbxv1.StateDeleted
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	for _, obj := range []client.Object{
		user(namespace, "active"), away, deleted,
		&pbxv1.Extension{ObjectMeta: meta("held"), Spec: pbxv1.ExtensionSpec{
			RecordSpec: common(), Number: "1001", UserRef: &pbxv1.LocalReference{Name: "active"},
		}},
		&pbxv1.PhoneService{ObjectMeta: meta("desk"), Spec: pbxv1.PhoneServiceSpec{
			RecordSpec: common(), ExtensionRef: &pbxv1.LocalReference{Name: "held"},
		}},
		&pbxv1.PhoneSystem{ObjectMeta: meta("default"), Spec: pbxv1.PhoneSystemSpec{
			Domain: "acme.example", Store: pbxv1.Store{Embedded: &pbxv1.EmbeddedStore{}},
		}},
	} {
		NewWithT(t).Expect(f.admin.Create(t.Context(), obj)).To(Succeed())
	}
}

// awaitPolicies has the help desk, who may edit, try what it may not until all policies are in force.
func (f *fixture) awaitPolicies(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	meta := metav1.ObjectMeta{Name: "pbx-test-no-verbs-" + f.namespace}
	g.Expect(f.admin.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{pbxv1.GroupVersion.Group}, Resources: []string{"*"},
		Verbs: []string{"get", "list", "update", "patch", "delete"},
	}}})).To(Succeed())
	as := f.client(t, rest.ImpersonationConfig{UserName: f.bind(t, meta.Name, false)})
	for _, try := range []action{
		patching(&pbxv1.Extension{}, "held", `{"spec":{"userRef":null}}`),
		patching(&pbxv1.User{}, "active", `{"spec":{"state":"Deactivated"}}`),
		patching(&pbxv1.User{}, "active", `{"spec":{"deletionPolicy":"Purge"}}`),
		patching(&pbxv1.User{}, "active", `{"metadata":{"finalizers":null}}`),
		func(ctx context.Context, as client.Client, namespace string) error {
			return as.Delete(ctx, user(namespace, "active"), client.DryRunAll)
		},
	} {
		g.Eventually(func() error { return try(context.Background(), as, f.namespace) }).
			WithTimeout(enforced).Should(MatchError(ContainSubstring("needs the verb")))
	}
}

func common() pbxv1.RecordSpec {
	return pbxv1.RecordSpec{PhoneSystemRef: pbxv1.LocalReference{Name: "default"}}
}

func user(namespace, name string) *pbxv1.User {
	return &pbxv1.User{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{pbxv1.Finalizer}},
		Spec:       pbxv1.UserSpec{RecordSpec: common(), FirstName: "Ada", LastName: "Lovelace"},
	}
}

// reviewed asks what somebody may do with a kind that is not there yet.
func reviewed(ctx context.Context, as client.Client, namespace, verb, resource string) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: pbxv1.GroupVersion.Group, Resource: resource,
		},
	}}
	if err := as.Create(ctx, review); err != nil || review.Status.Allowed {
		return err
	}
	return apierrors.NewForbidden(pbxv1.GroupVersion.WithResource(resource).GroupResource(), "", nil)
}

func listing(list client.ObjectList) action {
	return func(ctx context.Context, as client.Client, namespace string) error {
		return as.List(ctx, list, client.InNamespace(namespace))
	}
}

func patching(obj client.Object, name, patch string) action {
	return func(ctx context.Context, as client.Client, namespace string) error {
		obj := obj.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of its original
		obj.SetNamespace(namespace)
		obj.SetName(name)
		return as.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", []byte(patch)), client.DryRunAll)
	}
}

func creating(state pbxv1.State) action {
	return func(ctx context.Context, as client.Client, namespace string) error {
		obj := user(namespace, "new")
		obj.Spec.State = state
		return as.Create(ctx, obj, client.DryRunAll)
	}
}

// inTest names the role that stands for one of Kubernetes': without a controller manager nobody aggregates them.
func inTest(role string) string {
	if strings.HasPrefix(role, "pbx-") {
		return role
	}
	return "pbx-test-" + role
}

// aggregate does for the roles of Kubernetes what its controller manager does.
func (f *fixture) aggregate(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	all := &rbacv1.ClusterRoleList{}
	g.Expect(f.admin.List(t.Context(), all)).To(Succeed())
	for _, role := range roles {
		if strings.HasPrefix(role, "pbx-") {
			continue
		}
		made := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: inTest(role)}, Rules: rulesOf(t, all.Items, role)}
		g.Expect(f.admin.Create(t.Context(), made)).To(Succeed())
	}
}

func rulesOf(t *testing.T, all []rbacv1.ClusterRole, name string) []rbacv1.PolicyRule {
	t.Helper()
	i := slices.IndexFunc(all, func(r rbacv1.ClusterRole) bool { return r.Name == name })
	if all[i].AggregationRule == nil {
		return all[i].Rules
	}
	var rules []rbacv1.PolicyRule
	for _, wanted := range all[i].AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&wanted)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for _, role := range all {
			if selector.Matches(labels.Set(role.Labels)) {
				rules = append(rules, rulesOf(t, all, role.Name)...)
			}
		}
	}
	return rules
}
