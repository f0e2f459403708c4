package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// readyReason gives the reason of the condition Ready, and its message.
func readyReason(object client.Object) string {
	_, conditions := statusOf(object)
	ready := apimeta.FindStatusCondition(conditions, pbxv1.ConditionReady)
	return ready.Reason + ": " + ready.Message
}

var _ = onBothStores("The services of a Deleted user", func(s *system) {
	var (
		d      desk
		second *pbxv1.PhoneService
	)
	services := func() string { return s.record(d.user)["services"] }
	declare := func(names ...string) {
		GinkgoHelper()
		change(d.user, func(u *pbxv1.User) { haveServices(names...)(&u.Spec) })
		settle(d.user)
	}
	beFrozen := func() OmegaMatcher {
		return WithTransform(readyReason, And(HavePrefix(pbxv1.ReasonServicesFrozen), ContainSubstring("the store keeps "+d.phone.Name)))
	}
	BeforeEach(func() {
		d, second = s.desk(), s.phone(unique("second"), s.lobby())
		bring(append(d.objects(), second)...)
		moveThrough(d.user, pbxv1.StateDeleted)
	})

	It("are frozen: another spec is told, and comes into force with the restore", func() {
		before := services()
		declare(second.Name)
		Expect(d.user).To(And(beFrozen(), HaveField("Status.Services", HaveExactElements(HaveField("Name", d.phone.Name)))))
		Expect(services()).To(Equal(before))
		declare()
		Expect(d.user).To(beFrozen())
		Expect(services()).To(Equal(before))
		Eventually(latest(d.phone)).Should(HaveField("Status.Effective", pbxv1.EffectiveBlocked))
		moveThrough(d.user, pbxv1.StateDeactivated)
		Expect(s.record(d.user)).NotTo(HaveKey("services"))
		Expect(readyReason(d.user)).To(HavePrefix(pbxv1.ReasonReconciled))
		Eventually(latest(d.phone)).Should(HaveField("Status.Effective", pbxv1.EffectiveBlocked), "it lost its user")
	})

	It("are changed with the restore in one edit, and stay when the spec says them again", func() {
		declare()
		declare(d.phone.Name)
		Expect(readyReason(d.user)).To(HavePrefix(pbxv1.ReasonReconciled))
		change(d.user, func(u *pbxv1.User) { u.Spec.State = pbxv1.StateActive; haveServices(second.Name)(&u.Spec) })
		settle(d.user)
		Expect(services()).To(ContainSubstring(second.Name))
		change(d.user, func(u *pbxv1.User) { u.Spec.State = pbxv1.StateDeleted; haveServices()(&u.Spec) })
		settle(d.user)
		Expect(services()).To(ContainSubstring(second.Name), "taken off and deleted in one edit")
	})

	It("are repaired when somebody else changes them, and go with a purge", func() {
		s.db.exec("DELETE FROM pbx_user_services WHERE service_name = $1", d.phone.Name)
		Eventually(services).Should(ContainSubstring(d.phone.Name))
		declare(second.Name)
		moveThrough(d.user, pbxv1.StatePurged)
		Expect(s.db.rows("SELECT service_name FROM pbx_user_services WHERE service_name IN ($1, $2)", d.phone.Name, second.Name)).To(BeEmpty())
	})
})
