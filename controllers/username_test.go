package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// signsInAs gives a phone a SIP username.
func signsInAs(username string) func(*pbxv1.PhoneServiceSpec) {
	return func(p *pbxv1.PhoneServiceSpec) { p.SIP.Username = username }
}

// direct gives an extension direct numbers.
func direct(numbers ...pbxv1.E164Number) func(*pbxv1.ExtensionSpec) {
	return func(e *pbxv1.ExtensionSpec) { e.DirectNumbers = numbers }
}

func renumber(extension *pbxv1.Extension, to pbxv1.Number) {
	GinkgoHelper()
	change(extension, func(e *pbxv1.Extension) { e.Spec.Number = to })
	settle(extension)
}

var _ = onBothStores("A SIP username that is a number", func(s *system) {
	var other *pbxv1.Extension
	BeforeEach(func() {
		other = s.extension(unique("other"), number())
		bring(other)
	})

	It("is refused if it is an emergency number, and all else of the phone is written", func() {
		phone := s.phone(unique("phone"), s.lobby(), signsInAs("112"))
		create(phone)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonEmergencyNumber, "sip.username 112", "give the phone another one"))
		tellsOf(phone, pbxv1.EventRefused, "112")
		Expect(s.record(phone)).To(BeEmpty())
		Expect(sipSecretOf(phone)).To(BeNil())
		username := unique("sip")
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.Username = username })
		settle(phone)

		secret, before := sipSecretOf(phone), s.record(phone)
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.Username, p.Spec.Profile.Label = "911", "Desk" })
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonEmergencyNumber, "sip.username 911", "until then it keeps "+username))
		setState(phone, pbxv1.StateDeactivated)
		Eventually(latest(phone)).Should(And(beStalled(pbxv1.ReasonEmergencyNumber), HaveField("Status.State", pbxv1.StateDeactivated)))
		Expect(s.record(phone).content()).To(Equal(before.content().with(record{"state": "Deactivated", "label": "Desk"})))
		Expect(sipSecretOf(phone).Data).To(Equal(secret.Data), "the phone goes on signing in as before")
		kubectlDelete(phone)
		Expect(s.record(phone)).To(And(HaveKeyWithValue("state", "Deleted"), HaveKeyWithValue("sip_username", username)))
	})

	It("is refused in every form in which an emergency number is dialled, and no other", func() {
		german := s.another().start(func(p *pbxv1.PhoneSystemSpec) {
			p.Numbering.Country, p.Numbering.Outside, p.EmergencyNumbers = "49", "0", []pbxv1.Number{"112"}
		})
		lobby := german.lobby()
		for _, username := range []string{"112", "0112", "49112", "0049112"} {
			phone := german.phone(unique("phone"), lobby, signsInAs(username))
			create(phone)
			Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonEmergencyNumber, username))
		}
		bring(german.phone(unique("phone"), lobby, signsInAs("1112")), german.phone(unique("phone"), lobby, signsInAs("112a")))
		free := german.phone(unique("phone"), lobby, signsInAs("555"))
		bring(free)
		change(german.object, func(p *pbxv1.PhoneSystem) { p.Spec.EmergencyNumbers = []pbxv1.Number{"112", "555"} })
		Eventually(latest(free)).Should(beStalled(pbxv1.ReasonEmergencyNumber, "555"))
		Expect(german.record(free)).To(HaveKeyWithValue("sip_username", "555"))
	})

	It("is refused while an extension that the phone does not ring has it, and is taken when that one lets go", func() {
		taken := other.Spec.Number
		phone := s.phone(unique("phone"), s.lobby(), signsInAs(string(taken)))
		create(phone)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonUsernameIsNumber, `Extension "`+other.Name+`"`, "give the phone another username"))
		Expect(s.record(phone)).To(BeEmpty())
		renumber(other, number())
		Eventually(latest(phone)).Should(beReady())
		Expect(s.record(phone)).To(HaveKeyWithValue("sip_username", string(taken)))

		again := s.phone(unique("again"), s.lobby())
		bring(again)
		change(again, func(p *pbxv1.PhoneService) { p.Spec.SIP.Username = string(other.Spec.Number) })
		Eventually(latest(again)).Should(beStalled(pbxv1.ReasonUsernameIsNumber, "until then it keeps "+again.Name))
		Expect(again).NotTo(haveCondition(pbxv1.ConditionUsernameIsNumber), "it is refused, not there")
		Expect(s.record(again)).To(HaveKeyWithValue("sip_username", again.Name))
	})

	It("may be one of its own extension's, and stays when that goes to another, which is told", func() {
		own := s.extension(unique("own"), number(), direct(pbxv1.E164Number("+4930"+string(number()))))
		first := own.Spec.Number
		byNumber := s.phone(unique("phone"), own.Name, signsInAs(string(first)))
		byDirect := s.phone(unique("phone"), own.Name, signsInAs(string(own.Spec.DirectNumbers[0][1:])))
		bring(byNumber, byDirect, own)
		Consistently(latest(byNumber)).Should(And(beReady(), Not(haveCondition(pbxv1.ConditionUsernameIsNumber))))

		renumber(own, number())
		renumber(other, first)
		Eventually(latest(byNumber)).Should(And(beReady(), haveCondition(pbxv1.ConditionUsernameIsNumber)))
		Expect(s.record(byNumber)).To(HaveKeyWithValue("sip_username", string(first)))
		Expect(latest(byDirect)()).NotTo(haveCondition(pbxv1.ConditionUsernameIsNumber))
		renumber(other, number())
		Eventually(latest(byNumber)).ShouldNot(haveCondition(pbxv1.ConditionUsernameIsNumber))
	})

	It("may be digits that are nobody's, until they are somebody's, also by hand, which is told", func() {
		digits := number()
		phone := s.phone(unique("phone"), s.lobby(), signsInAs(string(digits)))
		bring(phone)
		Expect(phone).NotTo(haveCondition(pbxv1.ConditionUsernameIsNumber))
		late := s.extension(unique("late"), digits)
		bring(late)
		Eventually(latest(phone)).Should(And(beReady(), haveCondition(pbxv1.ConditionUsernameIsNumber)))
		remove(pbxv1.DeletionPolicyPurge, late)
		Eventually(latest(phone)).ShouldNot(haveCondition(pbxv1.ConditionUsernameIsNumber))
		s.db.exec("INSERT INTO pbx_extensions (name, number) VALUES ($1, $2)", unique("hand"), string(digits))
		Eventually(latest(phone)).Should(haveCondition(pbxv1.ConditionUsernameIsNumber))
		moveThrough(phone, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(phone).NotTo(haveCondition(pbxv1.ConditionUsernameIsNumber))
	})

	It("is a Remote phone's own affair", func() {
		bring(s.phone(unique("remote"), s.lobby(), signsInAs(string(other.Spec.Number)), func(p *pbxv1.PhoneServiceSpec) {
			p.Type = pbxv1.ServiceRemote
		}))
	})
})

var _ = onBothStores("A SIP username in other letters", func(s *system) {
	It("is the same, and the phone is shown as registered and is unregistered with either engine", func() {
		username := "Desk-" + unique("sip")
		phone := s.phone(unique("phone"), s.lobby(), signsInAs(username))
		bring(phone)
		same := s.phone(unique("same"), s.lobby(), signsInAs("dESK"+username[4:]))
		create(same)
		Eventually(latest(same)).Should(beWaiting(pbxv1.ReasonHeldByOther, phone.Name))

		folded := "desk" + username[4:]
		for engine, register := range map[string][]any{
			"INSERT INTO location (ruid, username, domain, contact, user_agent) VALUES ($1, $1, 'x', 'sip:x', 'Kamailio')": {folded},
			"INSERT INTO ps_contacts (id, endpoint, user_agent) VALUES ($1, $1, 'Asterisk')":                               {username},
		} {
			s.db.exec(engine, register...)
			Eventually(latest(phone)).Should(HaveField("Status.Registered", Not(BeNil())))
			moveThrough(phone, pbxv1.StateDeleted)
			Eventually(latest(phone)).Should(HaveField("Status.Registered", BeNil()))
			moveThrough(phone, pbxv1.StateActive)
		}
	})
})
