package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("The status of an extension", func(s *system) {
	It("shows the holder, and what is missing in the setup", func() {
		user := s.user(unique("ada"))
		extension := s.extension(unique("ext"), number())
		bring(user, extension)
		Expect(extension.Status).To(And(HaveField("Holder", ""), HaveField("Setup", pbxv1.SetupRequired)))

		change(extension, func(e *pbxv1.Extension) { e.Spec.DisplayName = "Lobby" })
		settle(extension)
		Expect(extension.Status).To(And(HaveField("Holder", ""), HaveField("Setup", pbxv1.SetupComplete)))

		change(extension, func(e *pbxv1.Extension) { e.Spec.DisplayName, e.Spec.UserRef = "", ref(user.Name) })
		settle(extension)
		Expect(extension.Status).To(And(HaveField("Holder", user.Name), HaveField("Setup", pbxv1.PasswordRequired)))

		moveThrough(user, pbxv1.StateDeleted)
		Eventually(latest(extension)).Should(And(beReady(), HaveField("Status.Setup", pbxv1.SetupRequired)))
		moveThrough(user, pbxv1.StatePurged)
		Eventually(latest(extension)).Should(And(beReady(), HaveField("Status.Holder", ""),
			HaveField("Status.Setup", pbxv1.SetupRequired)))
		Expect(s.record(extension)).NotTo(HaveKey("holder"), "the store forgets the holder as well")
	})

	It("shows the mailbox with its messages, which a purge removes", func() {
		extension := s.extension(unique("ext"), number())
		bring(extension)
		Expect(extension.Status.Mailbox).To(BeNil())
		change(extension, func(e *pbxv1.Extension) { e.Spec.Voicemail.Enabled = true })
		settle(extension)
		box := string(extension.Spec.Number)
		Expect(extension.Status.Mailbox).To(Equal(&pbxv1.Mailbox{Number: box}))

		s.db.exec("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ($1, 0, $2), ($1, 1, $2)", "/spool/"+box, box)
		change(extension, func(e *pbxv1.Extension) { e.Spec.DisplayName = "Lobby" })
		settle(extension)
		Expect(extension.Status.Mailbox).To(Equal(&pbxv1.Mailbox{Number: box, Messages: 2}))

		moveThrough(extension, pbxv1.StateDeleted)
		Expect(extension.Status.Mailbox).To(Equal(&pbxv1.Mailbox{Number: box, Messages: 2}), "deletion erases nothing")
		moveThrough(extension, pbxv1.StatePurged)
		Expect(personal(extension)).To(BeEmpty())
		Expect(s.db.rows("SELECT msgnum FROM voicemessages WHERE mailboxuser = $1", box)).To(BeEmpty())
	})

	It("says that a number of another length can have no mailbox, until it may", func() {
		extension := s.extension(unique("ext"), number()+"0", func(e *pbxv1.ExtensionSpec) { e.Voicemail.Enabled = true })
		bring(extension)
		Expect(extension).To(haveCondition(pbxv1.ConditionVoicemailUnavailable))
		Expect(extension.Status.Mailbox).To(BeNil())
		change(extension, func(e *pbxv1.Extension) { e.Spec.Number = number() })
		settle(extension)
		Expect(extension).NotTo(haveCondition(pbxv1.ConditionVoicemailUnavailable))
		Expect(extension.Status.Mailbox).To(HaveField("Number", string(extension.Spec.Number)))

		change(extension, func(e *pbxv1.Extension) { e.Spec.Number += "0" })
		settle(extension)
		Expect(extension).To(haveCondition(pbxv1.ConditionVoicemailUnavailable))
		Expect(extension.Status.Mailbox).To(BeNil())
		change(extension, func(e *pbxv1.Extension) { e.Spec.Voicemail.Enabled = false })
		settle(extension)
		Expect(extension).NotTo(haveCondition(pbxv1.ConditionVoicemailUnavailable))

		change(extension, func(e *pbxv1.Extension) { e.Spec.Voicemail.Enabled = true })
		Eventually(latest(extension)).Should(haveCondition(pbxv1.ConditionVoicemailUnavailable))
		moveThrough(extension, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(extension).NotTo(haveCondition(pbxv1.ConditionVoicemailUnavailable))
	})
})
