package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("A phone that is the primary of a user who has others", func(s *system) {
	var (
		primary, other *pbxv1.PhoneService
		ada, bob       *pbxv1.User
		before         record
	)
	BeforeEach(func() {
		lobby := s.lobby()
		primary, other = s.phone(unique("primary"), lobby), s.phone(unique("other"), lobby)
		ada = s.user(unique("ada"), haveServices(primary.Name, other.Name))
		bob = s.user(unique("bob"), haveServices(primary.Name, other.Name))
		bring(primary, other, ada, bob)
		Eventually(latest(primary)).Should(HaveField("Status.PrimaryForCount", int32(2)))
		before = s.record(primary)
	})
	held := func(users ...string) {
		GinkgoHelper()
		parts := append([]string{"choose another primaryService"}, users...)
		Eventually(latest(primary)).Should(beWaiting(pbxv1.ReasonPrimaryOfUser, parts...))
		Expect(s.record(primary)).To(Equal(before), "nothing is changed")
	}
	chooseAnother := func(user *pbxv1.User) {
		GinkgoHelper()
		change(user, func(u *pbxv1.User) { u.Spec.PrimaryService = other.Name })
	}

	It("is held by spec.state Deleted, with the users named, until they have another primary", func() {
		setState(primary, pbxv1.StateDeleted)
		held("2 user(s)", ada.Name+", "+bob.Name)
		tellsOf(primary, pbxv1.EventRefused, ada.Name)
		Expect(primary.Status.State).To(Equal(pbxv1.StateActive))
		chooseAnother(ada)
		Eventually(latest(primary)).Should(beWaiting(pbxv1.ReasonPrimaryOfUser, "1 user(s)", bob.Name))
		held(bob.Name)
		chooseAnother(bob)
		Eventually(latest(primary)).Should(And(beReady(), HaveField("Status.State", pbxv1.StateDeleted)))
		Expect(s.record(primary)).To(HaveKeyWithValue("state", "Deleted"))
	})

	for _, policy := range []pbxv1.DeletionPolicy{pbxv1.DeletionPolicyDelete, pbxv1.DeletionPolicyPurge} {
		It("is held by kubectl delete with deletionPolicy "+string(policy)+" until they have another primary, or are gone", func() {
			change(primary, func(p *pbxv1.PhoneService) { p.Spec.DeletionPolicy = policy })
			settle(primary)
			before = s.record(primary)
			Expect(api.Delete(ctx, primary)).To(Succeed())
			held(ada.Name, bob.Name)
			chooseAnother(ada)
			kubectlDelete(bob)
			Eventually(latest(primary)).Should(beGone())
			if policy == pbxv1.DeletionPolicyPurge {
				Expect(s.record(primary)).To(BeEmpty())
			} else {
				Expect(s.record(primary)).To(HaveKeyWithValue("state", "Deleted"))
			}
		})
	}

	It("goes once the users are Deleted, or have no other", func() {
		setState(primary, pbxv1.StateDeleted)
		held(ada.Name, bob.Name)
		setState(ada, pbxv1.StateDeleted)
		Eventually(latest(primary)).Should(beWaiting(pbxv1.ReasonPrimaryOfUser, "1 user(s)"))
		change(bob, func(u *pbxv1.User) { haveServices(primary.Name)(&u.Spec) })
		settle(primary)
		Eventually(latest(bob)).Should(And(beReady(), HaveField("Status.Services", services(primary.Name, "Deleted"))))
	})

	It("may be deactivated, and let go of with deletionPolicy Orphan", func() {
		moveThrough(primary, pbxv1.StateDeactivated)
		remove(pbxv1.DeletionPolicyOrphan, primary)
	})

	It("is not held for a user who is suspended out of the way of the decision", func() {
		suspend(ada)
		setState(primary, pbxv1.StateDeleted)
		held(ada.Name)
		chooseAnother(ada)
		chooseAnother(bob)
		settle(primary)
	})
})

