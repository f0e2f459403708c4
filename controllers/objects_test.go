package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// user gives the manifest of a user, who has a name and an address, and what a spec adds.
func (s *system) user(name string, with ...func(*pbxv1.UserSpec)) *pbxv1.User {
	user := &pbxv1.User{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: pbxv1.UserSpec{
			FirstName: "Ada", LastName: "Lovelace", Email: pbxv1.EmailAddress(name + "@example.com"),
		},
	}
	user.Spec.PhoneSystemRef.Name = pbxv1.ObjectName(s.name)
	for _, change := range with {
		change(&user.Spec)
	}
	return user
}

// extension gives the manifest of an extension that nobody holds.
func (s *system) extension(name string, number pbxv1.Number, with ...func(*pbxv1.ExtensionSpec)) *pbxv1.Extension {
	extension := &pbxv1.Extension{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       pbxv1.ExtensionSpec{Number: number},
	}
	extension.Spec.PhoneSystemRef.Name = pbxv1.ObjectName(s.name)
	for _, change := range with {
		change(&extension.Spec)
	}
	return extension
}

// phone gives the manifest of a Local phone that rings an extension.
func (s *system) phone(name, extension string, with ...func(*pbxv1.PhoneServiceSpec)) *pbxv1.PhoneService {
	phone := &pbxv1.PhoneService{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       pbxv1.PhoneServiceSpec{ExtensionRef: ref(extension)},
	}
	phone.Spec.PhoneSystemRef.Name = pbxv1.ObjectName(s.name)
	for _, change := range with {
		change(&phone.Spec)
	}
	return phone
}

// lobby creates an extension that needs no holder, for phones to ring.
func (s *system) lobby() string {
	GinkgoHelper()
	lobby := s.extension(unique("lobby"), number(), func(e *pbxv1.ExtensionSpec) { e.DisplayName = "Lobby" })
	create(lobby)
	return lobby.Name
}

// desk is a user with an extension and a phone that rings it.
type desk struct {
	user      *pbxv1.User
	extension *pbxv1.Extension
	phone     *pbxv1.PhoneService
}

func (s *system) desk(with ...func(*pbxv1.UserSpec)) desk {
	d := desk{user: s.user(unique("ada"), with...)}
	d.extension = s.extension(unique("ext"), number(), heldBy(d.user.Name))
	d.phone = s.phone(unique("phone"), d.extension.Name)
	haveServices(d.phone.Name)(&d.user.Spec)
	return d
}

func (d desk) objects() []client.Object { return []client.Object{d.user, d.extension, d.phone} }

func (s *system) secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, StringData: data}
}

func ref(name string) *pbxv1.LocalReference {
	return &pbxv1.LocalReference{Name: pbxv1.ObjectName(name)}
}

func secretRef(name string) *pbxv1.SecretKeyReference { return &pbxv1.SecretKeyReference{Name: name} }

func heldBy(user string) func(*pbxv1.ExtensionSpec) {
	return func(e *pbxv1.ExtensionSpec) { e.UserRef = ref(user) }
}

// haveServices gives a user phones, the first as primary.
func haveServices(names ...string) func(*pbxv1.UserSpec) {
	return func(u *pbxv1.UserSpec) {
		u.Services, u.PrimaryService = nil, ""
		for _, name := range names {
			u.Services = append(u.Services, *ref(name))
		}
		if len(names) > 0 {
			u.PrimaryService = names[0]
		}
	}
}

// create creates objects in the order given.
func create(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(api.Create(ctx, object)).To(Succeed())
	}
}

// settle waits until objects are ready for their newest generation, and reads them.
func settle(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Eventually(latest(object)).Should(beReady())
	}
}

// bring creates objects and waits until they are ready.
func bring(objects ...client.Object) {
	GinkgoHelper()
	create(objects...)
	settle(objects...)
}

// change patches an object as a user would, with nothing but what they change.
func change[T client.Object](object T, how func(T)) {
	GinkgoHelper()
	reload(object)
	before := object.DeepCopyObject().(T)
	how(object)
	Expect(api.Patch(ctx, object, client.MergeFrom(before))).To(Succeed())
}

// setState changes spec.state.
func setState(object pbxv1.Record, state pbxv1.State) {
	GinkgoHelper()
	change(object, func(o pbxv1.Record) { o.Common().State = state })
}

// moveThrough changes spec.state step by step, and waits for each.
func moveThrough(object pbxv1.Record, states ...pbxv1.State) {
	GinkgoHelper()
	for _, state := range states {
		setState(object, state)
		settle(object)
	}
}

// remove deletes objects, each with a deletionPolicy, and waits until they are gone.
func remove(policy pbxv1.DeletionPolicy, objects ...pbxv1.Record) {
	GinkgoHelper()
	for _, object := range objects {
		change(object, func(o pbxv1.Record) { o.Common().DeletionPolicy = policy })
		kubectlDelete(object)
	}
}

// kubectlDelete deletes objects as they are, and waits until they are gone.
func kubectlDelete(objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(api.Delete(ctx, object)).To(Succeed())
	}
	for _, object := range objects {
		Eventually(latest(object)).Should(beGone())
	}
}

// reload reads an object again.
func reload(object client.Object) {
	GinkgoHelper()
	Expect(api.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
}

// again gives the manifest of an object anew, as from Git: a new object of the same name.
func again[T pbxv1.Record](object T, with ...func(T)) T {
	manifest := object.DeepCopyObject().(T)
	manifest.SetUID("")
	manifest.SetResourceVersion("")
	manifest.SetGeneration(0)
	manifest.SetCreationTimestamp(metav1.Time{})
	manifest.SetDeletionTimestamp(nil)
	manifest.SetFinalizers(nil)
	manifest.SetManagedFields(nil)
	*manifest.CommonStatus() = pbxv1.RecordStatus{}
	for _, how := range with {
		how(manifest)
	}
	return manifest
}
