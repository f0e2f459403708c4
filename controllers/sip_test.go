package controllers_test

import (
	"crypto/md5"
	"encoding/hex"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// ha1 is the digest that RFC 2617 tells to keep instead of a password.
func ha1(username, password string) string {
	sum := md5.Sum([]byte(username + ":" + domain + ":" + password))
	return hex.EncodeToString(sum[:])
}

// haveDigestsOf says that a phone's record has both digests of a password, Kamailio's second form included.
func haveDigestsOf(username, password string) OmegaMatcher {
	return Equal(ha1(username, password) + "|" + ha1(username+"@"+domain, password))
}

func (s *system) digests(phone *pbxv1.PhoneService) func() ([]string, error) {
	return s.db.looking("SELECT ha1, ha1b FROM pbx_phones WHERE name = $1", phone.Name)
}

// edit changes the content of a Secret.
func edit(secret *corev1.Secret, key, value string) {
	GinkgoHelper()
	change(secret, func(o *corev1.Secret) { o.Data[key] = []byte(value) })
}

var _ = onBothStores("Generated SIP credentials", func(s *system) {
	var (
		phone  *pbxv1.PhoneService
		secret *corev1.Secret
	)
	password := func() string { return string(secret.Data["password"]) }

	BeforeEach(func() {
		phone = s.phone(unique("phone"), s.lobby())
		bring(phone)
		secret = sipSecretOf(phone)
	})

	It("are in a Secret that says whose they are, and as digests in the store", func() {
		Expect(secret.Data).To(And(HaveLen(3), HaveKeyWithValue("username", []byte(phone.Name)),
			HaveKeyWithValue("domain", []byte(domain)), HaveKeyWithValue("password", Not(BeEmpty()))))
		Expect(secret.Labels).To(And(HaveKeyWithValue("pbx-operator.io/phone-service", phone.Name),
			HaveKeyWithValue("pbx-operator.io/phone-system", s.name)))
		Expect(secret.Annotations).To(HaveKeyWithValue("pbx-operator.io/uid", string(phone.UID)))
		Expect(secret.OwnerReferences).To(BeEmpty(), "it outlives a soft delete")
		Expect(phone.Status.SecretName).To(Equal(secret.Name))
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, password())))

		other := s.phone(unique("other"), s.lobby())
		bring(other)
		Expect(sipSecretOf(other).Data["password"]).NotTo(Equal(secret.Data["password"]))
		Expect(len(password())).To(BeNumerically(">=", 20), "nobody guesses it")
	})

	It("follow the content of the Secret", func() {
		edit(secret, "password", "changed by hand")
		Eventually(s.digests(phone)).Should(HaveExactElements(haveDigestsOf(phone.Name, "changed by hand")))
		Eventually(latest(phone)).Should(beReady())
	})

	It("keep the password when the user name changes, in the Secret and in the digests", func() {
		renamed := unique("renamed")
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.Username = renamed })
		settle(phone)
		Expect(sipSecretOf(phone).Data).To(Equal(map[string][]byte{
			"username": []byte(renamed), "domain": []byte(domain), "password": secret.Data["password"],
		}))
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(renamed, password())))
	})

	It("are made anew when the Secret is deleted, and an event says so", func() {
		Expect(api.Delete(ctx, secret)).To(Succeed())
		var anew *corev1.Secret
		Eventually(func() *corev1.Secret { anew = sipSecretOf(phone); return anew }).ShouldNot(BeNil())
		Expect(anew.Data["password"]).NotTo(Equal(secret.Data["password"]))
		Eventually(s.digests(phone)).Should(HaveExactElements(haveDigestsOf(phone.Name, string(anew.Data["password"]))))
		tellsOf(phone, pbxv1.EventCredentialsRegenerated, secret.Name, "provision the phone again")
	})

	It("are waited for when the Secret has no password any more", func() {
		before := s.record(phone)
		change(secret, func(o *corev1.Secret) { delete(o.Data, "password") })
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name, `key "password"`, "it is empty", "delete the Secret"))
		Expect(s.record(phone)).To(Equal(before), "the old password works on")
		edit(secret, "password", "put back again")
		Eventually(s.digests(phone)).Should(HaveExactElements(haveDigestsOf(phone.Name, "put back again")))
		Eventually(latest(phone)).Should(beReady())
	})

	It("outlive spec.state Deleted and kubectl delete, and a restore has the same", func() {
		moveThrough(phone, pbxv1.StateDeleted)
		Expect(sipSecretOf(phone)).To(HaveField("Data", secret.Data))
		moveThrough(phone, pbxv1.StateActive)
		kubectlDelete(phone)
		Expect(sipSecretOf(phone)).To(HaveField("Data", secret.Data))

		anew := again(phone)
		bring(anew)
		Expect(sipSecretOf(anew)).To(And(HaveField("Data", secret.Data), HaveField("UID", secret.UID),
			HaveField("Annotations", HaveKeyWithValue("pbx-operator.io/uid", string(anew.UID)))))
		Expect(s.digests(anew)()).To(HaveExactElements(haveDigestsOf(phone.Name, password())))
	})

	It("are removed at purge, by spec.state and by kubectl delete", func() {
		moveThrough(phone, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(sipSecretOf(phone)).To(BeNil())
		other := s.phone(unique("other"), s.lobby())
		bring(other)
		Expect(sipSecretOf(other)).NotTo(BeNil())
		remove(pbxv1.DeletionPolicyPurge, other)
		Expect(sipSecretOf(other)).To(BeNil())
	})

	It("are not made for a phone that is Deleted, until it is restored", func() {
		deleted := s.phone(unique("deleted"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) { p.State = pbxv1.StateDeleted })
		bring(deleted)
		Expect(sipSecretOf(deleted)).To(BeNil())
		moveThrough(deleted, pbxv1.StateActive)
		Expect(s.digests(deleted)()).To(HaveExactElements(
			haveDigestsOf(deleted.Name, string(sipSecretOf(deleted).Data["password"]))))
	})

	It("are not made for a phone of another node or system", func() {
		remote := s.phone(unique("remote"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) { p.Type = pbxv1.ServiceRemote })
		foreign := s.phone(unique("foreign"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.Type, p.Foreign = pbxv1.ServiceForeign, &pbxv1.ForeignService{System: "Teams"}
		})
		bring(remote, foreign)
		Expect(sipSecretOf(remote)).To(BeNil())
		Expect(sipSecretOf(foreign)).To(BeNil())
	})
})

