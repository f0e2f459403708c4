package policies_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// enforced bounds how long the API server takes to enforce new policies.
const enforced = 30 * time.Second

// warnings collects what the API server warns of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// take gives the warnings since it was last asked.
func (w *warnings) take() string { return strings.Join(w.all(), "\n") }

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.texts = nil }()
	return w.texts
}

type fixture struct {
	client.Client
	namespace string
	warned    *warnings
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	config := kube.Start(t)
	kube.InstallPolicies(t)
	f := &fixture{namespace: kube.Namespace(t), warned: &warnings{}}
	config = rest.CopyConfig(config)
	config.WarningHandler = f.warned
	f.Client = operator.Client(t, config)
	f.waitUntilEnforced(t)
	return f
}

// waitUntilEnforced tries what each policy reports until all of them do.
func (f *fixture) waitUntilEnforced(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	probe := f.phone(t, "probe", []string{"a", "b"}, []string{"a"})
	g.Eventually(func() error { return f.Delete(t.Context(), probe, client.DryRunAll) }).
		WithTimeout(enforced).Should(HaveOccurred())
	g.Eventually(func() string {
		f.warned.take()
		moved := probe.DeepCopy()
		moved.Spec.State = pbxv1.StateDeleted
		_ = f.Update(context.Background(), moved, client.DryRunAll)
		_ = f.Create(context.Background(), user(f.namespace, pbxv1.StatePurged), client.DryRunAll)
		return f.warned.take()
	}).WithTimeout(enforced).Should(And(
		ContainSubstring("until then nothing is changed"), ContainSubstring("it goes for all of them"), ContainSubstring("Git history")))
}

// phone makes a phone service with a status as the operator writes it.
func (f *fixture) phone(t *testing.T, name string, users, primaryFor []string) *pbxv1.PhoneService {
	t.Helper()
	g := NewWithT(t)
	phone := &pbxv1.PhoneService{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name},
		Spec:       pbxv1.PhoneServiceSpec{ExtensionRef: &pbxv1.LocalReference{Name: "e"}},
	}
	g.Expect(f.Create(t.Context(), phone)).To(Succeed())
	before := phone.DeepCopy()
	phone.Status.Users, phone.Status.UserCount = users, int32(len(users))
	phone.Status.PrimaryFor, phone.Status.PrimaryForCount = primaryFor, int32(len(primaryFor))
	g.Expect(f.Status().Patch(t.Context(), phone, client.MergeFrom(before))).To(Succeed())
	return phone
}

func user(namespace string, state pbxv1.State) *pbxv1.User {
	return &pbxv1.User{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada"},
		Spec: pbxv1.UserSpec{
			RecordSpec: pbxv1.RecordSpec{State: state}, FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com",
		},
	}
}

func TestDeletingAPhone(t *testing.T) {
	f := setUp(t)
	many := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"}
	for name, c := range map[string]struct {
		users, primaryFor []string
		change            func(*pbxv1.PhoneService)
		refused, warned   string
	}{
		"nobody-has-it":  {},
		"one-user":       {users: []string{"ada"}},
		"only-service":   {users: []string{"ada"}, primaryFor: nil},
		"primary-of-one": {users: []string{"ada"}, primaryFor: []string{"ada"}, refused: "1 user(s) who have others (ada): choose another primaryService"},
		"primary-of-ten": {users: many, primaryFor: many, refused: "10 user(s) who have others (u0, u1, u2, u3, u4, u5, u6, u7, u8, u9): choose"},
		"shared":         {users: []string{"ada", "grace"}, warned: "shared by 2 users (ada, grace): it goes for all of them"},
		"orphan-primary": {
			users: []string{"ada", "grace"}, primaryFor: []string{"ada"},
			change: func(p *pbxv1.PhoneService) { p.Spec.DeletionPolicy = pbxv1.DeletionPolicyOrphan },
		},
		"going-already": {
			users: []string{"ada"}, primaryFor: []string{"ada"},
			change: func(p *pbxv1.PhoneService) { p.Finalizers = []string{pbxv1.Finalizer} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			phone := f.phone(t, name, c.users, nil)
			if c.change != nil {
				c.change(phone)
				g.Expect(f.Update(t.Context(), phone)).To(Succeed())
			}
			if slices.Contains(phone.Finalizers, pbxv1.Finalizer) {
				g.Expect(f.Delete(t.Context(), phone)).To(Succeed())
			}
			f.guard(t, phone, c.primaryFor)
			f.warned.take()
			err := f.Delete(t.Context(), phone)
			warned := f.warned.take()
			if c.refused != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.refused)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(warned).To(ContainSubstring(c.warned))
			if c.warned == "" {
				g.Expect(warned).To(BeEmpty())
			}
		})
	}
}

