package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// orphaned counts the users that were let go of for a reason.
func orphaned(reason string) float64 {
	GinkgoHelper()
	return metric("pbx_operator_orphaned_total", "User", reason)
}

// logged says that the operator has logged in one line what it did to an object, and why.
func logged(object pbxv1.Record, parts ...string) func() bool {
	return func() bool {
		for line := range strings.Lines(logs.String()) {
			found := strings.Contains(line, object.GetName()) && strings.Contains(line, object.GetNamespace())
			for _, part := range parts {
				found = found && strings.Contains(line, part)
			}
			if found {
				return true
			}
		}
		return false
	}
}

// doom deletes a namespace, which then is Terminating: nothing here ends it.
func doom(namespace string) {
	GinkgoHelper()
	Expect(api.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
}

var _ = onBothStores("A finalizer", func(s *system) {
	It("does not wait for a phone system that is gone: the record stays as it is, audibly", func() {
		system := s.another().start()
		objects := system.oneOfEach()
		createRecords(objects)
		all(objects, beReady())
		before, count := system.record(objects[0]), orphaned(pbxv1.ReasonPhoneSystemNotFound)
		lose(system.object)
		all(objects, beWaiting(pbxv1.ReasonPhoneSystemNotFound))
		for _, object := range objects {
			kubectlDelete(object)
			tellsOf(object, pbxv1.EventOrphaned, "is not there")
			Expect(logged(object, "released as Orphan", pbxv1.ReasonPhoneSystemNotFound)()).To(BeTrue())
		}
		Expect(orphaned(pbxv1.ReasonPhoneSystemNotFound)).To(Equal(count + 1))
		Expect(system.record(objects[0])).To(Equal(before))
	})

	It("of an object that is on its way does not wait for a phone system that goes then", func() {
		system := s.another().start()
		user := system.user(unique("ada"))
		bring(user)
		suspend(user)
		Expect(api.Delete(ctx, user)).To(Succeed())
		lose(system.object)
		resume(user)
		Eventually(latest(user)).Should(beGone())
	})

	It("in a terminating namespace waits neither for spec.suspend nor for the Secret of the store", func() {
		s.meetDoom(s.doomed["first"], func(objects []pbxv1.Record) {
			doom(objects[0].GetNamespace())
			for _, object := range objects {
				Expect(api.Delete(ctx, object)).To(Succeed())
			}
		})
	})

	It("waits no longer when the namespace goes after the object", func() {
		s.meetDoom(s.doomed["last"], func(objects []pbxv1.Record) {
			for _, object := range objects {
				Expect(api.Delete(ctx, object)).To(Succeed())
				Eventually(latest(object)).Should(HaveField("DeletionTimestamp", Not(BeNil())))
			}
			Consistently(latest(objects[0])).ShouldNot(beGone())
			doom(objects[0].GetNamespace())
		})
	})
})

// meetDoom makes objects in a namespace: one is suspended, and on PostgreSQL another one's store has no Secret any more.
// It deletes objects and namespace, and sees that the objects go, the phone systems as well.
func (s *system) meetDoom(namespace string, deleteAll func([]pbxv1.Record)) {
	GinkgoHelper()
	system := s.anotherIn(namespace).start()
	suspended := system.user(unique("suspended"))
	bring(suspended)
	suspend(suspended)
	objects := []pbxv1.Record{suspended}
	if s.postgres {
		cut := s.anotherIn(namespace).start()
		user := cut.user(unique("cut"))
		bring(user)
		objects = append(objects, user)
		Expect(api.Delete(ctx, cut.dsnSecret(""))).To(Succeed())
		Eventually(latest(user)).Should(beWaiting(pbxv1.ReasonSecretNotFound))
		defer func(count float64) {
			Expect(orphaned(pbxv1.ReasonSecretNotFound)).To(Equal(count + 1))
			Expect(logged(user, "released as Orphan", pbxv1.ReasonSecretNotFound)()).To(BeTrue())
			Expect(cut.record(user)).To(HaveKeyWithValue("state", "Active"), "it stays as it is")
			kubectlDelete(cut.object)
		}(orphaned(pbxv1.ReasonSecretNotFound))
	}
	deleteAll(objects)
	for _, object := range objects {
		Eventually(latest(object)).Should(beGone())
	}
	Expect(system.record(suspended)).To(HaveKeyWithValue("state", "Deleted"), "the store could confirm it")
	kubectlDelete(system.object)
}

var _ = onBothStores("An operator that starts", func(s *system) {
	It("lets go of the store of a phone system that was deleted meanwhile", func() {
		system := s.anotherIn(kube.Namespace(GinkgoTB()))
		start := func() *operator.Operator {
			return operator.Start(GinkgoTB(), operator.Options{
				Config: config, Namespaces: []string{system.namespace}, DataDir: dataDir,
			})
		}
		first := start()
		system.start()
		first.Stop()
		Expect(api.Delete(ctx, system.object)).To(Succeed())
		start()
		Eventually(latest(system.object)).Should(beGone())
		Expect(system.db.row("SELECT owner_uid FROM pbx_system")).To(BeEmpty())
		system.start()
	})
})
