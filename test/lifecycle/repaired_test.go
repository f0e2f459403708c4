package lifecycle

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestNeighboursOfTheRepaired: somebody edits records while the operator is away. Users who are looked at before those of
// their extensions are repaired do not go on showing what they saw.
func TestNeighboursOfTheRepaired(t *testing.T) {
	const desks = 20
	tenant := operator.NewTenant(t, operator.SQLite)
	running := operator.Start(t, tenant.Options())
	tenant.Create(tenant.NewPhoneSystem())
	for i := range desks {
		name := fmt.Sprint("n", i)
		tenant.Create(tenant.User(name, name), tenant.Extension(name, fmt.Sprint(1000+i), name), tenant.Phone(name, name))
	}
	right := func(obj client.Object, _ int64, ready metav1.Condition) error {
		user, is := obj.(*pbxv1.User)
		if ready.Status == metav1.ConditionTrue && (!is || user.Status.Number != "" && len(user.Status.Extensions) == 1) {
			return nil
		}
		return fmt.Errorf("not one extension, or %s", ready.Reason)
	}
	tenant.Await(limit, "everybody has a number", right)
	for _, edit := range []string{"DELETE FROM pbx_extensions", "UPDATE pbx_extensions SET holder = 'n0'"} {
		running.Stop()
		tenant.Exec(tenant.SQL(), edit)
		running = operator.Start(t, tenant.Options())
		running.Settle(t)
		tenant.Await(limit, "everybody has a number again after "+edit, right)
	}
}