func (f *fixture) guard(t *testing.T, phone *pbxv1.PhoneService, primaryFor []string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(f.Get(t.Context(), client.ObjectKeyFromObject(phone), phone)).To(Succeed())
	before := phone.DeepCopy()
	phone.Status.PrimaryFor, phone.Status.PrimaryForCount = primaryFor, int32(len(primaryFor))
	g.Expect(f.Status().Patch(t.Context(), phone, client.MergeFrom(before))).To(Succeed())
}

func TestMovingAPhone(t *testing.T) {
	f := setUp(t)
	guarded := f.phone(t, "guarded", []string{"ada"}, []string{"ada"})
	free := f.phone(t, "free", []string{"ada"}, nil)
	shared := f.phone(t, "shared", []string{"ada", "grace"}, nil)
	for name, c := range map[string]struct {
		phone  *pbxv1.PhoneService
		state  pbxv1.State
		warned string
	}{
		"guarded to Deleted":     {guarded, pbxv1.StateDeleted, "choose another primaryService for them first; until then nothing is changed"},
		"guarded to Deactivated": {guarded, pbxv1.StateDeactivated, ""},
		"guarded unchanged":      {guarded, pbxv1.StateActive, ""},
		"free to Deleted":        {free, pbxv1.StateDeleted, ""},
		"shared to Deleted":      {shared, pbxv1.StateDeleted, "shared by 2 users (ada, grace)"},
		"shared to Deactivated":  {shared, pbxv1.StateDeactivated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			f.warned.take()
			moved := c.phone.DeepCopy()
			moved.Spec.State = c.state
			g.Expect(f.Update(t.Context(), moved, client.DryRunAll)).To(Succeed())
			if c.warned == "" {
				g.Expect(f.warned.take()).To(BeEmpty())
				return
			}
			g.Expect(f.warned.take()).To(ContainSubstring(c.warned))
		})
	}
}

// TestPurgingAHeldPhone: Purged is final, so a phone that only waits to become Deleted is not moved on to it.
func TestPurgingAHeldPhone(t *testing.T) {
	f := setUp(t)
	type phone = *pbxv1.PhoneService
	const refused = "is forbidden: ValidatingAdmissionPolicy 'pbx-primary-service-purge' with binding 'pbx-primary-service-purge' " +
		"denied request: the phone service is still the primary of 1 user(s) who have others (ada): " +
		"choose another primaryService for them first, or set spec.state back"
	held := func(p phone) { p.Status.PrimaryFor, p.Status.PrimaryForCount = []string{"ada"}, 1 }
	going := func(p phone) {
		NewWithT(t).Expect(f.Delete(t.Context(), p.DeepCopy())).To(Succeed())
		held(p)
	}
	try(t, f, func() phone { p := localPhone(); p.Spec.State = deleted; return p }, []attempt[phone]{
		{name: "to Purged", has: held, change: toState[phone](purged), refused: refused},
		{name: "to Purged, not held", change: toState[phone](purged)},
		{name: "restored", has: held, change: toState[phone](active)},
		{name: "Deleted, and still so", has: held, change: func(p phone) { p.Spec.Suspend = true }},
		{name: "Purged, and still so", is: toState[phone](purged), has: held, change: func(p phone) { p.Spec.Suspend = true }},
		{name: "going already", is: func(p phone) { p.Finalizers = []string{pbxv1.Finalizer} }, has: going, change: toState[phone](purged)},
	})
}

