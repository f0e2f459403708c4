package policies_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// kinds make a record of each kind that the API server accepts in every state.
var kinds = map[string]func(meta metav1.ObjectMeta) pbxv1.Record{
	"users": func(meta metav1.ObjectMeta) pbxv1.Record {
		return &pbxv1.User{ObjectMeta: meta, Spec: pbxv1.UserSpec{RecordSpec: common(), FirstName: "Ada", LastName: "Lovelace"}}
	},
	"extensions": func(meta metav1.ObjectMeta) pbxv1.Record {
		return &pbxv1.Extension{ObjectMeta: meta, Spec: pbxv1.ExtensionSpec{RecordSpec: common(), Number: "1001"}}
	},
	"phoneservices": func(meta metav1.ObjectMeta) pbxv1.Record {
		return &pbxv1.PhoneService{ObjectMeta: meta, Spec: pbxv1.PhoneServiceSpec{
			RecordSpec: common(), ExtensionRef: &pbxv1.LocalReference{Name: "e"},
		}}
	},
}

func common() pbxv1.RecordSpec {
	return pbxv1.RecordSpec{
		PhoneSystemRef: pbxv1.LocalReference{Name: "default"},
		State:          pbxv1.StateActive, DeletionPolicy: pbxv1.DeletionPolicyDelete,
	}
}

// verbCase is one thing that somebody does, and the verbs that it needs beside those of RBAC.
type verbCase struct {
	name string
	// base is the object before, change what is done to it. Without a change it is deleted.
	base, change func(pbxv1.Record)
	needs        []string
}

func state(s pbxv1.State) func(pbxv1.Record) { return func(r pbxv1.Record) { r.Common().State = s } }

func policy(p pbxv1.DeletionPolicy) func(pbxv1.Record) {
	return func(r pbxv1.Record) { r.Common().DeletionPolicy = p }
}

func both(changes ...func(pbxv1.Record)) func(pbxv1.Record) {
	return func(r pbxv1.Record) {
		for _, change := range changes {
			change(r)
		}
	}
}

func finalizers(all ...string) func(pbxv1.Record) {
	return func(r pbxv1.Record) { r.SetFinalizers(all) }
}

func holder(name pbxv1.ObjectName) func(pbxv1.Record) {
	return func(r pbxv1.Record) {
		extension := r.(*pbxv1.Extension) //nolint:forcetypeassert // only extensions have a holder
		extension.Spec.UserRef = nil
		if name != "" {
			extension.Spec.UserRef = &pbxv1.LocalReference{Name: name}
		}
	}
}

func touch(r pbxv1.Record)   { r.SetLabels(map[string]string{"touched": "yes"}) }
func suspend(r pbxv1.Record) { r.Common().Suspend = true }

const (
	active, deactivated, deleted, purged = pbxv1.StateActive, pbxv1.StateDeactivated, pbxv1.StateDeleted, pbxv1.StatePurged
	onDelete, onPurge, onOrphan          = pbxv1.DeletionPolicyDelete, pbxv1.DeletionPolicyPurge, pbxv1.DeletionPolicyOrphan

	other = "example.com/other"
)

// changeCases are changes of an object that is not going.
var changeCases = []verbCase{
	{"Active, touched", state(active), touch, nil},
	{"Active, suspended", state(active), suspend, nil},
	{"Active to Deactivated", state(active), state(deactivated), []string{"deactivate"}},
	{"Active to Deleted", state(active), state(deleted), []string{"remove"}},
	{"Deactivated, touched", state(deactivated), touch, nil},
	{"Deactivated to Active", state(deactivated), state(active), []string{"activate"}},
	{"Deactivated to Deleted", state(deactivated), state(deleted), []string{"remove"}},
	{"Deleted, touched", state(deleted), touch, nil},
	{"Deleted to Active", state(deleted), state(active), []string{"restore"}},
	{"Deleted to Deactivated", state(deleted), state(deactivated), []string{"restore"}},
	{"Deleted to Purged", state(deleted), state(purged), []string{"purge"}},
	{"Purged, touched", state(purged), touch, nil},
	{"deletionPolicy Delete to Purge", policy(onDelete), policy(onPurge), []string{"purge"}},
	{"deletionPolicy Orphan to Purge", policy(onOrphan), policy(onPurge), []string{"purge"}},
	{"deletionPolicy Delete to Orphan", policy(onDelete), policy(onOrphan), nil},
	{"deletionPolicy Purge to Delete", policy(onPurge), policy(onDelete), nil},
	{"deletionPolicy Purge, touched", policy(onPurge), touch, nil},
	{
		"Active to Deactivated and deletionPolicy to Purge", state(active),
		both(state(deactivated), policy(onPurge)),
		[]string{"deactivate", "purge"},
	},
	{"our finalizer on", finalizers(), finalizers(pbxv1.Finalizer), nil},
	{"our finalizer kept", finalizers(pbxv1.Finalizer, other), touch, nil},
	{"our finalizer off", finalizers(pbxv1.Finalizer), finalizers(), []string{"purge"}},
	{"our finalizer off, another kept", finalizers(other, pbxv1.Finalizer), finalizers(other), []string{"purge"}},
	{"another finalizer off, ours kept", finalizers(other, pbxv1.Finalizer), finalizers(pbxv1.Finalizer), nil},
	{"another finalizer off", finalizers(other), finalizers(), nil},
	{"deleting, Active", state(active), nil, []string{"remove"}},
	{"deleting, Purged", state(purged), nil, []string{"remove"}},
	{"deleting, deletionPolicy Purge", policy(onPurge), nil, []string{"remove"}},
	{"deleting, deletionPolicy Orphan", policy(onOrphan), nil, []string{"remove"}},
}

