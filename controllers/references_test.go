package controllers_test

import (
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// company gives the manifests of people who share phones, each with a password, an extension and phones.
func (s *system) company() []client.Object {
	common := s.extension(unique("lobby"), number(), func(e *pbxv1.ExtensionSpec) { e.DisplayName = "Lobby" })
	shared := s.phone(unique("shared"), common.Name)
	objects := []client.Object{common, shared}
	for range 2 {
		d := s.desk()
		password := s.secret(unique("login"), map[string]string{"password": "difference engine"})
		pin := s.secret(unique("pin"), map[string]string{"pin": "4711"})
		haveServices(d.phone.Name, shared.Name)(&d.user.Spec)
		d.user.Spec.Login.PasswordSecretRef = secretRef(password.Name)
		d.extension.Spec.Voicemail = pbxv1.Voicemail{Enabled: true, PinSecretRef: secretRef(pin.Name)}
		objects = append(objects, d.user, d.extension, d.phone, password, pin)
	}
	return objects
}

// records are those objects that have a record in the store.
func records(objects []client.Object) (found []pbxv1.Record) {
	for _, object := range objects {
		if record, ok := object.(pbxv1.Record); ok {
			found = append(found, record)
		}
	}
	return found
}

var _ = onBothStores("References", func(s *system) {
	for _, order := range []int{1, 2} {
		It("may come in any order, the phone system too", func() {
			system := s.another()
			objects := system.company()
			random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(order)))
			random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
			at := random.IntN(len(objects))
			create(objects[:at]...)
			system.create()
			create(objects[at:]...)
			for _, record := range records(objects) {
				settle(record)
				if user, ok := record.(*pbxv1.User); ok {
					Eventually(latest(user)).Should(And(HaveField("Status.Setup", pbxv1.SetupComplete),
						HaveField("Status.Number", Not(BeEmpty()))))
				}
			}
		})
	}

	It("to what was never there are waited for, each named, and all else is written", func() {
		d := s.desk()
		create(d.phone, d.user)
		Eventually(latest(d.phone)).Should(beWaiting(pbxv1.ReasonReferenceNotFound, `Extension "`+d.extension.Name+`"`))
		Eventually(latest(d.user)).Should(beReady())
		Expect(s.record(d.phone)).To(HaveKeyWithValue("extension", d.extension.Name))
		d.extension.Spec.UserRef = ref(unique("nobody"))
		create(d.extension)
		Eventually(latest(d.extension)).Should(beWaiting(pbxv1.ReasonReferenceNotFound, `User "`+string(d.extension.Spec.UserRef.Name)+`"`))
		Eventually(latest(d.phone)).Should(beReady())
	})

	It("to a user who was deleted, either way, still hold", func() {
		d, e := s.desk(), s.desk()
		bring(append(d.objects(), e.objects()...)...)
		moveThrough(d.user, pbxv1.StateDeleted)
		kubectlDelete(e.user)
		for _, object := range []pbxv1.Record{d.extension, d.phone, e.extension, e.phone} {
			Eventually(latest(object)).Should(beReady())
		}
		Eventually(latest(e.extension)).Should(HaveField("Status.Setup", pbxv1.SetupRequired))
		Eventually(latest(e.phone)).Should(HaveField("Status.Effective", pbxv1.EffectiveBlocked))
		Expect(s.record(e.extension)).To(HaveKeyWithValue("holder", e.user.Name), "for a restore")

		e.user = again(e.user)
		bring(e.user)
		Eventually(latest(e.extension)).Should(And(beReady(), HaveField("Status.Setup", pbxv1.PasswordRequired)))
		Eventually(latest(e.phone)).Should(And(beReady(), HaveField("Status.Effective", pbxv1.EffectiveNormal)))
	})

	It("to a phone that was deleted or purged, either way, leave the user ready and show it as gone", func() {
		phones, names := []*pbxv1.PhoneService{}, []string{}
		lobby := s.lobby()
		for range 5 {
			phone := s.phone(unique("phone"), lobby)
			create(phone)
			phones, names = append(phones, phone), append(names, phone.Name)
		}
		user := s.user(unique("ada"), haveServices(names...))
		bring(user)
		setState(phones[1], pbxv1.StateDeleted)
		setState(phones[2], pbxv1.StateDeleted)
		settle(phones[2])
		setState(phones[2], pbxv1.StatePurged)
		remove(pbxv1.DeletionPolicyDelete, phones[3])
		remove(pbxv1.DeletionPolicyPurge, phones[4])
		Eventually(latest(user)).Should(And(beReady(), HaveField("Status.ServiceCount", "5/8"),
			HaveField("Status.Services", services(names[0], "Active", names[1], "Deleted", names[2], "Purged",
				names[3], "Deleted", names[4], "Purged"))))

		phones[4] = again(phones[4])
		bring(phones[4])
		Eventually(latest(user)).Should(And(beReady(), HaveField("Status.Services", ContainElement(
			pbxv1.UserService{Name: names[4], State: pbxv1.StateActive}))))
	})

	It("to an extension that was deleted hold, and to one that was purged are waited for", func() {
		d := s.desk()
		bring(d.objects()...)
		remove(pbxv1.DeletionPolicyDelete, d.extension)
		Consistently(latest(d.phone)).Should(beReady())
		d.extension = again(d.extension)
		bring(d.extension)
		remove(pbxv1.DeletionPolicyPurge, d.extension)
		Eventually(latest(d.phone)).Should(beWaiting(pbxv1.ReasonReferenceNotFound, d.extension.Name))
		d.extension = again(d.extension)
		bring(d.extension)
		Eventually(latest(d.phone)).Should(beReady())
	})
})

