package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("kubectl delete", func(s *system) {
	for kind, of := range kinds {
		Context("of a "+kind, func() {
			var (
				object pbxv1.Record
				before record
			)
			BeforeEach(func() {
				object = of.manifest(s)
				bring(object)
				before = s.record(object)
			})

			It("with deletionPolicy Delete leaves a Deleted record, which a new manifest restores", func() {
				remove(pbxv1.DeletionPolicyDelete, object)
				deleted := before.content().with(of.unlinked).with(record{"state": "Deleted"})
				Expect(s.record(object).content()).To(Equal(deleted))

				anew := again(object)
				bring(anew)
				Expect(s.record(anew).content()).To(Equal(before.content()))
				Expect(s.record(anew)["uid"]).To(Equal(string(anew.GetUID())))
			})

			It("with deletionPolicy Purge leaves nothing", func() {
				remove(pbxv1.DeletionPolicyPurge, object)
				Expect(s.record(object)).To(BeEmpty())
				tellsOf(object, pbxv1.EventPurged)

				anew := again(object)
				bring(anew)
				Expect(s.record(anew)["id"]).NotTo(Equal(before["id"]))
			})

			It("with deletionPolicy Orphan changes nothing, and a new manifest takes over without a write", func() {
				remove(pbxv1.DeletionPolicyOrphan, object)
				Expect(s.record(object)).To(Equal(before))
				tellsOf(object, pbxv1.EventOrphaned, "deletionPolicy is Orphan")

				anew := again(object)
				bring(anew)
				Expect(s.record(anew)).To(Equal(before), "nothing differs, so nothing is written")

				moveThrough(anew, pbxv1.StateDeactivated)
				Expect(s.record(anew)["uid"]).To(Equal(string(anew.GetUID())), "the first change takes the record over")
			})

			It("of a Deleted object changes nothing, and a new manifest restores", func() {
				moveThrough(object, pbxv1.StateDeleted)
				deleted := s.record(object)
				remove(pbxv1.DeletionPolicyDelete, object)
				Expect(s.record(object).content()).To(Equal(deleted.content()))

				anew := again(object, func(o pbxv1.Record) { o.Common().State = pbxv1.StateActive })
				bring(anew)
				Expect(s.record(anew).content()).To(Equal(before.content()))
			})

			Context("and then a manifest of the same name that is somebody else", func() {
				var (
					other   pbxv1.Record
					deleted record
				)
				BeforeEach(func() {
					remove(pbxv1.DeletionPolicyDelete, object)
					deleted = s.record(object)
					other = again(object, of.rename)
					create(other)
					Eventually(latest(other)).Should(beStalled(pbxv1.ReasonOwnedByOther,
						kind+` "`+object.GetName()+`", state Deleted`, "UID "+string(object.GetUID()), "spec.adopt to Always"))
				})

				It("is refused, changes nothing, and has nothing of it when it goes, whatever its deletionPolicy", func() {
					Expect(s.record(object)).To(Equal(deleted))
					Expect(other.CommonStatus().State).To(BeEmpty(), "the record is not this object's")
					tellsOf(other, pbxv1.EventRefused, "belongs to another object")
					secret := sipSecretOf(object)
					remove(pbxv1.DeletionPolicyDelete, other)
					Expect(s.record(object)).To(Equal(deleted))

					other = again(other)
					create(other)
					Eventually(latest(other)).Should(beStalled(pbxv1.ReasonOwnedByOther))
					remove(pbxv1.DeletionPolicyPurge, other)
					Expect(s.record(object)).To(Equal(deleted))
					Expect(sipSecretOf(object)).To(Equal(secret))

					anew := again(object)
					bring(anew)
					Expect(s.record(anew).content()).To(Equal(before.content()), "the one that it belongs to has it back")
				})

				It("takes the record over with adopt: Always", func() {
					change(other, func(o pbxv1.Record) { o.Common().Adopt = pbxv1.AdoptAlways })
					settle(other)
					now := s.record(other)
					Expect(now["uid"]).To(Equal(string(other.GetUID())))
					Expect(now["id"]).To(Equal(deleted["id"]), "with its history")
					Expect(now["state"]).To(Equal("Active"))
				})
			})
		})
	}

	It("restores a user by the e-mail address without regard to case, and only by one", func() {
		user := s.user(unique("ada"))
		bring(user)
		remove(pbxv1.DeletionPolicyDelete, user)
		shouting := again(user, func(u *pbxv1.User) {
			u.Spec.Email = pbxv1.EmailAddress(strings.ToUpper(string(user.Spec.Email)))
		})
		bring(shouting)
		Expect(s.record(shouting)["id"]).To(Equal(string(user.UID)))

		nameless := s.user(unique("bob"), func(u *pbxv1.UserSpec) { u.Email = "" })
		bring(nameless)
		remove(pbxv1.DeletionPolicyDelete, nameless)
		anew := again(nameless)
		create(anew)
		Eventually(latest(anew)).Should(beStalled(pbxv1.ReasonOwnedByOther, "its email does not agree"))
	})

	It("leaves the record of another also if its namesake names nobody, or nobody any more", func() {
		user := s.user(unique("otto"))
		bring(user)
		remove(pbxv1.DeletionPolicyDelete, user)
		deleted := s.record(user)
		refused := func(namesake *pbxv1.User) {
			GinkgoHelper()
			Eventually(latest(namesake)).Should(beStalled(pbxv1.ReasonOwnedByOther))
			Expect(s.record(user)).To(Equal(deleted))
		}
		nameless := again(user, func(u *pbxv1.User) { u.Spec.Email = "" })
		create(nameless)
		refused(nameless)
		remove(pbxv1.DeletionPolicyPurge, nameless)
		Expect(s.record(user)).To(Equal(deleted))

		emptied := again(user, func(u *pbxv1.User) { u.Spec.Email = "dix@example.com" })
		create(emptied)
		refused(emptied)
		setState(emptied, pbxv1.StateDeleted)
		refused(emptied)
		change(emptied, func(u *pbxv1.User) { u.Spec.State, u.Spec.Email = pbxv1.StatePurged, "" })
		refused(emptied)
		remove(pbxv1.DeletionPolicyPurge, emptied)
		Expect(s.record(user)).To(Equal(deleted))
	})

	It("of an object that was never ready leaves nothing", func() {
		lost := s.another()
		user := lost.user(unique("ada"))
		create(user)
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonPhoneSystemNotFound, lost.name))
		kubectlDelete(user)
	})
})

