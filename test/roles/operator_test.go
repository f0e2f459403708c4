package roles_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	home  = "pbx-operator-system"
	group = "pbx-operator.io"
)

// serviceAccount is who the operator is in a cluster.
var serviceAccount = rest.ImpersonationConfig{
	UserName: "system:serviceaccount:" + home + ":pbx-operator",
	Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + home, "system:authenticated"},
}

// TestWhatTheOperatorMay goes through every verb on everything that the operator has to do with, and some that it has not.
func TestWhatTheOperatorMay(t *testing.T) {
	f := setUp(t)
	verbs := []string{
		"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
		"activate", "deactivate", "remove", "restore", "purge", "reset",
		"bind", "escalate", "impersonate",
	}
	records := "get list watch patch purge"
	for _, c := range []struct{ namespace, group, resource, may string }{
		{"acme", group, "users", records},
		{"acme", group, "extensions", records},
		{"acme", group, "phoneservices", records},
		{"acme", group, "phonesystems", "get list watch patch"},
		{"acme", group, "users/status", "patch"},
		{"acme", group, "extensions/status", "patch"},
		{"acme", group, "phoneservices/status", "patch"},
		{"acme", group, "phonesystems/status", "patch"},
		{"acme", "", "secrets", "get list watch create patch delete"},
		{"", "", "namespaces", "get list watch"},
		{"acme", "", "events", "create patch"},
		{"acme", "events.k8s.io", "events", "create patch"},
		{home, "coordination.k8s.io", "leases", "get create update"},
		{"acme", "coordination.k8s.io", "leases", ""},
		{"acme", "", "pods", ""},
		{"acme", "", "pods/exec", ""},
		{"acme", "", "configmaps", ""},
		{"acme", "", "serviceaccounts/token", ""},
		{"acme", "apps", "deployments", ""},
		{"acme", "rbac.authorization.k8s.io", "rolebindings", ""},
		{"", "rbac.authorization.k8s.io", "clusterroles", ""},
		{"", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", ""},
		{"", "apiextensions.k8s.io", "customresourcedefinitions", ""},
	} {
		t.Run(strings.Trim(c.namespace+" "+c.group+"/"+c.resource, " "), func(t *testing.T) {
			resource, sub, _ := strings.Cut(c.resource, "/")
			var may []string
			for _, verb := range verbs {
				if f.may(t, serviceAccount.UserName, serviceAccount.Groups, c.namespace, verb, c.group, resource, sub) {
					may = append(may, verb)
				}
			}
			NewWithT(t).Expect(may).To(ConsistOf(strings.Fields(c.may)))
		})
	}
}

// TestTheOperatorEditsNoSpec tries what the rights alone would let the operator's token do.
func TestTheOperatorEditsNoSpec(t *testing.T) {
	f := setUp(t)
	f.makeObjects(t, f.namespace)
	g := NewWithT(t)
	as := f.client(t, serviceAccount)
	ctx := t.Context()
	g.Eventually(func() error {
		return patching(&pbxv1.User{}, "deleted", `{"spec":{"state":"Purged"}}`)(ctx, as, f.namespace)
	}).WithTimeout(enforced).Should(MatchError(ContainSubstring("the operator never edits a spec")))
	for what, try := range map[string]action{
		"purging":                   patching(&pbxv1.User{}, "deleted", `{"spec":{"state":"Purged"}}`),
		"asking for a purge":        patching(&pbxv1.User{}, "active", `{"spec":{"deletionPolicy":"Purge"}}`),
		"editing a user":            patching(&pbxv1.User{}, "active", `{"spec":{"department":"Sales"}}`),
		"resetting":                 patching(&pbxv1.Extension{}, "held", `{"spec":{"userRef":null}}`),
		"editing a phone":           patching(&pbxv1.PhoneService{}, "desk", `{"spec":{"device":{"model":"X"}}}`),
		"changing the phone system": patching(&pbxv1.PhoneSystem{}, "default", `{"spec":{"mainNumber":"+4930123456"}}`),
	} {
		t.Run(what, func(t *testing.T) {
			err := try(t.Context(), as, f.namespace)
			NewWithT(t).Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		})
	}
	g.Expect(patching(&pbxv1.User{}, "active", `{"metadata":{"finalizers":null}}`)(ctx, as, f.namespace)).To(Succeed())
}

// TestTheOperatorCanDoItsWork has the operator work with its own rights, the policies in force, through a whole life.
func TestTheOperatorCanDoItsWork(t *testing.T) {
	setUp(t)
	g := NewWithT(t)
	tenant := operator.NewTenant(t, operator.SQLite)
	refusals := &refusals{}
	options := tenant.Options()
	options.Config.Impersonate = serviceAccount
	options.WrapTransport = refusals.wrap
	running := operator.Start(t, options)

	leaver := tenant.User("ada", "ada-desk")
	leaver.Spec.DeletionPolicy = pbxv1.DeletionPolicyPurge
	extension, phone := tenant.Extension("ext-1001", "1001", "ada"), tenant.Phone("ada-desk", "ext-1001")
	phone.Spec.DeletionPolicy = pbxv1.DeletionPolicyPurge
	system := tenant.NewPhoneSystem()
	tenant.Create(system, leaver, extension, phone)
	tenant.Ready(time.Minute)
	secret := &corev1.Secret{ObjectMeta: tenant.Meta("ada-desk-sip")}
	g.Expect(tenant.Client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)).To(Succeed())

	operator.Change(tenant, leaver, func(u *pbxv1.User) { u.Spec.State = pbxv1.StateDeactivated })
	tenant.Ready(time.Minute)
	newcomer := tenant.User("grace")
	tenant.Create(newcomer)
	operator.Change(tenant, extension, func(e *pbxv1.Extension) { e.Spec.UserRef.Name = "grace" })
	running.Settle(t)
	for _, obj := range []client.Object{leaver, newcomer, phone, extension, system} {
		tenant.Delete(obj)
		tenant.Gone(obj)
	}
	g.Expect(apierrors.IsNotFound(tenant.Client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))).To(BeTrue())
	running.Settle(t)
	running.Stop()
	g.Expect(refusals.all()).To(BeEmpty())
}

// refusals collects what the API server forbids.
type refusals struct {
	mu    sync.Mutex
	texts []string
}

func (r *refusals) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && response.StatusCode == http.StatusForbidden {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.texts = append(r.texts, request.Method+" "+request.URL.Path)
		}
		return response, err
	})
}

func (r *refusals) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.texts
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
