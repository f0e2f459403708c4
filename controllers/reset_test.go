package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// call inserts a call record as an engine does, of a call with a phone of ours or from outside, and gives who it was tagged
// with.
func (s *system) call(phone string, to pbxv1.Number) (tagged string) {
	GinkgoHelper()
	id := unique("call")
	s.db.exec("INSERT INTO cdr (channel, dst, disposition, uniqueid) VALUES ($1, $2, 'ANSWERED', $3)", phone, string(to), id)
	return s.taggedWith(id)
}

func (s *system) taggedWith(call string) string {
	GinkgoHelper()
	return s.db.row("SELECT src_user_id, dst_user_id FROM cdr WHERE uniqueid = $1", call)
}

// message leaves a message in a box.
func (s *system) message(box pbxv1.Number) {
	GinkgoHelper()
	s.db.exec("INSERT INTO voicemessages (dir, msgnum, mailboxuser) VALUES ($1, 0, $2)", "/spool/"+string(box)+"/"+unique("box"), string(box))
}

func (s *system) messages(box pbxv1.Number) func() ([]string, error) {
	return s.db.looking("SELECT count(*) FROM voicemessages WHERE mailboxuser = $1", string(box))
}

var _ = onBothStores("A reset", func(s *system) {
	var (
		d                desk
		next             *pbxv1.User
		secret, password *corev1.Secret
		box              pbxv1.Number
	)
	handTo := func(user string) {
		change(d.extension, func(e *pbxv1.Extension) {
			e.Spec.UserRef = nil
			if user != "" {
				e.Spec.UserRef = ref(user)
			}
		})
		settle(d.extension)
	}
	BeforeEach(func() {
		secret = s.secret(unique("pin"), map[string]string{"pin": "4711"})
		password = s.secret(unique("password"), map[string]string{"password": "sign me in"})
		d = s.desk(func(u *pbxv1.UserSpec) { u.Login.PasswordSecretRef = secretRef(password.Name) })
		d.extension.Spec.Voicemail = pbxv1.Voicemail{
			Enabled: true, PinSecretRef: secretRef(secret.Name), Email: "box@example.com",
		}
		next = s.user(unique("bob"), func(u *pbxv1.UserSpec) { u.Login.PasswordSecretRef = secretRef(password.Name) })
		create(secret, password)
		bring(append(d.objects(), next)...)
		box = d.extension.Spec.Number
		s.message(box)
		Eventually(latest(d.extension)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
	})

	It("takes from the box and the phone what the previous holder knew, and keeps messages and calls", func() {
		before := sipSecretOf(d.phone)
		call := s.call("", box)
		Expect(call).To(Equal("NULL|" + string(d.user.UID)))
		handTo(next.Name)
		tellsOf(d.extension, pbxv1.EventReset, "Email", "Password", "VoicemailPIN", "Devices", "Preferences")
		Expect(s.record(d.extension)).To(And(Not(HaveKey("pin")), Not(HaveKey("voicemail_email")), HaveKeyWithValue("holder", next.Name)))
		Eventually(latest(d.extension)).Should(HaveField("Status.Setup", pbxv1.PasswordRequired))

		Eventually(func() string { return string(sipSecretOf(d.phone).Data["password"]) }).ShouldNot(Equal(string(before.Data["password"])))
		after := sipSecretOf(d.phone)
		Eventually(s.digests(d.phone)).Should(HaveExactElements(haveDigestsOf(d.phone.Name, string(after.Data["password"]))))
		tellsOf(d.phone, pbxv1.EventCredentialsRegenerated, "reset", "provision the phone again")
		Expect(after.UID).To(Equal(before.UID))

		Expect(s.messages(box)()).To(HaveExactElements("1"))
		Expect(s.db.rows("SELECT dst_user_id FROM cdr WHERE dst = $1", string(box))).To(HaveExactElements(string(d.user.UID)))
		Expect(s.call("", box)).To(Equal("NULL|" + string(next.UID)))
	})

	It("counts the PIN and the address as unset until they are others", func() {
		handTo(next.Name)
		change(d.extension, func(e *pbxv1.Extension) { e.Spec.DisplayName = "again" })
		settle(d.extension)
		Expect(s.record(d.extension)).To(And(Not(HaveKey("pin")), Not(HaveKey("voicemail_email"))))
		edit(secret, "pin", "8642")
		Eventually(s.field(d.extension, "pin")).Should(Equal("8642"))
		change(d.extension, func(e *pbxv1.Extension) { e.Spec.Voicemail.Email = "bob@example.com" })
		settle(d.extension)
		Expect(s.record(d.extension)).To(HaveKeyWithValue("voicemail_email", "bob@example.com"))
		Eventually(latest(d.extension)).Should(HaveField("Status.Setup", pbxv1.SetupComplete))
	})

	It("blocks a phone with a given password until the content of the Secret changes", func() {
		given := s.secret(unique("given"), map[string]string{"password": "of the leaver"})
		create(given)
		change(d.phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		settle(d.phone)
		handTo("")
		Eventually(latest(d.phone)).Should(beWaiting(pbxv1.ReasonCredentialsReleased, given.Name, "change its content"))
		Expect(s.digests(d.phone)()).To(HaveExactElements("|"))
		Eventually(latest(d.phone)).Should(HaveField("Status.Effective", pbxv1.EffectiveBlocked))
		change(d.phone, func(p *pbxv1.PhoneService) { p.Spec.Profile.Label = "the same password counts as none" })
		Eventually(latest(d.phone)).Should(beWaiting(pbxv1.ReasonCredentialsReleased))
		Expect(s.digests(d.phone)()).To(HaveExactElements("|"))
		edit(given, "password", "of the next one")
		Eventually(s.digests(d.phone)).Should(HaveExactElements(haveDigestsOf(d.phone.Name, "of the next one")))
		Eventually(latest(d.phone)).Should(beReady())
	})

	It("blocks the leaver's other phones until somebody else has them", func() {
		second := s.phone(unique("second"), d.extension.Name)
		bring(second)
		change(d.user, func(u *pbxv1.User) { haveServices(d.phone.Name, second.Name)(&u.Spec) })
		settle(d.user)
		handTo("")
		Eventually(latest(second)).Should(And(HaveField("Status.Effective", pbxv1.EffectiveBlocked), beReady(),
			WithTransform(statusText, ContainSubstring("list it in the services of a user"))))
		Expect(latest(d.phone)()).To(HaveField("Status.Effective", pbxv1.EffectiveNormal))
		change(next, func(u *pbxv1.User) { haveServices(second.Name)(&u.Spec) })
		Eventually(latest(second)).Should(HaveField("Status.Effective", pbxv1.EffectiveNormal))
	})

	It("clears only what onRelease says", func() {
		change(d.extension, func(e *pbxv1.Extension) { e.Spec.OnRelease.Clear = []pbxv1.ReleaseItem{pbxv1.ReleaseVoicemailPIN} })
		settle(d.extension)
		before := sipSecretOf(d.phone)
		handTo(next.Name)
		tellsOf(d.extension, pbxv1.EventReset, "cleared: VoicemailPIN;")
		Expect(s.record(d.extension)).To(And(Not(HaveKey("pin")), HaveKeyWithValue("voicemail_email", "box@example.com")))
		settle(d.phone)
		Expect(sipSecretOf(d.phone).Data).To(Equal(before.Data))
	})

	It("is what the purge of the holder does, and what their deletion does not", func() {
		before := s.record(d.extension)
		moveThrough(d.user, pbxv1.StateDeleted)
		settle(d.extension, d.phone)
		Expect(s.record(d.extension)).To(Equal(before))
		secretBefore := sipSecretOf(d.phone)
		moveThrough(d.user, pbxv1.StatePurged)
		Eventually(func() string { return string(sipSecretOf(d.phone).Data["password"]) }).ShouldNot(Equal(string(secretBefore.Data["password"])))
		Eventually(latest(d.extension)).Should(HaveField("Status.Setup", pbxv1.SetupRequired))
		Expect(s.record(d.extension)).To(And(Not(HaveKey("pin")), Not(HaveKey("holder")), Not(HaveKey("voicemail_email"))))
		Expect(s.messages(box)()).To(HaveExactElements("1"))
		tellsOf(d.user, pbxv1.EventPurged, "receipt "+s.db.row("SELECT hash FROM pbx_purge_receipts WHERE uid = $1", string(d.user.UID)))
	})

	It("is not what the repair of drift is", func() {
		s.db.exec("UPDATE pbx_extensions SET holder = $1 WHERE name = $2", next.Name, d.extension.Name)
		Eventually(s.field(d.extension, "holder")).Should(Equal(d.user.Name))
		tellsOf(d.extension, pbxv1.EventDriftRepaired, "holder")
		Expect(s.record(d.extension)).To(And(HaveKeyWithValue("pin", "4711"), HaveKeyWithValue("voicemail_email", "box@example.com")))
	})
})

var _ = onBothStores("A voicemail box", func(s *system) {
	It("follows its number, and is removed with its messages by a number that cannot have one", func() {
		line := s.extension(unique("line"), number(), func(e *pbxv1.ExtensionSpec) {
			e.DisplayName, e.Voicemail.Enabled = "Lobby", true
		})
		bring(line)
		s.message(line.Spec.Number)
		Eventually(latest(line)).Should(HaveField("Status.Mailbox.Messages", int64(1)), "it is shown without another change")
		moved := number()
		change(line, func(e *pbxv1.Extension) { e.Spec.Number = moved })
		settle(line)
		Expect(s.messages(moved)()).To(HaveExactElements("1"))
		Eventually(latest(line)).Should(HaveField("Status.Mailbox", HaveValue(Equal(pbxv1.Mailbox{Number: string(moved), Messages: 1}))))
		short := pbxv1.Number("9" + strings.TrimPrefix(string(moved), "2"))[:3]
		change(line, func(e *pbxv1.Extension) { e.Spec.Number = short })
		settle(line)
		tellsOf(line, pbxv1.EventMailboxRemoved, "removed with 1 messages")
		Expect(s.messages(moved)()).To(HaveExactElements("0"))
		Expect(latest(line)()).To(haveCondition(pbxv1.ConditionVoicemailUnavailable))
	})
})

var _ = onBothStores("A user who goes and comes back", func(s *system) {
	It("is the same person with their calls, after kubectl delete and a new manifest", func() {
		d := s.desk()
		bring(d.objects()...)
		phone, id := d.phone.Name, string(d.user.UID)
		Expect(s.call(phone, "0301")).To(Equal(id + "|NULL"))
		kubectlDelete(d.user)
		Expect(s.call(phone, "0302")).To(Equal("NULL|NULL"), "nobody is tagged while the user is Deleted")
		Expect(s.db.rows("SELECT src_username, src_business_unit FROM call_history WHERE src_user_id = $1", id)).
			To(HaveExactElements(d.user.Name + "|Deleted Users"))
		anew := again(d.user)
		bring(anew)
		Eventually(func() string { return s.call(phone, "0303") }).Should(Equal(id + "|NULL"))
		Expect(s.db.rows("SELECT username, made FROM calls_by_user WHERE username = $1", d.user.Name)).NotTo(BeEmpty())
	})

	It("may get another address after a take-over that wrote nothing", func() {
		user := s.user(unique("ada"))
		bring(user)
		remove(pbxv1.DeletionPolicyOrphan, user)
		anew := again(user)
		bring(anew)
		Expect(s.record(anew)["uid"]).To(Equal(string(user.UID)), "nothing was written")
		change(anew, func(u *pbxv1.User) { u.Spec.Email = pbxv1.EmailAddress(unique("new") + "@example.com") })
		settle(anew)
		Expect(s.record(anew)).To(And(HaveKeyWithValue("uid", string(anew.UID)), HaveKeyWithValue("email", string(anew.Spec.Email))))
	})

	for _, way := range []string{"spec.state", "kubectl delete"} {
		It("takes services along where offboarding says Delete, by "+way, func() {
			d := s.desk(func(u *pbxv1.UserSpec) { u.Offboarding.Services = pbxv1.OffboardingDelete })
			shared := s.phone(unique("shared"), d.extension.Name)
			haveServices(d.phone.Name, shared.Name)(&d.user.Spec)
			other := s.user(unique("eve"), haveServices(shared.Name))
			bring(append(d.objects(), shared, other)...)
			secret := sipSecretOf(d.phone)
			user := d.user
			if way == "spec.state" {
				moveThrough(user, pbxv1.StateDeleted)
			} else {
				kubectlDelete(user)
			}
			Eventually(latest(d.phone)).Should(And(HaveField("Status.State", pbxv1.StateDeleted), beReady(),
				WithTransform(statusText, ContainSubstring(pbxv1.ReasonOffboardedWithUser))))
			Expect(s.record(d.phone)).To(HaveKeyWithValue("state", "Deleted"))
			Expect(latest(shared)()).To(HaveField("Status.State", pbxv1.StateActive), "somebody else has it")
			if way == "spec.state" {
				moveThrough(user, pbxv1.StateActive)
			} else {
				bring(again(user))
			}
			Eventually(latest(d.phone)).Should(And(HaveField("Status.State", pbxv1.StateActive),
				HaveField("Status.Effective", pbxv1.EffectiveNormal)))
			Expect(sipSecretOf(d.phone).Data).To(Equal(secret.Data))
		})
	}

	It("gives services back that the user who is restored has no longer, and that nobody may use", func() {
		phone := s.phone(unique("phone"), s.lobby())
		user := s.user(unique("ada"), haveServices(phone.Name), func(u *pbxv1.UserSpec) {
			u.Offboarding.Services = pbxv1.OffboardingDelete
		})
		bring(user, phone)
		kubectlDelete(user)
		Eventually(latest(phone)).Should(HaveField("Status.State", pbxv1.StateDeleted))
		bring(again(user, func(u *pbxv1.User) { haveServices()(&u.Spec) }))
		Eventually(latest(phone)).Should(And(HaveField("Status.State", pbxv1.StateActive),
			HaveField("Status.Effective", pbxv1.EffectiveBlocked)))
	})
})