// holderCases are those of extensions alone.
var holderCases = []verbCase{
	{"userRef set", holder(""), holder("ada"), nil},
	{"userRef kept", holder("ada"), touch, nil},
	{"userRef changed", holder("ada"), holder("grace"), []string{"reset"}},
	{"userRef emptied", holder("ada"), holder(""), []string{"reset"}},
}

// createCases are new objects.
var createCases = []verbCase{
	{name: "as Active", change: state(active)},
	{name: "without a state", change: state("")},
	{name: "as Deactivated", change: state(deactivated), needs: []string{"deactivate"}},
	{name: "as Deleted", change: state(deleted), needs: []string{"remove"}},
	{name: "as Purged", change: state(purged), needs: []string{"purge"}},
	{name: "with deletionPolicy Purge", change: policy(onPurge), needs: []string{"purge"}},
	{name: "with deletionPolicy Orphan", change: policy(onOrphan)},
	{name: "as Deactivated with deletionPolicy Purge", change: both(state(deactivated), policy(onPurge)), needs: []string{"deactivate", "purge"}},
}

func TestAVerbIsNeededToChange(t *testing.T) {
	f := setUpVerbs(t)
	for kind, cases := range map[string][]verbCase{
		"users": changeCases, "phoneservices": changeCases, "extensions": append(holderCases, changeCases...),
	} {
		for _, c := range cases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				obj := f.make(t, kind, c.base)
				f.check(t, kind, c.needs, func(as client.Client) error {
					if c.change == nil {
						return as.Delete(t.Context(), obj, client.DryRunAll)
					}
					changed := obj.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
					c.change(changed)
					return as.Update(t.Context(), changed, client.DryRunAll)
				})
			})
		}
	}
}

func TestAVerbIsNeededToCreate(t *testing.T) {
	f := setUpVerbs(t)
	for kind, newObject := range kinds {
		for _, c := range createCases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				f.check(t, kind, c.needs, func(as client.Client) error {
					obj := newObject(metav1.ObjectMeta{Namespace: f.namespace, GenerateName: "new-"})
					c.change(obj)
					return as.Create(t.Context(), obj, client.DryRunAll)
				})
			})
		}
	}
}

func TestWhatHasBegunToGo(t *testing.T) {
	f := setUpVerbs(t)
	for kind := range kinds {
		for _, c := range []struct {
			verbCase
			refused string
		}{
			{verbCase: verbCase{name: "touched", change: touch}},
			{verbCase: verbCase{name: "deleted again"}},
			{verbCase: verbCase{name: "our finalizer off", change: finalizers(other), needs: []string{"purge"}}},
			{verbCase: verbCase{name: "state", change: state(deactivated), needs: []string{"deactivate"}}},
			{verbCase{name: "deletionPolicy to Purge", change: policy(onPurge)}, "cannot be changed to Purge any more"},
			{verbCase{name: "deletionPolicy to Orphan", change: policy(onOrphan)}, "cannot be changed to Orphan any more"},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				g := NewWithT(t)
				obj := f.make(t, kind, finalizers(pbxv1.Finalizer, other))
				g.Expect(f.admin.Delete(t.Context(), obj)).To(Succeed())
				g.Expect(f.admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
				act := func(as client.Client) error {
					if c.change == nil {
						return as.Delete(t.Context(), obj, client.DryRunAll)
					}
					changed := obj.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
					c.change(changed)
					return as.Update(t.Context(), changed, client.DryRunAll)
				}
				if c.refused == "" {
					f.check(t, kind, c.needs, act)
					return
				}
				err := act(f.admin)
				g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
				g.Expect(err).To(MatchError(ContainSubstring(c.refused)))
			})
		}
	}
}

// check has somebody do it who has the verbs that it needs and no other, and, for each of these, somebody who has all
// verbs but that.
func (f *verbs) check(t *testing.T, kind string, needs []string, act func(client.Client) error) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(act(f.as(t, needs...))).To(Succeed())
	for _, needed := range needs {
		var rest []string
		for _, verb := range allVerbs {
			if verb != needed {
				rest = append(rest, verb)
			}
		}
		err := act(f.as(t, rest...))
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		g.Expect(err).To(MatchError(And(
			ContainSubstring(`needs the verb "`+needed+`" on `+kind+".pbx-operator.io"),
			ContainSubstring(`in namespace "`+f.namespace+`", which user "`+subject(rest)+`" lacks`))))
	}
}

func subject(verbs []string) string { return "has-" + strings.Join(verbs, "-") }

// TestAVerbOnOneObject gives somebody who has no verb of ours one of them for one object.
func TestAVerbOnOneObject(t *testing.T) {
	f := setUpVerbs(t)
	g := NewWithT(t)
	one, other := f.make(t, "users"), f.make(t, "users")
	nobody := f.as(t)
	move := func(obj pbxv1.Record) error {
		moved := obj.DeepCopyObject().(pbxv1.Record) //nolint:forcetypeassert // a copy has the type of its original
		state(deactivated)(moved)
		return nobody.Update(t.Context(), moved, client.DryRunAll)
	}
	f.grant(t, subject(nil), "only-one", rbacv1.PolicyRule{
		APIGroups: []string{pbxv1.GroupVersion.Group}, Resources: []string{"users"},
		ResourceNames: []string{one.GetName()}, Verbs: []string{"deactivate"},
	})
	g.Eventually(func() error { return move(one) }).WithTimeout(enforced).Should(Succeed())
	g.Expect(move(other)).To(MatchError(ContainSubstring(`needs the verb "deactivate"`)))
}
