package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// advice gives the message of a condition that is there.
func advice(object client.Object, kind string) string {
	GinkgoHelper()
	_, conditions := statusOf(object)
	found := apimeta.FindStatusCondition(conditions, kind)
	Expect(found).NotTo(BeNil(), kind)
	return found.Message
}

var _ = onBothStores("What keeps nothing from being ready", func(s *system) {
	It("is told of what no engine honours, as long as it is asked for", func() {
		phone := s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.SIP.Transport = "TLS"
			p.Keys = []pbxv1.Key{{Index: 1, Type: "Line"}, {Index: 2, Type: "BLF", Value: "1002"}, {Index: 3, Type: "BLF", Value: "1003"}}
		})
		bring(phone)
		Expect(advice(phone, pbxv1.ConditionNotHonoured)).To(And(ContainSubstring("keys of type BLF (2, 3)"), ContainSubstring("sip.transport TLS")))
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.Keys = p.Spec.Keys[:1] })
		settle(phone)
		Expect(advice(phone, pbxv1.ConditionNotHonoured)).NotTo(ContainSubstring("BLF"))
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.Transport = "TCP" })
		settle(phone)
		Expect(phone).NotTo(haveCondition(pbxv1.ConditionNotHonoured))
	})

	It("is told of the number that an emergency call shows", func() {
		system := s.another().start(func(p *pbxv1.PhoneSystemSpec) { p.MainNumber = "" })
		Expect(advice(system.object, pbxv1.ConditionNoCallbackNumber)).To(ContainSubstring("set spec.mainNumber"))
		extension := system.extension(unique("ext"), number())
		phone := system.phone(unique("phone"), extension.Name)
		bring(extension, phone)
		Expect(phone).NotTo(haveCondition(pbxv1.ConditionCallbackIsShared), "there is none to be shared")

		change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.MainNumber = "+4930555" })
		Eventually(latest(system.object)).Should(And(beReady(), Not(haveCondition(pbxv1.ConditionNoCallbackNumber))))
		Eventually(latest(phone)).Should(And(beReady(), haveCondition(pbxv1.ConditionCallbackIsShared)))
		change(extension, func(e *pbxv1.Extension) { direct("+4930555001")(&e.Spec) })
		settle(extension)
		Eventually(latest(phone)).Should(And(beReady(), Not(haveCondition(pbxv1.ConditionCallbackIsShared))))
		change(extension, func(e *pbxv1.Extension) { direct()(&e.Spec) })
		settle(extension)
		Eventually(latest(phone)).Should(haveCondition(pbxv1.ConditionCallbackIsShared))
		moveThrough(phone, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(phone).NotTo(haveCondition(pbxv1.ConditionCallbackIsShared))
	})
})
