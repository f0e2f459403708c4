package services

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// fighters are half at the API server, half at the store.
	fighters = 32
	rounds   = 15
	phones   = 12
	limit    = 2 * time.Minute
)

var users = []string{"ada", "grace", "kim"}

func TestEightServicesUnderFire(t *testing.T) {
	for _, b := range operator.Backends {
		t.Run(string(b), func(t *testing.T) { newFight(t, b).fight() })
	}
}

// fight is a tenant whose users' services are fought for.
type fight struct {
	*operator.Tenant
	t    *testing.T
	db   *sql.DB
	seed uint64
	// What came of the tries of each side.
	accepted, refused, written, rejected atomic.Int64
}

func newFight(t *testing.T, b operator.Backend) *fight {
	f := &fight{Tenant: operator.NewTenant(t, b), t: t, seed: rand.Uint64()}
	t.Logf("seed %d", f.seed)
	f.Create(f.NewPhoneSystem(), f.Extension("line", "1001", ""))
	for i := range phones {
		f.Create(f.Phone(phone(i), "line"))
	}
	for _, name := range users {
		f.Create(f.User(name, phone(0), phone(1)))
	}
	operator.Start(t, f.Options())
	f.Ready(limit)
	f.db = f.SQL()
	return f
}

func phone(i int) string { return "phone-" + string(rune('a'+i)) }

func (f *fight) fight() {
	witnesses := f.watch()
	var group sync.WaitGroup
	for i := range fighters {
		dice := rand.New(rand.NewPCG(f.seed, uint64(i)))
		group.Go(func() {
			for range rounds {
				if i%2 == 0 {
					f.throughTheAPI(dice, fmt.Sprintf("fighter-%d", i))
				} else {
					f.byHand(dice)
				}
			}
		})
	}
	group.Wait()
	commits := witnesses()
	f.t.Logf("the API server accepted %d and refused %d, the store %d and %d; %d states were looked at",
		f.accepted.Load(), f.refused.Load(), f.written.Load(), f.rejected.Load(), commits)
	if f.accepted.Load() == 0 || f.refused.Load() == 0 || f.written.Load() == 0 || f.rejected.Load() == 0 || commits == 0 {
		f.t.Error("a side did not fight")
	}
	f.converges()
}

// throughTheAPI replaces the services of a user, or claims one for itself beside those of others, or lets go of it.
func (f *fight) throughTheAPI(dice *rand.Rand, manager string) {
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	var user pbxv1.User
	key := client.ObjectKey{Namespace: f.Namespace, Name: users[dice.IntN(len(users))]}
	if err := f.Client.Get(ctx, key, &user); err != nil {
		f.t.Error(err)
		return
	}
	before := user.DeepCopy()
	operator.SetServices(&user, some(dice)...)
	if dice.IntN(8) == 0 {
		user.Spec.PrimaryService = phone(dice.IntN(phones))
	}
	var err error
	switch dice.IntN(3) {
	case 0:
		err = f.Client.Update(ctx, &user)
	case 1:
		err = f.Client.Patch(ctx, &user, client.MergeFrom(before))
	default:
		err = f.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(f.claim(dice, key.Name)),
			client.FieldOwner(manager), client.ForceOwnership)
	}
	switch {
	case err == nil:
		f.accepted.Add(1)
	case apierrors.IsInvalid(err):
		f.refused.Add(1)
	case !apierrors.IsConflict(err):
		f.t.Error(err)
	}
	if err := f.Client.Get(ctx, key, &user); err != nil || len(user.Spec.Services) > pbxv1.MaxServices {
		f.t.Errorf("%s has %d services, %v", key.Name, len(user.Spec.Services), err)
	}
}

func (f *fight) claim(dice *rand.Rand, name string) *unstructured.Unstructured {
	services := []any{}
	for range dice.IntN(3) {
		services = append(services, map[string]any{"name": phone(dice.IntN(phones))})
	}
	if len(services) == 2 && services[0].(map[string]any)["name"] == services[1].(map[string]any)["name"] {
		services = services[:1]
	}
	claim := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"services": services}}}
	claim.SetGroupVersionKind(pbxv1.GroupVersion.WithKind("User"))
	claim.SetNamespace(f.Namespace)
	claim.SetName(name)
	return claim
}

// some gives up to nine services: one more than are allowed.
func some(dice *rand.Rand) []string {
	var all []string
	for _, i := range dice.Perm(phones)[:dice.IntN(pbxv1.MaxServices+2)] {
		all = append(all, phone(i))
	}
	return all
}

// byHand changes the services of a user in the store, as a portal or a person does that knows no rules. What is refused,
// or waits too long, is the store's business.
func (f *fight) byHand(dice *rand.Rand) {
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	tx, err := f.db.BeginTx(ctx, nil)
	if err == nil {
		defer func() { _ = tx.Rollback() }()
		user := users[dice.IntN(len(users))]
		for range 1 + dice.IntN(3) {
			if err == nil {
				err = someStatement(ctx, tx, dice, user)
			}
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		f.rejected.Add(1)
		return
	}
	f.written.Add(1)
}

func someStatement(ctx context.Context, tx *sql.Tx, dice *rand.Rand, user string) error {
	const id = "(SELECT id FROM pbx_users WHERE name = $1)"
	service, err := phone(dice.IntN(phones)), error(nil)
	switch dice.IntN(4) {
	case 0, 1:
		_, err = tx.ExecContext(ctx, "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ("+id+", $2, $3)",
			user, service, 1+dice.IntN(9))
	case 2:
		_, err = tx.ExecContext(ctx, "DELETE FROM pbx_user_services WHERE user_id = "+id+" AND service_name = $2", user, service)
	default:
		_, err = tx.ExecContext(ctx, "UPDATE pbx_users SET primary_service = $2 WHERE name = $1", user, service)
	}
	return err
}

// converges waits until the store holds what the specs say in the end, whoever had the last word in it.
func (f *fight) converges() {
	for _, name := range users {
		var want []string
		operator.Await(f.t, limit, "the store has the services of "+name, func() string {
			var user pbxv1.User
			if err := f.Client.Get(f.t.Context(), client.ObjectKey{Namespace: f.Namespace, Name: name}, &user); err != nil {
				return err.Error()
			}
			want = []string{"primary " + user.Spec.PrimaryService}
			for _, service := range user.Spec.Services {
				want = append(want, string(service.Name))
			}
			slices.Sort(want)
			got := f.Rows(f.db, `SELECT s.service_name FROM pbx_user_services s JOIN pbx_users u ON u.id = s.user_id WHERE u.name = $1
				UNION ALL SELECT 'primary ' || primary_service FROM pbx_users WHERE name = $1`, name)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return strings.Join(got, ", ") + ", want " + strings.Join(want, ", ")
			}
			return ""
		})
	}
	f.Ready(limit)
}
