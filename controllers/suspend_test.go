package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

func suspend(object pbxv1.Record) {
	GinkgoHelper()
	change(object, func(o pbxv1.Record) { o.Common().Suspend = true })
	Eventually(latest(object)).Should(beSuspended())
}

func resume(object pbxv1.Record) {
	GinkgoHelper()
	change(object, func(o pbxv1.Record) { o.Common().Suspend = false })
}

var _ = onBothStores("spec.suspend", func(s *system) {
	It("touches nothing, neither for a change of the spec nor for one of the store, until it is false", func() {
		for _, of := range kinds {
			object := of.manifest(s)
			bring(object)
			suspend(object)
			table, _ := tables(object)
			s.db.exec("UPDATE "+table+" SET state = 'Deactivated' WHERE name = $1", object.GetName())
			change(object, of.rename)
			found := s.record(object)
			observed := running.Store.Observed()[keyOf(object)]
			Eventually(latest(object)).Should(beSuspended())
			s.drained()
			Consistently(func() record { return s.record(object) }).Should(Equal(found))
			Expect(running.Store.Observed()[keyOf(object)]).To(Equal(observed), "the store is not even asked")

			resume(object)
			settle(object)
			Expect(s.record(object)).To(HaveKeyWithValue("state", "Active"))
			Expect(s.record(object).content()).NotTo(Equal(found.with(record{"state": "Active"}).content()), "the spec's change is applied")
			tellsOf(object, pbxv1.EventDriftRepaired, "state")
		}
	})

	It("holds kubectl delete until it is false", func() {
		for _, of := range kinds {
			object := of.manifest(s)
			bring(object)
			suspend(object)
			before := s.record(object)
			Expect(api.Delete(ctx, object)).To(Succeed())
			Eventually(latest(object)).Should(HaveField("DeletionTimestamp", Not(BeNil())))
			Consistently(latest(object)).ShouldNot(beGone())
			Expect(s.record(object)).To(Equal(before))
			resume(object)
			Eventually(latest(object)).Should(beGone())
			Expect(s.record(object)).To(HaveKeyWithValue("state", "Deleted"))
		}
	})

	It("from the beginning writes no record and holds nothing", func() {
		for _, of := range kinds {
			object := of.manifest(s)
			object.Common().Suspend = true
			create(object)
			Eventually(latest(object)).Should(beSuspended())
			Expect(s.record(object)).To(BeEmpty())
			Expect(object.GetFinalizers()).To(BeEmpty())
			kubectlDelete(object)
		}
	})

	It("shows what admission reads nevertheless", func() {
		phone := s.phone(unique("phone"), s.lobby())
		bring(phone)
		suspend(phone)
		bring(s.user(unique("ada"), haveServices(phone.Name)))
		Eventually(latest(phone)).Should(And(beSuspended(), HaveField("Status.UserCount", int32(1))))
	})
})

// drained waits until the operator has taken note of all that was changed in the store by hand.
func (s *system) drained() {
	GinkgoHelper()
	Eventually(s.db.looking("SELECT count(*) FROM pbx_changes")).Should(HaveExactElements("0"))
}
