package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// chosen is what a person may change by themselves, and a Secret gives them at first: sign-in password and PIN.
type chosen struct {
	object func(s *system, secret string) pbxv1.Record
	// key in the Secret; column of the row; and how a value is in the column.
	key, column string
	stored      func(value string) OmegaMatcher
	// first and second are values, unusable those that are not.
	first, second string
	unusable      map[string]string
	// other changes something else of the object, which then is in a column.
	other       func(pbxv1.Record)
	otherColumn string
}

var chosenOnes = map[string]chosen{
	"A sign-in password": {
		object: func(s *system, secret string) pbxv1.Record {
			return s.user(unique("ada"), func(u *pbxv1.UserSpec) { u.Login.PasswordSecretRef = secretRef(secret) })
		},
		key: "password", column: "password_hash", first: "difference engine", second: "analytical engine",
		stored: func(value string) OmegaMatcher {
			return WithTransform(func(hash string) error {
				return bcrypt.CompareHashAndPassword([]byte(hash), []byte(value))
			}, Succeed())
		},
		unusable: map[string]string{
			"no value": "", "longer than 72 bytes": strings.Repeat("x", 73), "longer in bytes than in letters": strings.Repeat("é", 37),
		},
		other: func(o pbxv1.Record) { o.(*pbxv1.User).Spec.Department = "other" }, otherColumn: "department",
	},
	"A voicemail PIN": {
		object: func(s *system, secret string) pbxv1.Record {
			return s.extension(unique("ext"), number(), func(e *pbxv1.ExtensionSpec) {
				e.Voicemail = pbxv1.Voicemail{Enabled: true, PinSecretRef: secretRef(secret)}
			})
		},
		key: "pin", column: "pin", first: "4711", second: "081500",
		stored: func(value string) OmegaMatcher { return Equal(value) },
		unusable: map[string]string{
			"no value": "", "too short": "123", "too long": "12345678901", "not only digits": "12a4", "with a line break": "1234\n",
		},
		other: func(o pbxv1.Record) { o.(*pbxv1.Extension).Spec.DisplayName = "other" }, otherColumn: "display_name",
	},
}

// lookAgain does something, and waits until the operator has looked at an object's record because of it.
func lookAgain(object pbxv1.Record, because func()) {
	GinkgoHelper()
	key := keyOf(object)
	before := running.Store.Observed()[key]
	because()
	Eventually(func() int { return running.Store.Observed()[key] }).Should(BeNumerically(">", before))
}

func keyOf(object pbxv1.Record) pbx.Key {
	key := pbx.Key{Kind: pbx.KindPhoneService, Name: object.GetName()}
	switch object.(type) {
	case *pbxv1.User:
		key.Kind = pbx.KindUser
	case *pbxv1.Extension:
		key.Kind = pbx.KindExtension
	}
	return key
}

var _ = onBothStores("Chosen by people:", func(s *system) {
	for what, c := range chosenOnes {
		Context(what, func() {
			var (
				secret *corev1.Secret
				object pbxv1.Record
			)
			BeforeEach(func() {
				secret = s.secret(unique("secret"), map[string]string{c.key: c.first})
				object = c.object(s, secret.Name)
			})
			stored := func() func() (string, error) { return s.field(object, c.column) }

			It("is applied when it comes and when its content changes", func() {
				create(object)
				Eventually(latest(object)).Should(beWaiting(pbxv1.ReasonSecretNotFound, secret.Name, c.key))
				Expect(s.record(object)).To(And(HaveKeyWithValue("state", "Active"), Not(HaveKey(c.column))))
				create(secret)
				Eventually(latest(object)).Should(beReady())
				Expect(stored()()).To(c.stored(c.first))
				edit(secret, c.key, c.second)
				Eventually(stored()).Should(c.stored(c.second))
			})

			It("is not written for a change of its Secret's labels", func() {
				create(secret)
				bring(object)
				before, version := s.record(object), object.GetResourceVersion()
				lookAgain(object, func() {
					change(secret, func(o *corev1.Secret) { o.Labels = map[string]string{"team": "phones"} })
				})
				Consistently(func() record { return s.record(object) }).Should(Equal(before))
				reload(object)
				Expect(object.GetResourceVersion()).To(Equal(version))
			})

			It("stays when its owner changes it, until the content of the Secret changes", func() {
				create(secret)
				bring(object)
				table, _ := tables(object)
				lookAgain(object, func() {
					s.db.exec("UPDATE "+table+" SET "+c.column+" = 'by its owner' WHERE name = $1", object.GetName())
				})
				lookAgain(object, func() {
					change(secret, func(o *corev1.Secret) { o.Labels = map[string]string{"team": "phones"} })
				})
				Consistently(stored()).Should(Equal("by its owner"))
				Expect(eventsOf(object)()).NotTo(tell(pbxv1.EventDriftRepaired))

				edit(secret, c.key, c.second)
				Eventually(stored()).Should(c.stored(c.second))
			})

			It("stays when the reference, or the Secret, goes", func() {
				create(secret)
				bring(object)
				Expect(api.Delete(ctx, secret)).To(Succeed())
				Eventually(latest(object)).Should(beWaiting(pbxv1.ReasonSecretNotFound))
				Expect(stored()()).To(c.stored(c.first))
				change(object, func(o pbxv1.Record) {
					switch o := o.(type) {
					case *pbxv1.User:
						o.Spec.Login.PasswordSecretRef = nil
					case *pbxv1.Extension:
						o.Spec.Voicemail.PinSecretRef = nil
					}
				})
				settle(object)
				Expect(stored()()).To(c.stored(c.first))
			})

			It("that cannot be used keeps the old one, and all else is written", func() {
				create(secret)
				bring(object)
				for why, value := range c.unusable {
					lookAgain(object, func() { edit(secret, c.key, value) })
					Eventually(latest(object)).Should(beWaiting(pbxv1.ReasonSecretInvalid, secret.Name, c.key), why)
					Expect(stored()()).To(c.stored(c.first), why)
					shown := strings.ReplaceAll(summary(object), secret.Name, "")
					Expect(value == "" || !strings.Contains(shown, value)).To(BeTrue(), "the value is shown: %s", shown)
				}
				change(object, c.other)
				Eventually(s.field(object, c.otherColumn)).Should(Equal("other"))
				Eventually(latest(object)).Should(beWaiting(pbxv1.ReasonSecretInvalid))
				edit(secret, c.key, c.second)
				Eventually(latest(object)).Should(beReady())
				Expect(stored()()).To(c.stored(c.second))
			})
		})
	}
})
