package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("What lives elsewhere", func(s *system) {
	url := pbxv1.URL("https://suite.example.com/7")

	It("is shown to the users who have it, with its type and its address", func() {
		local, remote := s.phone(unique("phone"), s.lobby()), s.phone(unique("remote"), s.lobby())
		remote.Spec.Type = pbxv1.ServiceRemote
		foreign := s.phone(unique("foreign"), s.lobby())
		foreign.Spec.Type, foreign.Spec.Foreign = pbxv1.ServiceForeign, &pbxv1.ForeignService{System: "Suite", URL: &url}
		user := s.user(unique("ada"), haveServices(local.Name, remote.Name, foreign.Name))
		bring(local, remote, foreign, user)
		Expect(user.Status.Services).To(ConsistOf(
			pbxv1.UserService{Name: local.Name, State: pbxv1.StateActive},
			pbxv1.UserService{Name: remote.Name, State: pbxv1.StateActive, Type: pbxv1.ServiceRemote},
			pbxv1.UserService{Name: foreign.Name, State: pbxv1.StateActive, Type: pbxv1.ServiceForeign, URL: string(url)},
		))
		change(foreign, func(p *pbxv1.PhoneService) { p.Spec.Foreign.URL = nil })
		Eventually(func() string {
			reload(user)
			return user.Status.Services[2].URL
		}).Should(BeEmpty())
	})

	It("is told when the phone that it hangs on goes, in an event and in the audit", func() {
		phone := s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.Attached = []pbxv1.AttachedService{
				{System: "Suite", Name: "fax", ManagedHere: true}, {System: "CRM", Name: "popup", URL: &url}, {System: "Door", Name: "gate"},
			}
		})
		bring(phone)
		told := ContainElement(ContainSubstring("to be removed elsewhere: popup of CRM (https://suite.example.com/7), gate of Door"))
		audited := func() []string {
			return s.db.rows("SELECT new_value FROM audit WHERE uid = $1 AND what = 'elsewhere' AND new_value <> '' ORDER BY id", string(phone.UID))
		}
		Expect(eventsOf(phone)()).NotTo(told)
		Expect(audited()).To(BeEmpty())

		moveThrough(phone, pbxv1.StateDeactivated)
		Expect(audited()).To(BeEmpty())
		moveThrough(phone, pbxv1.StateDeleted)
		Eventually(eventsOf(phone)).Should(told)
		Expect(audited()).To(Equal([]string{"popup of CRM (https://suite.example.com/7)", "gate of Door"}))

		remove(pbxv1.DeletionPolicyPurge, phone)
		Expect(audited()).To(Equal([]string{"popup of CRM (https://suite.example.com/7)", "gate of Door"}))
	})
})

var _ = onBothStores("The phone system", func(s *system) {
	It("tells whether an extension has a voicemail box", func() {
		other := s.another().start()
		says := func() bool {
			reload(other.object)
			return other.object.Status.HasMailboxes
		}
		voicemail := func(e *pbxv1.ExtensionSpec) { e.Voicemail.Enabled = true }
		plain, first, second := other.extension(unique("ext"), number()), other.extension(unique("ext"), number(), voicemail),
			other.extension(unique("ext"), number(), voicemail)
		bring(plain)
		Consistently(says).Should(BeFalse())
		bring(first, second)
		Eventually(says).Should(BeTrue())
		box := string(first.Spec.Number)
		other.db.exec("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ($1, 0, $2)", "/spool/"+box, box)
		change(first, func(e *pbxv1.Extension) { e.Spec.Voicemail.Enabled = false })
		settle(first)
		Expect(first.Status.Mailbox).To(Equal(&pbxv1.Mailbox{Messages: 1}), "its messages are kept")
		Consistently(says).Should(BeTrue())
		kubectlDelete(second)
		Eventually(says).Should(BeFalse())
	})
})
