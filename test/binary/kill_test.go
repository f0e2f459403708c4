package binary

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

var seed = flag.Uint64("seed", 0, "choose the moments of TestKill as in an earlier run; 0: other ones")

const (
	kills = 10
	// hires is how many people come before each of them.
	hires = 4
	// blink is shorter than what the operator does for one object.
	blink = 20 * time.Millisecond
)

// TestKill kills the operator again and again while people come, change and go. After each time the store is whole, and
// in the end everything is as declared, and was done once.
func TestKill(t *testing.T) {
	chosen := *seed
	if chosen == 0 {
		chosen = rand.Uint64()
	}
	t.Logf("go test -run TestKill -seed=%d", chosen)
	random := rand.New(rand.NewPCG(chosen, 0))
	tenant := newTenant(t)
	tenant.Create(tenant.NewPhoneSystem())
	crew := &crew{Tenant: tenant, random: random}
	done := 0
	for i := range kills {
		running := start(t, tenant, alone)
		come := crew.round(i)
		awaitAudited(t, tenant, done+random.IntN(come+1))
		<-time.After(time.Duration(random.Int64N(int64(blink))))
		running.kill(t)
		left := copyOf(t, tenant)
		if done = audited(t, left); done > 0 {
			whole(t, left)
			crew.known = rows(left, "SELECT name FROM pbx_users")
		}
	}
	start(t, tenant, alone)
	tenant.Ready(limit)
	for _, user := range crew.gone {
		tenant.Gone(user)
	}
	whole(t, tenant)
	eachOnce(t, tenant, crew.objects)
	seeDepartments(t, tenant, append(crew.staff, crew.gone...))
}

// crew is the people of TestKill.
type crew struct {
	*operator.Tenant
	random      *rand.Rand
	objects     []client.Object
	staff, gone []*pbxv1.User
	// known are the names that the store has. Who is deleted before that leaves no record behind.
	known []string
}

// round has people come and change, and one of them go. It gives how many objects are new.
func (c *crew) round(number int) int {
	come := desks(c.Tenant, fmt.Sprintf("round-%d", number), 1000+number*hires, hires)
	c.CreateAll(come)
	setDepartment(c.Tenant, fmt.Sprintf("department %d", number), c.staff...)
	leaver := slices.IndexFunc(c.staff, func(u *pbxv1.User) bool {
		return slices.Contains(c.known, u.Name) && c.random.IntN(4) == 0
	})
	if leaver >= 0 {
		c.Delete(c.staff[leaver])
		c.gone = append(c.gone, c.staff[leaver])
		c.staff = slices.Delete(c.staff, leaver, leaver+1)
	}
	c.objects, c.staff = append(c.objects, come...), append(c.staff, usersOf(come)...)
	return len(come)
}

// copyOf gives a copy of the store: who looked at the store itself would mend it before the next operator does.
func copyOf(t *testing.T, tenant *operator.Tenant) *operator.Tenant {
	t.Helper()
	left := *tenant
	left.DataDir = t.TempDir()
	if err := os.Mkdir(filepath.Dir(file(&left)), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(file(tenant) + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, file(&left)+suffix, string(content))
	}
	return &left
}
