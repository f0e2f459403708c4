package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

const (
	crowd = 66 // of each kind
	// outage is how long the server stays away while it is counted who asks for it.
	outage = 10 * time.Second
)

// TestServerOutage stops PostgreSQL under 200 objects while their specs change. All say so, nobody asks for it in a hot
// loop, and all heal by themselves once it is back.
func TestServerOutage(t *testing.T) {
	t.Parallel()
	server := pgserver.New(t)
	s := &scene{Tenant: operator.NewTenant(t, operator.SQLite), t: t}
	proxy, dsn := newProxy(t, server.NewDatabase(t))
	s.DSN = dsn
	s.Create(s.NewPhoneSystem())
	running := operator.Start(t, s.Options())
	users := s.crowd()
	s.Ready(limit)
	running.Settle(t)

	server.Stop(t)
	s.rename(users, "while it is down")
	s.Await(limit, "all objects say that the store is not there", func(_ client.Object, _ int64, ready metav1.Condition) error {
		if ready.Status != metav1.ConditionFalse || ready.Reason != pbxv1.ReasonStoreUnavailable {
			return fmt.Errorf("%s %s: %s", ready.Status, ready.Reason, ready.Message)
		}
		return nil
	})
	running.Settle(t)
	running.API.Reset()
	begun, before := time.Now(), proxy.accepted.Load()
	<-time.After(outage)
	tries, within := int(proxy.accepted.Load()-before), time.Since(begun)
	// To open it once may take more than one connection: the driver tries again where one was cut off.
	if most := 3 * mostOpened(within); tries == 0 || tries > most {
		t.Errorf("within %s the operator connected %d times, want 1 to %d", within, tries, most)
	}
	// The phone system may have told of the lost connection, and now tells that there is no other.
	if writes := running.API.Writes(); len(writes) > 1 {
		t.Errorf("while nothing changes, statuses do: %d writes, such as %s", len(writes), writes[0])
	}

	server.Restart(t)
	s.Ready(limit)
	running.Settle(t)
	db := s.SQL()
	s.equal("users with the new department", s.Rows(db,
		"SELECT count(*) FROM pbx_users WHERE department = 'while it is down'"), []string{fmt.Sprint(len(users))})
	s.Consistent(db)
}

// crowd makes 200 objects, less the PhoneSystem and a spare.
func (s *scene) crowd() (users []*pbxv1.User) {
	s.t.Helper()
	var objects []client.Object
	for i := range crowd {
		user, phone, line := fmt.Sprintf("user-%d", i), fmt.Sprintf("phone-%d", i), fmt.Sprintf("line-%d", i)
		users = append(users, s.User(user, phone))
		objects = append(objects, s.Extension(line, fmt.Sprint(1000+i), user), s.Phone(phone, line), users[i])
	}
	s.CreateAll(objects)
	return users
}

func (s *scene) rename(users []*pbxv1.User, department string) {
	s.t.Helper()
	for _, user := range users {
		operator.Change(s.Tenant, user, func(u *pbxv1.User) { u.Spec.Department = pbxv1.Line(department) })
	}
}

// TestServerHangs has the way to PostgreSQL go silent, as a network that drops everything does: no connection ends, and
// none is refused. It is told, and heals.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	s := operator.NewTenant(t, operator.SQLite)
	proxy, dsn := newProxy(t, pgserver.NewDatabase(t))
	s.DSN = dsn
	s.Create(s.NewPhoneSystem(), s.Extension("line", "1001", "ada"), s.User("ada"))
	running := operator.Start(t, s.Options())
	s.Ready(limit)
	running.Settle(t)
	proxy.hung.Lock()
	s.Await(limit, "an idle operator notices that the server does not answer",
		func(obj client.Object, _ int64, ready metav1.Condition) error {
			if ready.Reason != pbxv1.ReasonStoreUnavailable {
				return fmt.Errorf("%s: %s", ready.Reason, ready.Message)
			}
			if strings.Contains(ready.Message, "pbx:") {
				return fmt.Errorf("the message tells the credentials: %s", ready.Message)
			}
			return nil
		})
	proxy.hung.Unlock()
	s.Ready(limit)
}