func TestPurgingLeavesMetadata(t *testing.T) {
	f := setUp(t)
	const text = "empty the personal fields"
	for name, c := range map[string]struct {
		change func(*pbxv1.User)
		warned bool
	}{
		"purged with a name":      {func(*pbxv1.User) {}, true},
		"purged with an address":  {func(u *pbxv1.User) { u.Spec.FirstName, u.Spec.LastName = "", "" }, true},
		"purged without anything": {func(u *pbxv1.User) { u.Spec.FirstName, u.Spec.LastName, u.Spec.Email = "", "", "" }, false},
		"purged with a login":     {func(u *pbxv1.User) { emptied(u); u.Spec.Login.Username = "ada" }, true},
		"purged with an account": {func(u *pbxv1.User) {
			emptied(u)
			u.Spec.Integrations = []pbxv1.Integration{{Name: "Zoom"}}
		}, true},
		"purged with an agent ID":   {func(u *pbxv1.User) { emptied(u); u.Spec.AgentIDs = []string{"7"} }, true},
		"applied with a first name": {func(u *pbxv1.User) { applied(u, `{"firstName":"Ada"}`) }, true},
		"applied with a last name":  {func(u *pbxv1.User) { applied(u, `{"lastName": "Lovelace"}`) }, true},
		"applied with an address":   {func(u *pbxv1.User) { applied(u, `{"email":"ada@example.com"}`) }, true},
		"applied with much": {func(u *pbxv1.User) {
			applied(u, `{"description":"`+strings.Repeat("x", 250<<10)+`","email":"ada@example.com"}`)
		}, true},
		"applied as emptied":       {func(u *pbxv1.User) { applied(u, `{"email":"","firstName":"","state":"Purged"}`) }, false},
		"deleted, with everything": {func(u *pbxv1.User) { u.Spec.State = pbxv1.StateDeleted }, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			f.warned.take()
			u := user(f.namespace, pbxv1.StatePurged)
			c.change(u)
			g.Expect(f.Create(t.Context(), u, client.DryRunAll)).To(Succeed())
			if c.warned {
				g.Expect(f.warned.take()).To(ContainSubstring(text))
				return
			}
			g.Expect(f.warned.take()).To(BeEmpty())
		})
	}
}

func emptied(u *pbxv1.User) { u.Spec = pbxv1.UserSpec{RecordSpec: u.Spec.RecordSpec} }

// applied empties a user, of whom kubectl has kept a manifest.
func applied(u *pbxv1.User, manifest string) {
	emptied(u)
	u.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": manifest}
}

func TestANamespaceThatIsGoingIsLetThrough(t *testing.T) {
	f := setUp(t)
	g := NewWithT(t)
	phone := f.phone(t, "guarded", []string{"ada"}, []string{"ada"})
	g.Expect(f.Delete(t.Context(), phone, client.DryRunAll)).NotTo(Succeed())
	held := f.phone(t, "held", []string{"ada"}, []string{"ada"})
	held.Spec.State = deleted
	g.Expect(f.Update(t.Context(), held)).To(Succeed())
	held.Spec.State = purged
	g.Eventually(func() error { return f.Update(t.Context(), held, client.DryRunAll) }).WithTimeout(enforced).ShouldNot(Succeed())
	output, err := kube.Kubectl(t, "delete", "namespace", f.namespace, "--wait=false")
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Eventually(func() error { return f.Delete(context.Background(), phone) }).WithTimeout(enforced).Should(Succeed())
	g.Eventually(func() error { return f.Update(context.Background(), held, client.DryRunAll) }).WithTimeout(enforced).Should(Succeed())
}
