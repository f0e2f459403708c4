package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// oneOfEach gives a manifest of each kind, which refer to each other.
func (s *system) oneOfEach() []pbxv1.Record {
	d := s.desk()
	return []pbxv1.Record{d.user, d.extension, d.phone}
}

// create creates records, in the order given.
func createRecords(objects []pbxv1.Record) {
	GinkgoHelper()
	for _, object := range objects {
		create(object)
	}
}

// all waits until each of the records is as it should be.
func all(objects []pbxv1.Record, be types.GomegaMatcher) {
	GinkgoHelper()
	for _, object := range objects {
		Eventually(latest(object)).Should(be)
	}
}

// lose removes an object as somebody does who takes its finalizer off by hand.
func lose(object client.Object) {
	GinkgoHelper()
	Expect(api.Delete(ctx, object)).To(Succeed())
	change(object, func(o client.Object) { o.SetFinalizers(nil) })
	Eventually(latest(object)).Should(beGone())
}

// toldOf is all that the API tells of an object: its status and its events.
func toldOf(object client.Object) string {
	GinkgoHelper()
	reload(object)
	events, err := eventsOf(object)()
	Expect(err).NotTo(HaveOccurred())
	return statusText(object) + strings.Join(events, "\n")
}

var _ = onBothStores("A PhoneSystem", func(s *system) {
	It("that is not there yet is waited for", func() {
		system := s.another()
		objects := system.oneOfEach()
		createRecords(objects)
		all(objects, beWaiting(pbxv1.ReasonPhoneSystemNotFound, `PhoneSystem "`+system.name+`" is not there`))
		system.start()
		all(objects, beReady())
	})

	It("tells where its store is, and nothing secret", func() {
		reload(s.object)
		Expect(s.object.Status.Store.SchemaVersion).To(BeNumerically(">", 0))
		if s.postgres {
			Expect(s.object.Status.Store.Location).To(And(HavePrefix("postgres://127.0.0.1:"), Not(ContainSubstring("@"))))
		} else {
			Expect(s.object.Status.Store.Location).To(Equal(s.file()))
		}
		Expect(metric("pbx_operator_store_up", s.namespace, s.name)).To(Equal(1.0))
	})

	It("configures the store when its settings change", func() {
		system := s.another().start()
		user := system.user(unique("ada"), func(u *pbxv1.UserSpec) { u.State = pbxv1.StateDeleted })
		bring(user)
		Expect(user.Status.BusinessUnit).To(Equal("Deleted Users"))
		change(system.object, func(p *pbxv1.PhoneSystem) {
			p.Spec.MainNumber, p.Spec.DeletedBusinessUnit = "+49302000", "Former staff"
			p.Spec.TrustedNetworks = []string{"10.0.0.0/8", "fd00::/8"}
		})
		Eventually(latest(user)).Should(HaveField("Status.BusinessUnit", "Former staff"))
		Expect(system.db.row("SELECT main_number, trusted_networks FROM pbx_system")).To(Equal("+49302000|10.0.0.0/8,fd00::/8"))
		Expect(system.db.row("SELECT business_unit FROM deleted_users WHERE username = $1", user.Name)).To(Equal("Former staff"))
	})

	It("tells of a time zone that is none, and goes on with the one before", func() {
		system := s.another().start()
		zone := func() string { return system.db.row("SELECT time_zone FROM pbx_system") }
		in := func(name string) { change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.TimeZone = name }) }
		in("Australia/Lord_Howe")
		Eventually(zone).Should(Equal("Australia/Lord_Howe"))
		for _, none := range []string{"Europe/Berlino", "Local"} {
			in(none)
			Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonTimeZoneUnknown, none, "IANA"))
			user := system.user(unique("ada"))
			bring(user)
			Expect(zone()).To(Equal("Australia/Lord_Howe"))
		}
		in("Asia/Kolkata")
		Eventually(latest(system.object)).Should(beReady())
		Expect(system.db.row("SELECT zone, offset_seconds FROM pbx_zone_offsets")).To(Equal("Asia/Kolkata|19800"))
	})

	It("that is deleted waits for its objects, keeps the data, and lets the next one of its name have them", func() {
		system := s.another().start()
		objects := system.oneOfEach()
		createRecords(objects)
		all(objects, beReady())
		Expect(api.Delete(ctx, system.object)).To(Succeed())
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonObjectsRemain,
			"1 User objects, 1 Extension objects, 1 PhoneService objects", "delete them first"))

		remove(pbxv1.DeletionPolicyOrphan, objects[1])
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonObjectsRemain, "1 User objects, 1 PhoneService objects"))
		before := system.record(objects[0])
		kubectlDelete(objects[0], objects[2])
		Eventually(latest(system.object)).Should(beGone())
		Expect(metric("pbx_operator_store_up", system.namespace, system.name)).To(BeZero())
		Expect(system.record(objects[0])).To(HaveKeyWithValue("state", "Deleted"), "the store confirmed it before")
		Expect(system.record(objects[1])).To(HaveKeyWithValue("state", "Active"))
		Expect(system.db.row("SELECT owner_uid, domain FROM pbx_system")).To(Equal("|" + domain))

		system.start()
		for i := range objects {
			objects[i] = again(objects[i])
		}
		createRecords(objects)
		all(objects, beReady())
		Expect(system.record(objects[0])).To(And(HaveKeyWithValue("id", before["id"]), HaveKeyWithValue("state", "Active")))
	})

	It("that was lost leaves a store which the next one may only take over by its UID", func() {
		system := s.another().start()
		user := system.fullUser()
		bring(user)
		before := system.record(user)
		lost := system.object
		lose(lost)

		system.create()
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreOwnedByOther,
			system.namespace+"/"+system.name, string(lost.UID), "spec.store.takeover"))
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonStoreOwnedByOther, string(lost.UID)))
		Expect(system.db.row("SELECT owner_uid FROM pbx_system")).To(Equal(string(lost.UID)))

		change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.Store.Takeover = "another-uid" })
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreOwnedByOther))
		change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.Store.Takeover = string(lost.UID) })
		Eventually(latest(system.object)).Should(beReady())
		tellsOf(system.object, pbxv1.EventStoreTakenOver, string(lost.UID))
		Eventually(latest(user)).Should(beReady())
		Expect(system.record(user)).To(Equal(before))
		Expect(system.db.row("SELECT owner_uid FROM pbx_system")).To(Equal(string(system.object.UID)))
	})

	It("refuses a store whose schema is newer, and leaves it alone", func() {
		system := s.another().start()
		kubectlDelete(system.object)
		system.db.exec("INSERT INTO pbx_schema (version_id, is_applied) VALUES (999, true)")
		system.create()
		user := system.user(unique("ada"))
		create(user)
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreTooNew, "schema version 999", "nothing was changed"))
		tellsOf(system.object, pbxv1.ReasonStoreTooNew, "schema version 999")
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonStoreTooNew))
		Expect(system.db.row("SELECT owner_uid FROM pbx_system")).To(BeEmpty())
		Expect(system.db.rows("SELECT name FROM pbx_users")).To(BeEmpty())
		kubectlDelete(user, system.object)
	})
})
