package lives

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// limit bounds what a tenant waits for.
const limit = 2 * time.Minute

// scene is a tenant under the policies.
type scene struct {
	*operator.Tenant
	t *testing.T
}

func newScene(t *testing.T, b operator.Backend) *scene {
	t.Helper()
	s := &scene{Tenant: operator.NewTenant(t, b), t: t}
	kube.InstallPolicies(t)
	s.Create(s.NewPhoneSystem())
	return s
}

// guarded waits until the policies are enforced: the primary phone of a user who has others cannot be deleted.
func (s *scene) guarded(phone string) {
	s.t.Helper()
	operator.Await(s.t, limit, phone+" cannot be deleted", func() string {
		output, err := s.kubectl("delete", "phone", phone, "--dry-run=server")
		if err == nil || !strings.Contains(output, "choose another primaryService") {
			return output
		}
		return ""
	})
}

func (s *scene) kubectl(args ...string) (string, error) {
	s.t.Helper()
	return kube.Kubectl(s.t, append([]string{"--namespace=" + s.Namespace}, args...)...)
}

func onEach(t *testing.T, test func(*testing.T, operator.Backend)) {
	for _, b := range operator.Backends {
		t.Run(string(b), func(t *testing.T) { test(t, b) })
	}
}

// everyKind makes objects of every kind that could keep a namespace from ending. Ada's desk is her primary phone.
func (s *scene) everyKind() {
	s.t.Helper()
	suspended, purged, orphaned := s.User("suspended", "shared"), s.User("purged"), s.User("orphaned")
	purged.Spec.DeletionPolicy, orphaned.Spec.DeletionPolicy = pbxv1.DeletionPolicyPurge, pbxv1.DeletionPolicyOrphan
	box := s.Extension("box", "1002", "purged")
	box.Spec.Voicemail.Enabled, box.Spec.DeletionPolicy = true, pbxv1.DeletionPolicyPurge
	remote, foreign := s.Phone("remote", "line"), s.Phone("foreign", "line")
	remote.Spec.Type = pbxv1.ServiceRemote
	foreign.Spec.Type, foreign.Spec.Foreign = pbxv1.ServiceForeign, &pbxv1.ForeignService{System: "Suite"}
	hers := s.Phone("hers", "box")
	hers.Spec.DeletionPolicy = pbxv1.DeletionPolicyPurge
	s.Create(
		s.Extension("line", "1001", "ada"), s.Phone("desk", "line"), s.Phone("shared", "line"), hers, remote, foreign,
		s.User("ada", "desk", "shared", "remote", "foreign"), box, purged, orphaned, suspended,
	)
	s.Ready(limit)
	operator.Change(s.Tenant, suspended, func(u *pbxv1.User) { u.Spec.Suspend = true })
	s.Create(s.User("waits", "nowhere"))
	s.Await(limit, "the last ones are looked at", func(_ client.Object, generation int64, ready metav1.Condition) error {
		if ready.ObservedGeneration != generation {
			return fmt.Errorf("%s", ready.Message)
		}
		return nil
	})
}

// TestNamespaceEnds: nothing of ours keeps a deleted namespace, and what is in it becomes what the deletionPolicies say.
func TestNamespaceEnds(t *testing.T) { onEach(t, testNamespaceEnds) }

func testNamespaceEnds(t *testing.T, b operator.Backend) {
	s := newScene(t, b)
	kube.StartControllerManager(t)
	operator.Start(t, s.Options())
	s.everyKind()
	s.guarded("desk")
	db := s.SQL()
	s.deleteNamespace()
	// The Secret with the address of a PostgreSQL store may go before the objects, which are then let go as they are.
	if b == operator.Postgres {
		return
	}
	got := s.Rows(db, `SELECT 'user', name, state FROM pbx_users UNION ALL SELECT 'phone', name, state FROM pbx_phones
		UNION ALL SELECT 'extension', name, state FROM pbx_extensions ORDER BY 1, 2`)
	want := []string{
		"extension|line|Deleted", "phone|desk|Deleted", "phone|foreign|Deleted", "phone|remote|Deleted", "phone|shared|Deleted",
		"user|ada|Deleted", "user|orphaned|Active", "user|suspended|Deleted", "user|waits|Deleted",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the store has %q, want %q", got, want)
	}
}

// TestNamespaceEndsWithoutItsStore: neither do objects whose store is out of reach, because its Secret went first, nor
// those that are stuck in their own deletion.
func TestNamespaceEndsWithoutItsStore(t *testing.T) {
	s := newScene(t, operator.Postgres)
	kube.StartControllerManager(t)
	operator.Start(t, s.Options())
	s.everyKind()
	s.guarded("desk")
	before := s.Dump(s.SQL())
	s.Delete(&corev1.Secret{ObjectMeta: s.Meta(operator.StoreSecret)})
	s.Await(limit, "the store is missed", func(_ client.Object, _ int64, ready metav1.Condition) error {
		if ready.Reason != pbxv1.ReasonSecretNotFound && ready.Reason != pbxv1.ReasonSuspended {
			return fmt.Errorf("%s: %s", ready.Reason, ready.Message)
		}
		return nil
	})
	if output, err := s.kubectl("delete", "pbxuser", "ada", "suspended", "--wait=false"); err != nil {
		t.Fatal(output)
	}
	s.deleteNamespace()
	if after := s.Dump(s.SQL()); !slices.Equal(before, after) {
		t.Errorf("the store has changed from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// deleteNamespace deletes the tenant's namespace, and waits until it is gone.
func (s *scene) deleteNamespace() {
	s.t.Helper()
	if output, err := kube.Kubectl(s.t, "delete", "namespace", s.Namespace, "--wait=false"); err != nil {
		s.t.Fatal(output)
	}
	operator.Await(s.t, limit, "the namespace ends", func() string {
		var namespace corev1.Namespace
		err := s.Client.Get(context.Background(), client.ObjectKey{Name: s.Namespace}, &namespace)
		if client.IgnoreNotFound(err) != nil {
			return err.Error()
		}
		if err != nil {
			return ""
		}
		var left []string
		for _, c := range namespace.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				left = append(left, c.Message)
			}
		}
		return "it is still there: " + strings.Join(left, "; ")
	})
}
