package controllers_test

import (
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
)

// kubectl runs kubectl in a namespace, and gives what it printed.
func kubectl(namespace string, args ...string) string {
	GinkgoHelper()
	out, err := kube.Kubectl(GinkgoTB(), append([]string{"--namespace=" + namespace}, args...)...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s:\n%s", strings.Join(args, " "), out)
	return out
}

var _ = Describe("kubectl", func() {
	It("waits for Ready, and shows at a glance what an operator on call wants to see", func() {
		d := embedded.desk()
		create(d.objects()...)
		kubectl(embedded.namespace, "wait", "--for=condition=Ready", "--timeout=30s", "phonesystem/default",
			"user/"+d.user.Name, "ext/"+d.extension.Name, "phone/"+d.phone.Name)

		Eventually(latest(d.user)).Should(HaveField("Status.Number", string(d.extension.Spec.Number)))
		lines := strings.Split(strings.TrimSpace(kubectl(embedded.namespace, "get", "pbxuser", d.user.Name)), "\n")
		Expect(lines).To(HaveLen(2))
		Expect(strings.Fields(lines[0])).To(Equal(strings.Fields("NAME STATE SERVICES PRIMARY EXTENSION SETUP READY AGE")))
		Expect(strings.Fields(lines[1])[:7]).To(Equal([]string{
			d.user.Name, "Active", "1/8", d.phone.Name, string(d.extension.Spec.Number), "PasswordRequired", "True",
		}))
		Expect(kubectl(embedded.namespace, "get", "pbx", "-o", "name")).To(And(
			ContainSubstring("user.pbx-operator.io/"+d.user.Name), ContainSubstring("extension.pbx-operator.io/"+d.extension.Name),
			ContainSubstring("phoneservice.pbx-operator.io/"+d.phone.Name), ContainSubstring("phonesystem.pbx-operator.io/default")))
	})
})

// statusText is an object's status without the times of its conditions.
func statusText(object client.Object) string {
	_, conditions := statusOf(object)
	for i := range conditions {
		conditions[i].LastTransitionTime.Reset()
	}
	text, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	var content struct {
		Status json.RawMessage `json:"status"`
	}
	Expect(json.Unmarshal(text, &content)).To(Succeed())
	return string(content.Status)
}

var _ = onBothStores("A status that is lost", func(s *system) {
	It("is rebuilt from the spec and the store, without a write to the store", func() {
		d := s.desk()
		gone := s.user(unique("gone"), haveServices(d.phone.Name), func(u *pbxv1.UserSpec) { u.State = pbxv1.StateDeleted })
		bring(append(d.objects(), gone)...)
		Eventually(latest(d.user)).Should(HaveField("Status.Number", string(d.extension.Spec.Number)))
		Eventually(latest(d.phone)).Should(HaveField("Status.UserCount", int32(2)))
		Eventually(latest(gone)).Should(HaveField("Status.Services", services(d.phone.Name, "Active")))
		Eventually(latest(s.object)).Should(beReady())
		audited := func() string {
			return s.db.row("SELECT count(*) FROM audit WHERE name IN ($1, $2, $3, $4)",
				d.user.Name, d.extension.Name, d.phone.Name, gone.Name)
		}
		before := audited()
		for _, object := range append(d.objects(), gone, s.object) {
			settle(object)
			want := statusText(object)
			patch := client.RawPatch(types.JSONPatchType, []byte(`[{"op": "replace", "path": "/status", "value": {}}]`))
			Expect(api.Status().Patch(ctx, object, patch)).To(Succeed())
			Eventually(latest(object)).Should(WithTransform(statusText, Equal(want)))
		}
		Expect(audited()).To(Equal(before))
	})
})