// referTo has an object refer to what somebody else has.
func referTo(object pbxv1.Record, d desk) {
	switch o := object.(type) {
	case *pbxv1.User:
		haveServices(d.phone.Name)(&o.Spec)
	case *pbxv1.Extension:
		heldBy(d.user.Name)(&o.Spec)
	case *pbxv1.PhoneService:
		o.Spec.ExtensionRef = ref(d.extension.Name)
	}
}

// linksOf is what a record refers to.
func linksOf(r record) record {
	links := record{}
	for _, link := range []string{"services", "primary_service", "holder", "extension"} {
		links[link] = r[link]
	}
	return links
}

// observed says that the status is of the newest spec.
func observed(object pbxv1.Record) bool {
	return object.CommonStatus().ObservedGeneration == object.GetGeneration()
}

var _ = onBothStores("A reference into another phone system", func(s *system) {
	var (
		other   *system
		theirs  desk
		objects map[string]pbxv1.Record
	)
	BeforeEach(func() {
		other = s.another().start()
		theirs = other.desk()
		bring(theirs.objects()...)
		objects = map[string]pbxv1.Record{
			"PhoneService": s.user(unique("ada"), haveServices(theirs.phone.Name)),
			"User":         s.extension(unique("ext"), number(), heldBy(theirs.user.Name)),
			"Extension":    s.phone(unique("phone"), theirs.extension.Name),
		}
	})

	It("stalls, says which, and writes nothing; it heals when it is corrected", func() {
		mine := s.desk()
		bring(mine.objects()...)
		for kind, object := range objects {
			create(object)
			Eventually(latest(object)).Should(beStalled(pbxv1.ReasonReferenceInOtherPhoneSystem,
				kind+` "`, `belongs to PhoneSystem "`+other.name+`"`, `this object to "`+s.name+`"`))
			Expect(s.record(object)).To(BeEmpty())
			tellsOf(object, pbxv1.EventRefused, other.name)
			change(object, func(o pbxv1.Record) { referTo(o, mine) })
			settle(object)
		}
	})

	It("does not keep the object from going", func() {
		for _, object := range objects {
			create(object)
			Eventually(latest(object)).Should(beStalled(pbxv1.ReasonReferenceInOtherPhoneSystem))
			kubectlDelete(object)
			Expect(s.record(object)).To(BeEmpty())
		}
	})

	for _, state := range []pbxv1.State{pbxv1.StateDeactivated, pbxv1.StateDeleted} {
		It("keeps no record from becoming "+string(state)+", which is left with what it referred to", func() {
			mine := s.desk()
			bring(mine.objects()...)
			shared := s.phone(unique("shared"), mine.extension.Name)
			bring(shared)
			before := s.record(mine.extension)
			for _, o := range []pbxv1.Record{mine.user, mine.extension, mine.phone} {
				linked := linksOf(s.record(o))
				change(o, func(o pbxv1.Record) { referTo(o, theirs) })
				Eventually(latest(o)).Should(beStalled(pbxv1.ReasonReferenceInOtherPhoneSystem, other.name))
				setState(o, state)
				Eventually(latest(o)).Should(And(beStalled(pbxv1.ReasonReferenceInOtherPhoneSystem, other.name),
					HaveField("Status.State", state), WithTransform(observed, BeTrue())))
				Expect(s.record(o)).To(HaveKeyWithValue("state", string(state)))
				Expect(linksOf(s.record(o))).To(Equal(linked))
				Expect(eventsOf(o)()).NotTo(tell(pbxv1.EventReset))
			}
			Expect(s.record(mine.extension).content()).To(Equal(before.content().with(record{"state": string(state)})))
			setState(mine.user, pbxv1.StateActive)
			Eventually(latest(mine.user)).Should(HaveField("Status.State", pbxv1.StateActive))
			change(mine.user, func(u *pbxv1.User) { haveServices(shared.Name)(&u.Spec) })
			settle(mine.user)
			Expect(s.record(mine.user)).To(HaveKeyWithValue("services", shared.Name))
		})
	}

	It("does not keep a record from being deleted", func() {
		mine := s.desk()
		bring(mine.objects()...)
		change(mine.user, func(u *pbxv1.User) { haveServices(theirs.phone.Name)(&u.Spec) })
		Eventually(latest(mine.user)).Should(beStalled(pbxv1.ReasonReferenceInOtherPhoneSystem))
		kubectlDelete(mine.user)
		Expect(s.record(mine.user)).To(And(HaveKeyWithValue("state", "Deleted"), HaveKeyWithValue("services", mine.phone.Name)))
	})
})
