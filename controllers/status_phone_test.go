package controllers_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("The status of a phone service", func(s *system) {
	It("shows the first ten of its users, and of whom it is the primary beside others", func() {
		lobby := s.lobby()
		shared, spare := s.phone(unique("shared"), lobby), s.phone(unique("spare"), lobby)
		create(shared, spare)
		var users, guarding []string
		for i := range 12 {
			user := s.user(unique(fmt.Sprintf("user%02d", i)), haveServices(shared.Name))
			if i > 0 {
				haveServices(shared.Name, spare.Name)(&user.Spec)
				guarding = append(guarding, user.Name)
			}
			create(user)
			users = append(users, user.Name)
		}
		Eventually(latest(shared)).Should(And(beReady(),
			HaveField("Status.UserCount", int32(12)), HaveField("Status.Users", users[:10]),
			HaveField("Status.PrimaryForCount", int32(11)), HaveField("Status.PrimaryFor", guarding[:10])))
		Eventually(latest(spare)).Should(And(HaveField("Status.UserCount", int32(11)),
			HaveField("Status.PrimaryForCount", int32(0)), HaveField("Status.PrimaryFor", BeEmpty())))
	})

	It("counts a user until they are purged, and as guard until they are Deleted or on their way", func() {
		lobby := s.lobby()
		phone, other := s.phone(unique("phone"), lobby), s.phone(unique("other"), lobby)
		one, two := s.user(unique("one"), haveServices(phone.Name, other.Name)), s.user(unique("two"), haveServices(phone.Name, other.Name))
		bring(phone, other, one, two)
		shows := func(users, primaryFor []string) {
			GinkgoHelper()
			slices.Sort(users)
			Eventually(latest(phone)).Should(And(
				HaveField("Status.UserCount", int32(len(users))), HaveField("Status.Users", HaveExactElements(users)),
				HaveField("Status.PrimaryForCount", int32(len(primaryFor))), HaveField("Status.PrimaryFor", HaveExactElements(primaryFor))))
		}
		shows([]string{one.Name, two.Name}, []string{one.Name, two.Name})
		moveThrough(one, pbxv1.StateDeactivated)
		shows([]string{one.Name, two.Name}, []string{one.Name, two.Name})
		moveThrough(one, pbxv1.StateDeleted)
		shows([]string{one.Name, two.Name}, []string{two.Name})
		moveThrough(one, pbxv1.StatePurged)
		shows([]string{two.Name}, []string{two.Name})
		kubectlDelete(two)
		shows(nil, nil)
	})

	It("forgets a user who drops it, also one whose record is another's", func() {
		phone, user := s.phone(unique("phone"), s.lobby()), s.user(unique("user"), haveServices())
		bring(phone, user)
		kubectlDelete(user)
		namesake := again(user, func(u *pbxv1.User) {
			u.Spec.Email = "namesake@example.com"
			haveServices(phone.Name)(&u.Spec)
		})
		create(namesake)
		Eventually(latest(namesake)).Should(beStalled(pbxv1.ReasonOwnedByOther))
		Eventually(latest(phone)).Should(HaveField("Status.Users", HaveExactElements(namesake.Name)))
		change(namesake, func(u *pbxv1.User) { haveServices()(&u.Spec) })
		Eventually(latest(phone)).Should(HaveField("Status.Users", BeEmpty()))
	})

	It("shows what the phone may do: the lower of its own state and the best of its users", func() {
		phone := s.phone(unique("phone"), s.lobby())
		one, two := s.user(unique("one")), s.user(unique("two"))
		bring(phone, one, two)
		may := func(right pbxv1.EffectiveRight) {
			GinkgoHelper()
			Eventually(latest(phone)).Should(And(beReady(), HaveField("Status.Effective", right)))
		}
		give := func(user *pbxv1.User) {
			GinkgoHelper()
			change(user, func(u *pbxv1.User) { haveServices(phone.Name)(&u.Spec) })
			settle(user)
		}
		may(pbxv1.EffectiveNormal)
		setState(phone, pbxv1.StateDeactivated)
		may(pbxv1.EffectiveEmergencyOnly)
		setState(phone, pbxv1.StateDeleted)
		may(pbxv1.EffectiveBlocked)
		setState(phone, pbxv1.StateActive)
		may(pbxv1.EffectiveNormal)

		give(one)
		setState(one, pbxv1.StateDeactivated)
		may(pbxv1.EffectiveEmergencyOnly)
		give(two)
		may(pbxv1.EffectiveNormal)
		setState(two, pbxv1.StateDeleted)
		may(pbxv1.EffectiveEmergencyOnly)
		setState(one, pbxv1.StateDeleted)
		may(pbxv1.EffectiveBlocked)
		setState(two, pbxv1.StateActive)
		may(pbxv1.EffectiveNormal)
		setState(phone, pbxv1.StateDeactivated)
		may(pbxv1.EffectiveEmergencyOnly)
		setState(phone, pbxv1.StateActive)
		may(pbxv1.EffectiveNormal)
	})

	It("shows a phone as Blocked whose last user was purged, until somebody has it", func() {
		phone := s.phone(unique("phone"), s.lobby())
		user := s.user(unique("ada"), haveServices(phone.Name))
		bring(phone, user)
		moveThrough(user, pbxv1.StateDeleted, pbxv1.StatePurged)
		Eventually(latest(phone)).Should(And(beReady(), HaveField("Status.Effective", pbxv1.EffectiveBlocked)))

		grace := s.user(unique("grace"), haveServices(phone.Name))
		bring(grace)
		Eventually(latest(phone)).Should(And(beReady(), HaveField("Status.Effective", pbxv1.EffectiveNormal)))
		remove(pbxv1.DeletionPolicyPurge, grace)
		Eventually(latest(phone)).Should(And(beReady(), HaveField("Status.Effective", pbxv1.EffectiveBlocked)))
	})

	It("is told by the phone system while it may do less than its own state lets it", func() {
		phone := s.phone(unique("phone"), s.lobby())
		user := s.user(unique("ada"), haveServices(phone.Name))
		bring(phone, user)
		restricted := func() []string { reload(s.object); return s.object.Status.RestrictedPhones }
		moveThrough(user, pbxv1.StateDeactivated)
		Eventually(restricted).Should(ContainElement(phone.Name))
		moveThrough(user, pbxv1.StateActive)
		Eventually(restricted).ShouldNot(ContainElement(phone.Name))
		moveThrough(user, pbxv1.StateDeleted)
		Eventually(restricted).Should(ContainElement(phone.Name))
		setState(phone, pbxv1.StateDeleted)
		settle(phone)
		Eventually(restricted).ShouldNot(ContainElement(phone.Name))
	})

	It("says nothing more of a phone that was purged", func() {
		phone := s.phone(unique("phone"), s.lobby())
		user := s.user(unique("ada"), haveServices(phone.Name))
		bring(phone, user)
		Eventually(latest(phone)).Should(HaveField("Status.UserCount", int32(1)))
		moveThrough(phone, pbxv1.StateDeleted, pbxv1.StatePurged)
		Expect(personal(phone)).To(BeEmpty())
	})
})