var _ = onBothStores("A Secret of somebody else that has the name of generated credentials", func(s *system) {
	var phone *pbxv1.PhoneService
	BeforeEach(func() { phone = s.phone(unique("phone"), s.lobby()) })

	foreign := map[string]func(*corev1.Secret){
		"without our marks":              func(*corev1.Secret) {},
		"with our label only":            func(o *corev1.Secret) { o.Labels = map[string]string{"pbx-operator.io/phone-service": phone.Name} },
		"with another object's UID only": func(o *corev1.Secret) { o.Annotations = map[string]string{"pbx-operator.io/uid": "another"} },
		"made for another object": func(o *corev1.Secret) {
			o.Labels = map[string]string{"pbx-operator.io/phone-service": phone.Name}
			o.Annotations = map[string]string{"pbx-operator.io/uid": "another"}
		},
	}
	for what, mark := range foreign {
		It("is a conflict and never overwritten: "+what, func() {
			secret := s.secret(phone.Name+"-sip", map[string]string{"password": "somebody's own"})
			mark(secret)
			create(secret, phone)
			Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonSecretConflict, secret.Name, "not overwritten"))
			tellsOf(phone, pbxv1.EventRefused, secret.Name)
			Expect(sipSecretOf(phone)).To(HaveField("ResourceVersion", secret.ResourceVersion))

			Expect(api.Delete(ctx, secret)).To(Succeed())
			Eventually(latest(phone)).Should(beReady())
			Expect(s.digests(phone)()).To(HaveExactElements(
				haveDigestsOf(phone.Name, string(sipSecretOf(phone).Data["password"]))))
		})
	}

	It("is left alone by a purge", func() {
		secret := s.secret(phone.Name+"-sip", map[string]string{"password": "somebody's own"})
		create(secret, phone)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonSecretConflict))
		remove(pbxv1.DeletionPolicyPurge, phone)
		Expect(sipSecretOf(phone)).To(HaveField("ResourceVersion", secret.ResourceVersion))
	})

	It("is of no concern once the password is given", func() {
		secret := s.secret(phone.Name+"-sip", map[string]string{"password": "somebody's own"})
		given := s.secret(unique("given"), map[string]string{"password": "given by hand"})
		create(secret, given, phone)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonSecretConflict))
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		settle(phone)
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "given by hand")))
	})
})

