package requester_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// story is a tenant whose audit is read on.
type story struct {
	*operator.Tenant
	running *operator.Operator
	read    int
	// trusted says whether the operator believes the stamp.
	trusted bool
}

// tells does something, and compares whom the audit then names for which object, as "name|requester", each once. Not
// trusted, there is no requester.
func (s *story) tells(t *testing.T, do func(), want ...string) {
	t.Helper()
	do()
	s.running.Settle(t)
	rows := s.Rows(s.SQL(), "SELECT name, requester FROM audit WHERE kind <> 'PhoneSystem' ORDER BY id")
	for i, row := range want {
		if !s.trusted {
			want[i] = row[:strings.LastIndex(row, "|")+1]
		}
	}
	now := slices.Compact(slices.Sorted(slices.Values(rows[s.read:])))
	s.read = len(rows)
	NewWithT(t).Expect(now).To(ConsistOf(want))
}

// as makes a change as somebody, with a forged stamp besides.
func (s *story) as(t *testing.T, who client.Client, obj pbxv1.Record, change func(pbxv1.Record)) func() {
	return func() {
		g := NewWithT(t)
		g.Expect(who.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		before := obj.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
		change(obj)
		annotate(forged)(obj)
		g.Expect(who.Patch(t.Context(), obj, client.MergeFrom(before))).To(Succeed())
	}
}

func state(s pbxv1.State) func(pbxv1.Record) { return func(r pbxv1.Record) { r.Common().State = s } }

// TestTheAudit follows a user whom several people change, and looks whom the audit names.
func TestTheAudit(t *testing.T) {
	for name, trusted := range map[string]bool{"trusted": true, "not trusted": false} {
		t.Run(name, func(t *testing.T) {
			tenant, kim, lee := setUp(t)
			options := tenant.Options()
			options.TrustRequester = trusted
			s := &story{Tenant: tenant, running: operator.Start(t, options), trusted: trusted}
			g := NewWithT(t)
			tenant.Create(tenant.NewPhoneSystem())
			tenant.Ready(time.Minute)

			extension, phone, ada := tenant.Extension("ext", "1001", ""), tenant.Phone("desk", "ext"), tenant.User("ada", "desk")
			s.tells(t, func() {
				annotate(forged)(ada)
				for _, obj := range []client.Object{extension, phone, ada} {
					g.Expect(kim.Create(t.Context(), obj)).To(Succeed())
				}
				tenant.Ready(time.Minute)
			}, "ext|kim", "desk|kim", "ada|kim")

			s.tells(t, s.as(t, kim, phone, func(r pbxv1.Record) { r.Common().DeletionPolicy = pbxv1.DeletionPolicyPurge }))
			s.tells(t, func() {
				secret := &corev1.Secret{ObjectMeta: tenant.Meta("desk-sip")}
				operator.Change(tenant, secret, func(s *corev1.Secret) { s.Data["password"] = []byte("another-password") })
			}, "desk|")
			s.tells(t, s.as(t, lee, ada, state(pbxv1.StateDeactivated)), "ada|lee")
			s.tells(t, s.as(t, kim, ada, func(pbxv1.Record) {}))
			s.tells(t, func() { tenant.Exec(tenant.SQL(), "UPDATE pbx_users SET last_name = 'Hacked'") }, "ada|")
			s.tells(t, func() { tenant.Exec(tenant.SQL(), "DELETE FROM pbx_users") }, "ada|")
			s.tells(t, s.as(t, kim, ada, state(pbxv1.StateDeleted)), "ada|kim")
			s.tells(t, s.as(t, lee, ada, state(pbxv1.StateActive)), "ada|lee")
			s.tells(t, func() { tenant.Delete(extension); tenant.Gone(extension) }, "ext|")
			s.tells(t, s.as(t, kim, ada, state(pbxv1.StateDeleted)), "ada|kim")
			s.tells(t, s.as(t, lee, ada, state(pbxv1.StatePurged)), string(ada.UID)+"|lee", "desk|lee")
		})
	}
}
