package controllers_test

import (
	"database/sql"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

var _ = Describe("A PhoneSystem on PostgreSQL", func() {
	s := postgres

	// at gives a phone system whose Secret says something else than where its database is.
	at := func(dsn string) (*system, *corev1.Secret) {
		GinkgoHelper()
		system := s.another()
		system.dsn = pgserver.NewDatabase(untilTheEnd{GinkgoTB()})
		secret := system.dsnSecret(dsn)
		create(secret)
		system.create()
		return system, secret
	}
	heals := func(system *system, secret *corev1.Secret) {
		GinkgoHelper()
		edit(secret, "dsn", system.dsn)
		Eventually(latest(system.object)).Should(beReady())
	}

	It("refuses a database that serves another one, names that one, and leaves it alone", func() {
		objects := s.oneOfEach()
		createRecords(objects)
		all(objects, beReady())
		before := s.record(objects[0])
		system, _ := at(s.dsn)
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreOwnedByOther,
			s.namespace+"/"+s.name, string(s.object.UID), "nothing was changed"))
		tellsOf(system.object, pbxv1.ReasonStoreOwnedByOther, s.namespace+"/"+s.name)
		user := system.user(unique("second"))
		create(user)
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonStoreOwnedByOther, system.name))
		Expect(s.db.row("SELECT owner_uid FROM pbx_system")).To(Equal(string(s.object.UID)))
		change(objects[0].(*pbxv1.User), func(u *pbxv1.User) { u.Spec.Department = "Poetry" })
		settle(objects[0])
		Expect(s.record(objects[0]).content()).To(Equal(before.content().with(record{"department": "Poetry"})),
			"the first one writes on")

		kubectlDelete(user, system.object)
		Expect(eventsOf(system.object)()).NotTo(tell(pbxv1.EventStoreOwnershipNotFreed), "it never was the owner")
	})

	It("waits for its Secret, and for the key in it", func() {
		system := s.another()
		system.dsn = pgserver.NewDatabase(untilTheEnd{GinkgoTB()})
		system.create()
		user := system.user(unique("ada"))
		create(user)
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonSecretNotFound, system.name+"-store", `key "dsn"`))
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonSecretNotFound, system.name))
		secret := system.secret(system.name+"-store", map[string]string{"other": "key"})
		create(secret)
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonSecretInvalid, `key "dsn"`))
		heals(system, secret)
		settle(user)
	})

	It("refuses a DSN that could read the operator's files or change its behaviour, and shows nothing of it", func() {
		system, secret := at("")
		for _, more := range []string{"&passfile=/etc/hidden", "&servicefile=/etc/hidden&service=hidden", "&options=-chidden%3Dhidden"} {
			edit(secret, "dsn", system.dsn)
			Eventually(latest(system.object)).Should(beReady())
			edit(secret, "dsn", system.dsn+more)
			Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreInvalid, "only host, port, user, password, dbname, sslmode"))
		}
		tellsOf(system.object, pbxv1.ReasonStoreInvalid)
		Expect(toldOf(system.object) + logs.String()).NotTo(Or(
			ContainSubstring("hidden"), ContainSubstring("pbx:"+password(system.dsn)), ContainSubstring(password(system.dsn))))
		heals(system, secret)
	})

	It("does not show the password of a DSN that the server refuses", func() {
		system, secret := at("")
		edit(secret, "dsn", strings.Replace(system.dsn, password(system.dsn), "wrong-password", 1))
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonStoreUnavailable, "authentication failed"))
		tellsOf(system.object, pbxv1.ReasonStoreUnavailable)
		Expect(toldOf(system.object) + logs.String()).NotTo(ContainSubstring("wrong-password"))
		heals(system, secret)
	})

	It("does not take an empty database for the one that it has used, unless it is told to", func() {
		system := s.another().start()
		user := system.user(unique("ada"))
		bring(user)
		secret, err := readSecret(system.namespace, system.name+"-store")
		Expect(err).NotTo(HaveOccurred())
		empty := pgserver.NewDatabase(untilTheEnd{GinkgoTB()})
		edit(secret, "dsn", empty)
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreMissing, "now it is empty", string(system.object.UID)))
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonStoreMissing))
		Expect(openDatabase("pgx", empty).rows("SELECT * FROM pg_tables WHERE schemaname = 'public'")).To(BeEmpty())

		change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.Store.Takeover = string(p.UID) })
		Eventually(latest(user)).Should(beReady())
		Expect(openDatabase("pgx", empty).rows("SELECT name FROM pbx_users")).To(ConsistOf(user.Name))
	})

	It("and its objects say so while the server is down, and heal by themselves", func() {
		server := pgserver.New(GinkgoTB())
		system := s.another()
		system.dsn = server.NewDatabase(GinkgoTB())
		create(system.dsnSecret(system.dsn))
		system.start()
		objects := system.oneOfEach()
		createRecords(objects)
		all(objects, beReady())

		server.Stop(GinkgoTB())
		Eventually(latest(system.object)).Should(beWaiting(pbxv1.ReasonStoreUnavailable))
		all(objects, beWaiting(pbxv1.ReasonStoreUnavailable, `PhoneSystem "`+system.name+`"`))
		tellsOf(system.object, pbxv1.ReasonStoreUnavailable)
		Expect(metric("pbx_operator_store_up", system.namespace, system.name)).To(BeZero())
		setState(objects[0], pbxv1.StateDeactivated)
		Eventually(latest(objects[0])).Should(beWaiting(pbxv1.ReasonStoreUnavailable))
		Expect(objects[0].CommonStatus().State).To(Equal(pbxv1.StateActive), "the state that the store was last seen in")

		server.Restart(GinkgoTB())
		Eventually(latest(system.object)).Should(beReady())
		all(objects, beReady())
		Expect(objects[0].CommonStatus().State).To(Equal(pbxv1.StateDeactivated))

		server.Stop(GinkgoTB())
		all(objects, beWaiting(pbxv1.ReasonStoreUnavailable))
		for _, object := range objects {
			Expect(api.Delete(ctx, object)).To(Succeed())
			Consistently(latest(object)).ShouldNot(beGone(), "the store has not confirmed it")
			change(object, func(o pbxv1.Record) { o.Common().DeletionPolicy = pbxv1.DeletionPolicyOrphan })
			Eventually(latest(object)).Should(beGone())
			tellsOf(object, pbxv1.EventOrphaned)
		}
		uid := string(system.object.UID)
		kubectlDelete(system.object)
		tellsOf(system.object, pbxv1.EventStoreOwnershipNotFreed, uid)
	})
})