var _ = onBothStores("A given SIP password", func(s *system) {
	var (
		phone *pbxv1.PhoneService
		given *corev1.Secret
	)
	BeforeEach(func() {
		given = s.secret(unique("given"), map[string]string{"password": "given by hand"})
		phone = s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.SIP.PasswordSecretRef = secretRef(given.Name)
		})
	})

	It("is waited for, while all else is written, and heals by itself", func() {
		create(phone)
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretNotFound, given.Name, "key \"password\""))
		Expect(s.record(phone)).To(And(HaveKeyWithValue("state", "Active"), Not(HaveKey("ha1"))))
		create(given)
		Eventually(latest(phone)).Should(beReady())
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "given by hand")))
		Expect(phone.Status.SecretName).To(Equal(given.Name))
		Expect(sipSecretOf(phone)).To(BeNil(), "nothing is generated")
	})

	It("is followed when it changes, and stays when its Secret is emptied or deleted", func() {
		create(given)
		bring(phone)
		edit(given, "password", "analytical engine")
		Eventually(s.digests(phone)).Should(HaveExactElements(haveDigestsOf(phone.Name, "analytical engine")))

		edit(given, "password", "")
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, given.Name))
		Expect(api.Delete(ctx, given)).To(Succeed())
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretNotFound, given.Name))
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "analytical engine")))
	})

	for what, c := range map[string]struct{ password, says string }{
		"short":             {"elevenbytes", "it has 11 bytes, and needs at least 12"},
		"a line break":      {"given by hand\n", "byte 14 of 14 is a line break"},
		"a carriage return": {"given\rby hand", "byte 6 of 13 is a line break"},
		"NUL":               {"given by\x00 hand", "byte 9 of 14 is NUL"},
		"a tab":             {"given\tby hand", "byte 6 of 13 is a control character"},
		"a letter of ours":  {"gegeben für alle", "byte 10 of 17 is not ASCII"},
		"a blank before":    {" given by hand", "begins with a blank"},
		"a blank after":     {"given by hand ", "ends with a blank"},
	} {
		It("that no phone can have, or that is guessed, is refused by what is wrong with it: "+what, func() {
			create(given)
			bring(phone)
			edit(given, "password", c.password)
			Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, given.Name, c.says))
			Expect(summary(phone)).NotTo(ContainSubstring("given by"))
			Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "given by hand")), "the last one goes on working")
			edit(given, "password", "twelve bytes")
			Eventually(s.digests(phone)).Should(HaveExactElements(haveDigestsOf(phone.Name, "twelve bytes")))
			settle(phone)
		})
	}

	It("may be under any key", func() {
		given.StringData = map[string]string{"pw": "under another key"}
		create(given)
		phone.Spec.SIP.PasswordSecretRef.Key = "pw"
		bring(phone)
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "under another key")))
	})

	It("takes the place of a generated one, and a purge removes ours and not theirs", func() {
		phone.Spec.SIP.PasswordSecretRef = nil
		create(given)
		bring(phone)
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		settle(phone)
		Expect(s.digests(phone)()).To(HaveExactElements(haveDigestsOf(phone.Name, "given by hand")))
		moveThrough(phone, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(sipSecretOf(phone)).To(BeNil())
		Expect(readSecret(given.Namespace, given.Name)).To(HaveField("ResourceVersion", given.ResourceVersion))
	})

	It("leaves no way back to a generated one that somebody may know", func() {
		phone.Spec.SIP.PasswordSecretRef = nil
		create(given)
		bring(phone)
		known := sipSecretOf(phone)
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		settle(phone)
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = nil })
		settle(phone)
		Expect(sipSecretOf(phone)).To(And(HaveField("UID", known.UID),
			HaveField("Data", HaveKeyWithValue("password", Not(Equal(known.Data["password"]))))))
		Expect(s.digests(phone)()).To(HaveExactElements(
			haveDigestsOf(phone.Name, string(sipSecretOf(phone).Data["password"]))))
		tellsOf(phone, pbxv1.EventCredentialsRegenerated, known.Name, "another password was given meanwhile")
	})

	It("does not keep the generated one from whoever takes the record over next, nor from their purge", func() {
		phone.Spec.SIP.PasswordSecretRef = nil
		create(given)
		bring(phone)
		kubectlDelete(phone)
		second := again(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		bring(second)
		kubectlDelete(second)
		third := again(phone)
		bring(third)
		Expect(s.digests(third)()).To(HaveExactElements(
			haveDigestsOf(phone.Name, string(sipSecretOf(third).Data["password"]))))
		kubectlDelete(third)
		fourth := again(second)
		bring(fourth)
		remove(pbxv1.DeletionPolicyPurge, fourth)
		Expect(sipSecretOf(phone)).To(BeNil())
	})
})
