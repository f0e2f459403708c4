package controllers_test

import (
	"encoding/json"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// services is what a user's status shows of services: names and states in turn.
func services(namesAndStates ...string) []pbxv1.UserService {
	var all []pbxv1.UserService
	for pair := range slices.Chunk(namesAndStates, 2) {
		all = append(all, pbxv1.UserService{Name: pair[0], State: pbxv1.State(pair[1])})
	}
	return all
}

// personal is what the status of an object says of a person: everything but the conditions and what all kinds have.
func personal(object any) map[string]any {
	text, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	var content struct {
		Status map[string]any `json:"status"`
	}
	Expect(json.Unmarshal(text, &content)).To(Succeed())
	for _, common := range []string{"conditions", "observedGeneration", "state"} {
		Expect(content.Status).To(HaveKey(common))
		delete(content.Status, common)
	}
	return content.Status
}

var _ = onBothStores("The status of a user", func(s *system) {
	It("counts the services, and shows each with its state", func() {
		lobby := s.lobby()
		one, two, late := s.phone(unique("one"), lobby), s.phone(unique("two"), lobby), s.phone(unique("late"), lobby)
		two.Spec.State = pbxv1.StateDeactivated
		user := s.user(unique("ada"), haveServices(one.Name, two.Name, late.Name))
		create(one, two, user)
		Eventually(latest(user)).Should(And(
			beWaiting(pbxv1.ReasonReferenceNotFound, `PhoneService "`+late.Name+`" is not there yet`),
			HaveField("Status.ServiceCount", "3/8"),
			HaveField("Status.PrimaryService", one.Name),
			HaveField("Status.Services", services(one.Name, "Active", two.Name, "Deactivated", late.Name, "")),
		))
		bring(late)
		Eventually(latest(user)).Should(And(beReady(),
			HaveField("Status.Services", services(one.Name, "Active", two.Name, "Deactivated", late.Name, "Active"))))

		moveThrough(two, pbxv1.StateDeleted)
		kubectlDelete(late)
		Eventually(latest(user)).Should(And(beReady(), HaveField("Status.ServiceCount", "3/8"),
			HaveField("Status.Services", services(one.Name, "Active", two.Name, "Deleted", late.Name, "Deleted"))))

		moveThrough(two, pbxv1.StatePurged)
		kubectlDelete(two)
		Eventually(latest(user)).Should(And(beReady(), HaveField("Status.ServiceCount", "3/8"),
			HaveField("Status.Services", services(one.Name, "Active", two.Name, "Purged", late.Name, "Deleted"))))

		change(user, func(u *pbxv1.User) { haveServices()(&u.Spec) })
		Eventually(latest(user)).Should(And(beReady(), HaveField("Status.ServiceCount", "0/8"),
			HaveField("Status.Services", BeEmpty()), HaveField("Status.PrimaryService", "")))
	})

	It("counts to eight", func() {
		lobby := s.lobby()
		var names []string
		for range pbxv1.MaxServices {
			phone := s.phone(unique("phone"), lobby)
			create(phone)
			names = append(names, phone.Name)
		}
		user := s.user(unique("ada"), haveServices(names...))
		bring(user)
		Expect(user.Status.ServiceCount).To(Equal("8/8"))
	})

	It("shows the extensions, and the number of the primary service or else the lowest", func() {
		user := s.user(unique("ada"))
		lowest, held := s.extension(unique("b"), number(), heldBy(user.Name)), s.extension(unique("c"), number(), heldBy(user.Name))
		longer := s.extension(unique("a"), lowest.Spec.Number+"0", heldBy(user.Name))
		shared := s.extension(unique("d"), number())
		bring(user, lowest, held, longer, shared)
		extensions := func(all ...*pbxv1.Extension) []pbxv1.UserExtension {
			var shown []pbxv1.UserExtension
			for _, e := range all {
				shown = append(shown, pbxv1.UserExtension{Name: e.Name, Number: string(e.Spec.Number)})
			}
			return shown
		}
		Eventually(latest(user)).Should(And(HaveField("Status.Number", string(lowest.Spec.Number)),
			HaveField("Status.Extensions", extensions(longer, lowest, held))))

		phone := s.phone(unique("phone"), shared.Name)
		bring(phone)
		change(user, func(u *pbxv1.User) { haveServices(phone.Name)(&u.Spec) })
		settle(user)
		Expect(user.Status.Number).To(Equal(string(lowest.Spec.Number)), "the primary's extension is not theirs")

		change(phone, func(p *pbxv1.PhoneService) { p.Spec.ExtensionRef = ref(held.Name) })
		Eventually(latest(user)).Should(HaveField("Status.Number", string(held.Spec.Number)))

		change(held, func(e *pbxv1.Extension) { e.Spec.UserRef = nil })
		Eventually(latest(user)).Should(And(HaveField("Status.Number", string(lowest.Spec.Number)),
			HaveField("Status.Extensions", extensions(longer, lowest))))

		change(lowest, func(e *pbxv1.Extension) { e.Spec.Number = number() })
		Eventually(latest(user)).Should(HaveField("Status.Extensions", extensions(longer, lowest)))
		moveThrough(lowest, pbxv1.StateDeleted)
		Eventually(latest(user)).Should(And(HaveField("Status.Number", string(longer.Spec.Number)),
			HaveField("Status.Extensions", extensions(longer))))
	})

	It("shows a number that the extension got later", func() {
		holder := s.extension(unique("first"), number())
		bring(holder)
		user := s.user(unique("ada"))
		waiting := s.extension(unique("second"), holder.Spec.Number, heldBy(user.Name))
		create(user, waiting)
		Eventually(latest(waiting)).Should(beWaiting(pbxv1.ReasonHeldByOther))
		Eventually(latest(user)).Should(HaveField("Status.Extensions", []pbxv1.UserExtension{{Name: waiting.Name}}))

		change(holder, func(e *pbxv1.Extension) { e.Spec.Number = number() })
		settle(waiting)
		Eventually(latest(user)).Should(HaveField("Status.Number", string(waiting.Spec.Number)))
	})

	It("shows the business unit, which is the deleted one while Deleted", func() {
		user := s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.BusinessUnit = "Engines" })
		bring(user)
		Expect(user.Status.BusinessUnit).To(Equal("Engines"))
		moveThrough(user, pbxv1.StateDeactivated)
		Expect(user.Status.BusinessUnit).To(Equal("Engines"))
		moveThrough(user, pbxv1.StateDeleted)
		Expect(user.Status.BusinessUnit).To(Equal("Deleted Users"))
		moveThrough(user, pbxv1.StateActive)
		Expect(user.Status.BusinessUnit).To(Equal("Engines"))
	})

	It("says what is missing in the setup", func() {
		password := s.secret(unique("login"), map[string]string{"password": "difference engine"})
		pin := s.secret(unique("pin"), map[string]string{"pin": "4711"})
		create(password, pin)
		user := s.user(unique("ada"))
		box := s.extension(unique("ext"), number(), heldBy(user.Name))
		bring(user, box)
		Expect(user.Status.Setup).To(Equal(pbxv1.PasswordRequired))

		change(user, func(u *pbxv1.User) { u.Spec.Login.PasswordSecretRef = secretRef(password.Name) })
		Eventually(latest(user)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
		Eventually(latest(box)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))

		change(box, func(e *pbxv1.Extension) { e.Spec.Voicemail.Enabled = true })
		Eventually(latest(user)).Should(HaveField("Status.Setup", pbxv1.PasswordRequired))
		Eventually(latest(box)).Should(HaveField("Status.Setup", pbxv1.PasswordRequired))

		change(box, func(e *pbxv1.Extension) { e.Spec.Voicemail.PinSecretRef = secretRef(pin.Name) })
		Eventually(latest(user)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
		Eventually(latest(box)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
	})

	It("notices a password and a PIN that were set in a portal", func() {
		user := s.user(unique("ada"))
		box := s.extension(unique("ext"), number(), heldBy(user.Name),
			func(e *pbxv1.ExtensionSpec) { e.Voicemail.Enabled = true })
		bring(user, box)
		s.db.exec("UPDATE pbx_users SET password_hash = 'of a portal' WHERE name = $1", user.Name)
		s.db.exec("UPDATE pbx_extensions SET pin = '0815' WHERE name = $1", box.Name)
		Eventually(latest(user)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
		Eventually(latest(box)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
	})

	It("recommends an e-mail address to who holds an extension, until they have one or are gone", func() {
		user := s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.Email = "" })
		box := s.extension(unique("ext"), number(), heldBy(user.Name))
		bring(user)
		Expect(user).NotTo(haveCondition(pbxv1.ConditionEmailRecommended))
		bring(box)
		Eventually(latest(user)).Should(And(beReady(), haveCondition(pbxv1.ConditionEmailRecommended)))
		change(user, func(u *pbxv1.User) { u.Spec.Email = "ada@example.com" })
		settle(user)
		Expect(user).NotTo(haveCondition(pbxv1.ConditionEmailRecommended))
		change(user, func(u *pbxv1.User) { u.Spec.Email = "" })
		Eventually(latest(user)).Should(haveCondition(pbxv1.ConditionEmailRecommended))
		moveThrough(user, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(user).NotTo(haveCondition(pbxv1.ConditionEmailRecommended))
	})

	It("has nothing personal once the user is purged", func() {
		d := s.desk(func(u *pbxv1.UserSpec) { u.BusinessUnit = "Engines" })
		bring(d.objects()...)
		Eventually(latest(d.user)).Should(HaveField("Status.Number", string(d.extension.Spec.Number)))
		Expect(personal(d.user)).NotTo(BeEmpty())
		moveThrough(d.user, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(personal(d.user)).To(BeEmpty())
		for _, c := range d.user.Status.Conditions {
			Expect(c.Message).NotTo(Or(ContainSubstring("Lovelace"), ContainSubstring("@example.com")))
		}
	})
})