var _ = onBothStores("A record that was there before its object", func(s *system) {
	It("is taken over if its identity agrees", func() {
		user := s.user(unique("ada"))
		s.db.exec("INSERT INTO pbx_users (name, email, first_name) VALUES ($1, $2, 'Augusta')", user.Name, string(user.Spec.Email))
		id := s.record(user)["id"]
		bring(user)
		Expect(s.record(user)).To(And(HaveKeyWithValue("id", id), HaveKeyWithValue("first_name", "Ada"),
			HaveKeyWithValue("uid", string(user.UID))))
	})

	It("is left alone if it does not, until adopt: Always", func() {
		user := s.user(unique("ada"))
		s.db.exec("INSERT INTO pbx_users (name, email) VALUES ($1, 'grace@example.com')", user.Name)
		found := s.record(user)
		create(user)
		Eventually(latest(user)).Should(beStalled(pbxv1.ReasonOwnedByOther, "was there before this object"))
		Expect(s.record(user)).To(Equal(found))
		change(user, func(u *pbxv1.User) { u.Spec.Adopt = pbxv1.AdoptAlways })
		settle(user)
		Expect(s.record(user)).To(And(HaveKeyWithValue("id", found["id"]), HaveKeyWithValue("email", string(user.Spec.Email))))
	})
})
