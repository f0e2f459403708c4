package cel

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbx "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// warned collects what the API server warns of.
type warned struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warned) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warned) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.texts = nil }()
	return w.texts
}

// TestLargestObjectsUnderThePolicies changes and deletes the largest objects, with statuses as large as may be, where all
// policies are installed. A policy that costs too much for one of them would refuse it, or, if it only warns, keep silent:
// so each has to be heard.
func TestLargestObjectsUnderThePolicies(t *testing.T) {
	g := NewWithT(t)
	server := connect(t)
	kube.InstallPolicies(t)
	heard := &warned{}
	config := rest.CopyConfig(kube.Start(t))
	config.WarningHandler = heard
	c := operator.Client(t, config)

	system, user, extension, phone := largestPhoneSystem(), largestUser(), largestExtension(), largestPhone()
	foreign, remote := largestForeign(), largestPhone()
	remote.Name, remote.Spec.Type = filled(2, 63, "a"), pbx.ServiceRemote
	for i := range phone.Spec.Attached {
		phone.Spec.Attached[i].ManagedHere = i%2 == 0
	}
	for _, object := range []client.Object{system, user, extension, phone, foreign, remote} {
		object.SetNamespace(server.namespace)
		g.Expect(c.Create(t.Context(), object)).To(Succeed())
		before := object.DeepCopyObject().(client.Object)
		fillStatus(object)
		g.Expect(c.Status().Patch(t.Context(), object, client.MergeFrom(before))).To(Succeed())
	}

	setState := func(state pbx.State) func(client.Object) {
		return func(o client.Object) { o.(pbx.Record).Common().State = state }
	}
	suspend := func(o client.Object) { o.(pbx.Record).Common().Suspend = false }
	for name, row := range map[string]struct {
		object client.Object
		change func(client.Object)
		warned []string
	}{
		"phone to Deleted":       {phone, setState(pbx.StateDeleted), []string{"shared by 2147483647 users", "what spec.attached lists with managedHere", "is what spec.attached lists without managedHere"}},
		"phone deleted":          {phone, nil, []string{"shared by 2147483647 users", "what spec.attached lists with managedHere", "is what spec.attached lists without managedHere"}},
		"foreign unchanged":      {foreign, suspend, nil},
		"remote unchanged":       {remote, suspend, nil},
		"user to Deleted":        {user, setState(pbx.StateDeleted), []string{"by 2147483647 object(s)"}},
		"user deleted":           {user, nil, []string{"by 2147483647 object(s)"}},
		"user without phones":    {user, func(o client.Object) { o.(*pbx.User).Spec.Services, o.(*pbx.User).Spec.PrimaryService = nil, "" }, []string{"taken off the user: "}},
		"user with other phones": {user, otherPhones, []string{"taken off the user: "}},
		"extension renumbered":   {extension, func(o client.Object) { o.(*pbx.Extension).Spec.Number = "1" }, []string{"with its 9223372036854775807 message(s)"}},
		"system unchanged":       {system, func(o client.Object) { o.(*pbx.PhoneSystem).Spec.MainNumber = "" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Eventually(func(g Gomega) {
				heard.take()
				if row.change == nil {
					g.Expect(c.Delete(context.Background(), row.object, client.DryRunAll)).To(Succeed())
				} else {
					changed := row.object.DeepCopyObject().(client.Object)
					row.change(changed)
					g.Expect(c.Update(context.Background(), changed, client.DryRunAll)).To(Succeed())
				}
				texts := heard.take()
				g.Expect(texts).To(HaveLen(len(row.warned)), strings.Join(texts, "\n"))
				for _, part := range row.warned {
					g.Expect(slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) })).
						To(BeTrue(), "%s in %q", part, texts)
				}
			}).WithTimeout(30 * time.Second).Should(Succeed())
		})
	}
}

func otherPhones(o client.Object) {
	user := o.(*pbx.User)
	for i := range user.Spec.Services {
		user.Spec.Services[i].Name = pbx.ObjectName(filled(i, 63, "b"))
	}
	user.Spec.PrimaryService = string(user.Spec.Services[0].Name)
}

func fillStatus(object client.Object) {
	names := many(10, func(i int) string { return filled(i, 63, "a") })
	switch o := object.(type) {
	case *pbx.PhoneSystem:
		o.Status.HasMailboxes = true
		o.Status.RestrictedPhones, o.Status.RestrictedPhoneCount = many(1000, func(i int) string { return filled(i, 63, "a") }), math.MaxInt32
	case *pbx.User:
		o.Status.ReferencedBy, o.Status.ReferencedByCount = names, math.MaxInt32
		for _, service := range o.Spec.Services {
			o.Status.Services = append(o.Status.Services, pbx.UserService{Name: string(service.Name), State: pbx.StateActive})
		}
	case *pbx.Extension:
		o.Status.Mailbox = &pbx.Mailbox{Number: string(o.Spec.Number), Messages: math.MaxInt64}
	case *pbx.PhoneService:
		o.Status.Users, o.Status.UserCount = names, math.MaxInt32
	}
}
