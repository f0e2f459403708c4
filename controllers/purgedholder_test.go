package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

var _ = onBothStores("An extension", func(s *system) {
	It("does not name a user who was purged, while somebody else's finalizer keeps the object", func() {
		d := s.desk(func(u *pbxv1.UserSpec) { u.DeletionPolicy = pbxv1.DeletionPolicyPurge })
		controllerutil.AddFinalizer(d.user, "acme.example/hold")
		bring(d.objects()...)
		DeferCleanup(func() {
			change(d.user, func(u *pbxv1.User) { controllerutil.RemoveFinalizer(u, "acme.example/hold") })
		})
		Expect(api.Delete(ctx, d.user)).To(Succeed())
		Eventually(func() record { return s.record(d.user) }).Should(BeEmpty())
		change(d.extension, func(e *pbxv1.Extension) { e.Spec.DisplayName = "Lobby" })
		settle(d.extension)
		Expect(s.record(d.extension)).To(And(HaveKeyWithValue("display_name", "Lobby"), Not(HaveKey("holder"))))
	})
})
