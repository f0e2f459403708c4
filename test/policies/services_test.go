package policies_test

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// services gives a user phones, the first as primary.
func services(names ...string) func(pbxv1.Record) {
	return func(r pbxv1.Record) {
		u := r.(person) //nolint:forcetypeassert // only users have services
		u.Spec.Services, u.Spec.PrimaryService = nil, ""
		for _, name := range names {
			u.Spec.Services = append(u.Spec.Services, pbxv1.LocalReference{Name: pbxv1.ObjectName(name)})
			u.Spec.PrimaryService = names[0]
		}
	}
}

func having(names ...string) func(person) { return func(u person) { services(names...)(u) } }

func TestTakingPhonesOffUsers(t *testing.T) {
	f := setUp(t)
	const then = "; a phone that no other user has is Blocked from then on, until it is given to somebody or its password is a new one"
	const frozen = "the services of a Deleted user are frozen: this change of spec.services comes into force when the user is restored"
	gone := func(u person) {
		u.Status.Services = []pbxv1.UserService{
			{Name: "a", State: pbxv1.StateActive}, {Name: "b", State: pbxv1.StatePurged}, {Name: "c", State: pbxv1.StateActive, Type: pbxv1.ServiceForeign},
		}
	}
	move := func(state pbxv1.State, names ...string) func(person) {
		return func(u person) { u.Spec.State = state; services(names...)(u) }
	}
	try(t, f, ada, []attempt[person]{
		{name: "one of two", is: having("a", "b"), change: having("b"), warned: []string{"taken off the user: a" + then}},
		{name: "all", is: having("a", "b"), change: having(), warned: []string{"taken off the user: a, b" + then}},
		{name: "exchanged", is: having("a"), change: having("b"), warned: []string{"taken off the user: a" + then}},
		{name: "those of another node, and gone ones", is: having("a", "b", "c"), has: gone, change: having("a")},
		{name: "one of them besides", is: having("a", "b", "c"), has: gone, change: having("c"), warned: []string{"taken off the user: a" + then}},
		{name: "in another order", is: having("a", "b"), change: having("b", "a")},
		{name: "one more", is: having("a"), change: having("a", "b")},
		{name: "nothing", is: having("a"), change: func(u person) { u.Spec.Suspend = true }},
		{name: "of a Deleted one", is: move(deleted, "a"), change: having(), warned: []string{frozen}},
		{name: "given to a Deleted one", is: move(deleted, "a"), change: having("a", "b"), warned: []string{frozen}},
		{name: "of a Deleted one, in another order", is: move(deleted, "a", "b"), change: having("b", "a")},
		{name: "with the deletion", is: having("a"), change: move(deleted), warned: []string{frozen}},
		{name: "with the restore", is: move(deleted, "a"), change: move(active, "b"), warned: []string{"taken off the user: a" + then}},
		{name: "with the purge", is: move(deleted, "a"), change: func(u person) { emptied(u); u.Spec.State = purged }},
	})
}

// restricts says in a phone system's status which phones may do less than their own state lets them.
func (f *verbs) restricts(t *testing.T, name string, count int32, phones ...string) {
	t.Helper()
	g := NewWithT(t)
	system := phoneSystem()
	system.Namespace, system.Name = f.namespace, name
	if err := f.admin.Create(t.Context(), system); err != nil {
		g.Expect(f.admin.Get(t.Context(), client.ObjectKeyFromObject(system), system)).To(Succeed())
	}
	before := system.DeepCopy()
	system.Status.RestrictedPhones, system.Status.RestrictedPhoneCount = phones, count
	g.Expect(f.admin.Status().Patch(t.Context(), system, client.MergeFrom(before))).To(Succeed())
}

// give has somebody without a verb of ours give a user a phone.
func (f *verbs) give(t *testing.T, phone string) func() error {
	nobody, base := f.as(t), f.make(t, "users")
	return func() error {
		given := base.DeepCopyObject().(person) //nolint:forcetypeassert // a copy has the type of its original
		services(phone)(given)
		return nobody.Update(context.Background(), given, client.DryRunAll)
	}
}

func TestGivingPhonesThatMayCallAgain(t *testing.T) {
	f := setUpVerbs(t)
	f.restricts(t, "default", 1, "barred")
	f.restricts(t, "other", 1, "elsewhere")
	NewWithT(t).Eventually(f.give(t, "barred")).WithTimeout(enforced).Should(MatchError(ContainSubstring("giving barred to somebody Active")))
	inOther := func(r pbxv1.Record) { r.Common().PhoneSystemRef.Name = "other" }
	for _, c := range []verbCase{
		{"one that may call", services("a"), services("a", "free"), nil},
		{"one that may not", services("a"), services("a", "barred"), []string{"activate"}},
		{"one of another phone system", services(), services("elsewhere"), nil},
		{"that phone system's own", inOther, services("elsewhere"), []string{"activate"}},
		{"it has it", services("barred"), both(touch, services("a", "barred")), nil},
		{"it is taken off", services("a", "barred"), services("a"), nil},
		{"to somebody Deactivated", state(deactivated), services("barred"), nil},
		{"who is activated with it", both(state(deactivated), services("barred")), state(active), []string{"activate"}},
		{"who is restored and gets it", state(deleted), both(state(active), services("barred")), []string{"restore", "activate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			obj := f.make(t, "users", c.base)
			f.check(t, "users", c.needs, func(as client.Client) error {
				changed := obj.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
				c.change(changed)
				return as.Update(t.Context(), changed, client.DryRunAll)
			})
		})
	}
	t.Run("to somebody new", func(t *testing.T) {
		for phone, needs := range map[string][]string{"free": nil, "barred": {"activate"}} {
			f.check(t, "users", needs, func(as client.Client) error {
				obj := kinds["users"](metav1.ObjectMeta{Namespace: f.namespace, GenerateName: "new-"})
				services(phone)(obj)
				return as.Create(t.Context(), obj, client.DryRunAll)
			})
		}
	})
	t.Run("of more than are named", func(t *testing.T) {
		f.restricts(t, "default", 2, "barred")
		NewWithT(t).Eventually(f.give(t, "free")).WithTimeout(enforced).Should(MatchError(ContainSubstring("giving free to somebody Active")))
	})
}
