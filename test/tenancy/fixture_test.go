package tenancy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	limit = 30 * time.Second
	// hidden is in everything that mallory must not see.
	hidden = "hidden-from-mallory"
)

// scene is an operator with two tenants: one goes about their business, the other one is mallory.
type scene struct {
	victim, tenant *operator.Tenant
	// mallory may do anything in the namespace of the tenant, and nothing elsewhere.
	mallory client.Client
}

func setUp(t *testing.T) *scene {
	t.Helper()
	s := &scene{victim: operator.NewTenant(t, operator.SQLite), tenant: operator.NewTenant(t, operator.SQLite)}
	s.tenant.DataDir = s.victim.DataDir
	options := s.victim.Options()
	options.Namespaces = []string{s.victim.Namespace, s.tenant.Namespace}
	operator.Start(t, options)

	ada := s.victim.User("ada", "desk")
	ada.Spec.Login.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "login"}
	s.victim.Create(
		&corev1.Secret{ObjectMeta: s.victim.Meta("login"), StringData: map[string]string{"password": hidden}},
		&corev1.Secret{ObjectMeta: s.victim.Meta("pin"), StringData: map[string]string{"pin": "739164"}},
		&corev1.Secret{ObjectMeta: s.victim.Meta("dsn"), StringData: map[string]string{"dsn": "host=h user=u dbname=d password=" + hidden}},
		s.victim.NewPhoneSystem(), ada, s.victim.Extension("ext", "1001", "ada"), s.victim.Phone("desk", "ext"),
	)
	s.victim.Ready(time.Minute)
	s.mallory = s.letIn(t)
	return s
}

// letIn gives mallory all rights in the namespace of the tenant.
func (s *scene) letIn(t *testing.T) client.Client {
	t.Helper()
	g := NewWithT(t)
	g.Expect(s.tenant.Client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: s.tenant.Meta("mallory"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "mallory"}},
	})).To(Succeed())
	config := rest.CopyConfig(s.tenant.Config)
	config.Impersonate.UserName = "mallory"
	mallory := operator.Client(t, config)
	g.Eventually(func() error {
		return mallory.List(context.Background(), &corev1.SecretList{}, client.InNamespace(s.tenant.Namespace))
	}).WithTimeout(limit).Should(Succeed())
	g.Expect(mallory.List(t.Context(), &corev1.SecretList{}, client.InNamespace(s.victim.Namespace))).NotTo(Succeed())
	return mallory
}

// create creates objects as mallory.
func (s *scene) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, obj := range objects {
		NewWithT(t).Expect(s.mallory.Create(t.Context(), obj)).To(Succeed())
	}
}

// secret is one of mallory's.
func (s *scene) secret(name, key, value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: s.tenant.Meta(name), Data: map[string][]byte{key: []byte(value)}}
}

// write changes one of mallory's Secrets.
func (s *scene) write(t *testing.T, name, key, value string) {
	t.Helper()
	secret := s.secret(name, key, value)
	g := NewWithT(t)
	g.Expect(s.mallory.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)).To(Succeed())
	secret.Data = map[string][]byte{key: []byte(value)}
	g.Expect(s.mallory.Update(t.Context(), secret)).To(Succeed())
}

// seesNothing looks for what is hidden in all that mallory can read: the objects, the Secrets and the events of the tenant.
func (s *scene) seesNothing(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	events := &corev1.EventList{}
	g.Expect(s.mallory.List(t.Context(), events, client.InNamespace(s.tenant.Namespace))).To(Succeed())
	texts := s.tenant.Manifests()
	for _, event := range events.Items {
		texts = append(texts, event.Message)
	}
	g.Expect(strings.Join(texts, "\n")).NotTo(ContainSubstring(hidden))
}

// answer gives the reason and the message of the Ready condition once there is one for the object as it is.
func (s *scene) answer(t *testing.T, obj client.Object) string {
	t.Helper()
	var text string
	NewWithT(t).Eventually(func(g Gomega) {
		g.Expect(s.mallory.Get(context.Background(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		var conditions []metav1.Condition
		switch o := obj.(type) {
		case pbxv1.Record:
			conditions = o.CommonStatus().Conditions
		case *pbxv1.PhoneSystem:
			conditions = o.Status.Conditions
		}
		ready := apimeta.FindStatusCondition(conditions, pbxv1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.ObservedGeneration).To(Equal(obj.GetGeneration()))
		text = string(ready.Status) + " " + ready.Reason + ": " + ready.Message
	}).WithTimeout(limit).Should(Succeed())
	return text
}
