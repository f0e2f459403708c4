package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// marks are what tells whose generated credentials a Secret holds.
func marks(phone *pbxv1.PhoneService) OmegaMatcher {
	return And(
		HaveField("Labels", And(HaveKeyWithValue("pbx-operator.io/phone-service", phone.Name),
			HaveKeyWithValue("pbx-operator.io/phone-system", string(phone.Spec.PhoneSystemRef.Name)))),
		HaveField("Annotations", HaveKeyWithValue("pbx-operator.io/uid", string(phone.UID))))
}

var _ = onBothStores("Trouble with a generated Secret", func(s *system) {
	var (
		phone  *pbxv1.PhoneService
		secret *corev1.Secret
	)
	BeforeEach(func() {
		phone = s.phone(unique("phone"), s.lobby())
		bring(phone)
		secret = sipSecretOf(phone)
	})
	digestsOf := func(username string, secret *corev1.Secret) OmegaMatcher {
		return HaveExactElements(haveDigestsOf(username, string(secret.Data["password"])))
	}
	lower := func(state pbxv1.State) {
		GinkgoHelper()
		setState(phone, state)
		Eventually(s.field(phone, "state")).Should(Equal(string(state)))
		Eventually(latest(phone)).Should(HaveField("Status.State", state))
	}
	It("without annotations or labels is mended", func() {
		for _, mutilate := range []func(*corev1.Secret){
			func(o *corev1.Secret) { o.Annotations = nil },
			func(o *corev1.Secret) { delete(o.Labels, "pbx-operator.io/phone-system") },
			func(o *corev1.Secret) { o.Labels = nil },
		} {
			change(secret, mutilate)
			Eventually(func() *corev1.Secret { return sipSecretOf(phone) }).Should(marks(phone))
			lower(pbxv1.StateDeactivated)
			settle(phone)
			moveThrough(phone, pbxv1.StateActive)
			Expect(s.digests(phone)()).To(digestsOf(phone.Name, secret))
		}
	})

	It("without data keeps no state from being applied, and is told", func() {
		before := s.digests(phone)
		known, err := before()
		Expect(err).NotTo(HaveOccurred())
		change(secret, func(o *corev1.Secret) { o.Data = nil })
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name, `key "password"`))
		lower(pbxv1.StateDeactivated)
		Expect(latest(phone)()).To(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name))
		Expect(before()).To(Equal(known), "the old password works on")
		lower(pbxv1.StateDeleted)
		settle(phone)
	})

	It("that was set aside, and lost its data, gets a new password", func() {
		given := s.secret(unique("given"), map[string]string{"password": "given by hand"})
		create(given)
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = secretRef(given.Name) })
		settle(phone)
		change(secret, func(o *corev1.Secret) { o.Data = nil })
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = nil })
		settle(phone)
		Expect(sipSecretOf(phone).Data).To(HaveLen(3))
		Expect(s.digests(phone)()).To(digestsOf(phone.Name, sipSecretOf(phone)))
	})

	It("that is somebody else's keeps no record from being changed, deactivated and deleted", func() {
		known, err := s.digests(phone)()
		Expect(err).NotTo(HaveOccurred())
		suspend(phone)
		Expect(api.Delete(ctx, secret)).To(Succeed())
		secret = s.secret(phone.Name+"-sip", map[string]string{"password": "somebody's own"})
		create(secret)
		resume(phone)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonSecretConflict, secret.Name, "not overwritten"))
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.Profile.Label = "changed" })
		Eventually(s.field(phone, "label")).Should(Equal("changed"))
		lower(pbxv1.StateDeactivated)
		Expect(latest(phone)()).To(beStalled(pbxv1.ReasonSecretConflict, secret.Name))
		Expect(s.digests(phone)()).To(Equal(known), "the old password works on")
		lower(pbxv1.StateDeleted)
		settle(phone)
		Expect(sipSecretOf(phone)).To(HaveField("ResourceVersion", secret.ResourceVersion))

		lower(pbxv1.StateActive)
		Eventually(latest(phone)).Should(beStalled(pbxv1.ReasonSecretConflict, secret.Name))
		Expect(api.Delete(ctx, secret)).To(Succeed())
		settle(phone)
		Expect(s.digests(phone)()).To(digestsOf(phone.Name, sipSecretOf(phone)))
	})

	It("that is immutable and says something else is told, and keeps nothing from being written", func() {
		change(secret, func(o *corev1.Secret) { o.Immutable = ptr.To(true) })
		lower(pbxv1.StateDeactivated)
		settle(phone)
		renamed := unique("renamed")
		change(phone, func(p *pbxv1.PhoneService) { p.Spec.SIP.Username = renamed })
		Eventually(latest(phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name, "immutable", "delete it"))
		Expect(s.digests(phone)()).To(digestsOf(renamed, secret))
		lower(pbxv1.StateDeleted)
		settle(phone)
		lower(pbxv1.StateActive)
		Expect(api.Delete(ctx, secret)).To(Succeed())
		settle(phone)
		Expect(sipSecretOf(phone).Data).To(HaveKeyWithValue("username", []byte(renamed)))
		Expect(s.digests(phone)()).To(digestsOf(renamed, sipSecretOf(phone)))
	})

	It("made before Secrets told of their phone system is taken over with the record, also while that is Deleted", func() {
		old := func() {
			change(secret, func(o *corev1.Secret) { delete(o.Labels, "pbx-operator.io/phone-system") })
		}
		for _, state := range []pbxv1.State{pbxv1.StateActive, pbxv1.StateDeleted} {
			kubectlDelete(phone)
			old()
			phone = again(phone, func(p *pbxv1.PhoneService) { p.Spec.State = state })
			bring(phone)
			Expect(sipSecretOf(phone)).To(And(marks(phone), HaveField("Data", secret.Data)))
		}
		moveThrough(phone, pbxv1.StateActive)
		Expect(s.digests(phone)()).To(digestsOf(phone.Name, secret))
	})
})

var _ = onBothStores("An immutable Secret of the previous holder", func(s *system) {
	It("is out of force after a reset, and is told", func() {
		d := s.desk()
		bring(d.objects()...)
		secret := sipSecretOf(d.phone)
		change(secret, func(o *corev1.Secret) { o.Immutable = ptr.To(true) })
		change(d.extension, func(e *pbxv1.Extension) { e.Spec.UserRef = nil })
		settle(d.extension)
		Eventually(latest(d.phone)).Should(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name, "immutable"))
		Expect(s.digests(d.phone)()).To(HaveExactElements("|"))
		setState(d.phone, pbxv1.StateDeactivated)
		Eventually(s.field(d.phone, "state")).Should(Equal("Deactivated"))
		Expect(api.Delete(ctx, secret)).To(Succeed())
		settle(d.phone)
		Expect(s.digests(d.phone)()).To(HaveExactElements(
			haveDigestsOf(d.phone.Name, string(sipSecretOf(d.phone).Data["password"]))))
	})
})