var _ = onBothStores("Numbers that a phone system decides about", func(s *system) {
	It("an emergency number is refused, and nothing is written, until it is another", func() {
		extension := s.extension(unique("ext"), "112")
		create(extension)
		Eventually(latest(extension)).Should(beStalled(pbxv1.ReasonEmergencyNumber, "112 is an emergency number"))
		tellsOf(extension, pbxv1.EventRefused, "112")
		Expect(s.record(extension)).To(BeEmpty())
		change(extension, func(e *pbxv1.Extension) { e.Spec.Number = number() })
		settle(extension)

		before := s.record(extension)
		change(extension, func(e *pbxv1.Extension) { e.Spec.Number = "911" })
		Eventually(latest(extension)).Should(beStalled(pbxv1.ReasonEmergencyNumber))
		setState(extension, pbxv1.StateDeactivated)
		Eventually(latest(extension)).Should(And(beStalled(pbxv1.ReasonEmergencyNumber),
			HaveField("Status.State", pbxv1.StateDeactivated)))
		Expect(s.record(extension).content()).To(Equal(before.content().with(record{"state": "Deactivated"})))
		kubectlDelete(extension)
		Expect(s.record(extension)).To(And(HaveKeyWithValue("state", "Deleted"), HaveKeyWithValue("number", before["number"])))
	})

	It("an emergency number is no direct number either, in whatever form, and what there is stays", func() {
		german := s.another().start(func(p *pbxv1.PhoneSystemSpec) {
			p.Numbering.Country, p.Numbering.Outside, p.EmergencyNumbers = "49", "0", []pbxv1.Number{"112"}
		})
		for _, emergency := range []pbxv1.E164Number{"+112", "+49112"} {
			extension := german.extension(unique("ext"), number(), direct("+4930777", emergency))
			create(extension)
			Eventually(latest(extension)).Should(beStalled(pbxv1.ReasonEmergencyNumber, string(emergency), "take it out of directNumbers"))
			Expect(german.record(extension)).To(BeEmpty())
		}
		for _, emergency := range []pbxv1.Number{"0112", "49112", "0049112"} {
			extension := german.extension(unique("ext"), emergency)
			create(extension)
			Eventually(latest(extension)).Should(beStalled(pbxv1.ReasonEmergencyNumber, string(emergency), "give the extension another number"))
		}
		there := german.extension(unique("ext"), number(), direct("+49555", "+49301"))
		bring(there, german.extension(unique("ext"), "1112"))
		change(german.object, func(p *pbxv1.PhoneSystem) { p.Spec.EmergencyNumbers = []pbxv1.Number{"112", "555"} })
		Eventually(latest(there)).Should(beStalled(pbxv1.ReasonEmergencyNumber, "+49555"))
		change(there, func(e *pbxv1.Extension) { e.Spec.DisplayName = "all else is written"; direct("+49555")(&e.Spec) })
		Eventually(german.field(there, "display_name")).Should(Equal("all else is written"))
		Expect(german.db.rows("SELECT number FROM pbx_direct_numbers ORDER BY number")).To(HaveExactElements("+49301", "+49555"))
		change(there, func(e *pbxv1.Extension) { direct("+49301")(&e.Spec) })
		settle(there)
		Expect(german.db.rows("SELECT number FROM pbx_direct_numbers")).To(HaveExactElements("+49301"))
	})

	It("follow a change of the phone system's emergency numbers and voicemail digits", func() {
		other := s.another().start()
		extension := other.extension(unique("ext"), "555", func(e *pbxv1.ExtensionSpec) { e.Voicemail.Enabled = true })
		bring(extension)
		Expect(extension).To(haveCondition(pbxv1.ConditionVoicemailUnavailable))

		change(other.object, func(p *pbxv1.PhoneSystem) { p.Spec.Numbering.VoicemailDigits = 3 })
		Eventually(latest(extension)).Should(HaveField("Status.Mailbox", &pbxv1.Mailbox{Number: "555"}))
		Expect(extension).NotTo(haveCondition(pbxv1.ConditionVoicemailUnavailable))
		Expect(other.db.row("SELECT voicemail_digits FROM pbx_system")).To(Equal("3"))

		change(other.object, func(p *pbxv1.PhoneSystem) { p.Spec.EmergencyNumbers = []pbxv1.Number{"112", "555"} })
		Eventually(latest(extension)).Should(beStalled(pbxv1.ReasonEmergencyNumber))
		setState(extension, pbxv1.StateDeactivated)
		Eventually(other.field(extension, "state")).Should(Equal("Deactivated"))
		Expect(other.record(extension)).To(And(HaveKeyWithValue("number", "555"), HaveKeyWithValue("mailbox", "555")))
		change(other.object, func(p *pbxv1.PhoneSystem) { p.Spec.EmergencyNumbers = []pbxv1.Number{"112"} })
		Eventually(latest(extension)).Should(beReady())
		Expect(other.db.row("SELECT emergency_numbers FROM pbx_system")).To(Equal("112"))
	})
})