// password is the one in a DSN.
func password(dsn string) string {
	credentials, _, _ := strings.Cut(strings.TrimPrefix(dsn, "postgres://"), "@")
	_, password, _ := strings.Cut(credentials, ":")
	return password
}

var _ = Describe("A PhoneSystem with an embedded store", func() {
	var (
		system  *system
		objects []pbxv1.Record
	)
	BeforeEach(func() {
		system = embedded.another().start()
		objects = system.oneOfEach()
		createRecords(objects)
		all(objects, beReady())
	})

	It("tells that a reader keeps what was purged in its log, until they end", func() {
		reader, err := system.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = reader.Rollback() })
		Expect(reader.QueryRowContext(ctx, "SELECT count(*) FROM pbx_users").Scan(new(int))).To(Succeed())
		remove(pbxv1.DeletionPolicyPurge, objects...)
		Eventually(latest(system.object)).Should(HaveField("Status.Store.PurgedInLogSince", Not(BeNil())))
		tellsOf(system.object, pbxv1.EventPurgedInLog, "may still have text", "when they end")
		Expect(system.object).To(beReady())
		Expect(reader.Rollback()).To(Succeed())
		Eventually(latest(system.object)).Should(HaveField("Status.Store.PurgedInLogSince", BeNil()))
		tellsOf(system.object, pbxv1.EventPurgedInLog, "has no text of what was purged any more")
	})

	// move renames all files of the store, as somebody does who wants it elsewhere.
	move := func(from, to string) {
		GinkgoHelper()
		for _, suffix := range []string{"-shm", "-wal", ""} {
			if err := os.Rename(from+suffix, to+suffix); !os.IsNotExist(err) {
				Expect(err).NotTo(HaveOccurred())
			}
		}
	}

	It("says so when its file was moved away, and heals when it is back", func() {
		before := system.record(objects[0])
		Expect(system.db.Close()).To(Succeed())
		move(system.file(), system.file()+".away")
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreMissing, system.file(), "bring it back"))
		tellsOf(system.object, pbxv1.ReasonStoreMissing)
		all(objects, beWaiting(pbxv1.ReasonStoreMissing, system.file()))
		Expect(system.file()).NotTo(BeAnExistingFile(), "no empty one is put in its place")
		setState(objects[0], pbxv1.StateDeactivated)

		move(system.file()+".away", system.file())
		Eventually(latest(system.object)).Should(beReady())
		all(objects, beReady())
		system.connect()
		Expect(system.record(objects[0])).To(And(HaveKeyWithValue("id", before["id"]), HaveKeyWithValue("state", "Deactivated")))
	})

	It("that is lost for good is left with deletionPolicy Orphan, or begins anew with takeover of its own UID", func() {
		Expect(system.db.Close()).To(Succeed())
		move(system.file(), system.file()+".lost")
		Eventually(latest(system.object)).Should(beStalled(pbxv1.ReasonStoreMissing, string(system.object.UID)))
		all(objects, beWaiting(pbxv1.ReasonStoreMissing))
		phone := objects[2]
		Expect(api.Delete(ctx, phone)).To(Succeed())
		Consistently(latest(phone)).ShouldNot(beGone(), "the store has not confirmed it")
		change(phone, func(o pbxv1.Record) { o.Common().DeletionPolicy = pbxv1.DeletionPolicyOrphan })
		Eventually(latest(phone)).Should(beGone())
		tellsOf(phone, pbxv1.EventOrphaned)

		change(system.object, func(p *pbxv1.PhoneSystem) { p.Spec.Store.Takeover = string(p.UID) })
		Eventually(latest(objects[0])).Should(And(beWaiting(pbxv1.ReasonReferenceNotFound), HaveField("Status.State", pbxv1.StateActive)))
		system.connect()
		Expect(system.record(objects[0])).To(HaveKeyWithValue("uid", string(objects[0].GetUID())))
	})
})
