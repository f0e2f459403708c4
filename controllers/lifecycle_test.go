package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// kinds are the three kinds of records: how to make a manifest with every list filled, and how to make it another's.
var kinds = map[string]struct {
	empty    pbxv1.Record
	manifest func(s *system) pbxv1.Record
	// rename makes the identity another one.
	rename func(object pbxv1.Record)
	// distinct makes all values others that have one holder.
	distinct func(object pbxv1.Record)
	// unlinked is what is gone of the record while it is Deleted; dropped, while it is Deactivated.
	unlinked, dropped record
}{
	"User": {
		empty:    &pbxv1.User{},
		manifest: func(s *system) pbxv1.Record { return s.fullUser() },
		rename: func(o pbxv1.Record) {
			o.(*pbxv1.User).Spec.Email = pbxv1.EmailAddress(unique("grace") + "@example.com")
		},
		distinct: func(o pbxv1.Record) {
			o.(*pbxv1.User).Spec.AgentIDs = []string{unique("agent"), unique("agent")}
		},
		dropped:  record{"integrations": ""},
		unlinked: record{"integrations": "", "role": "", "agent_ids": ""},
	},
	"Extension": {
		empty:    &pbxv1.Extension{},
		manifest: func(s *system) pbxv1.Record { return s.fullExtension() },
		rename:   func(o pbxv1.Record) { o.(*pbxv1.Extension).Spec.Number = number() },
		distinct: func(o pbxv1.Record) {
			spec := &o.(*pbxv1.Extension).Spec
			spec.Number = number()
			spec.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number("+4930" + spec.Number), pbxv1.E164Number("+4940" + spec.Number)}
		},
	},
	"PhoneService": {
		empty:    &pbxv1.PhoneService{},
		manifest: func(s *system) pbxv1.Record { return s.fullPhone() },
		rename:   func(o pbxv1.Record) { o.(*pbxv1.PhoneService).Spec.SIP.Username = unique("other") },
		distinct: func(pbxv1.Record) {}, // its name is enough
	},
}

// fullUser gives the manifest of a user, and creates what it refers to.
func (s *system) fullUser() *pbxv1.User {
	GinkgoHelper()
	password := s.secret(unique("login"), map[string]string{"password": "difference engine"})
	first, second := s.phone(unique("desk"), s.lobby()), s.phone(unique("mobile"), s.lobby())
	create(password, first, second)
	return s.user(unique("ada"), haveServices(first.Name, second.Name), func(u *pbxv1.UserSpec) {
		u.Department, u.Location, u.BusinessUnit, u.Role = "Research", "London", "Engines", "Supervisor"
		u.Groups = []pbxv1.Line{"math", "staff"}
		u.AgentIDs = []string{unique("agent"), unique("agent")}
		u.Integrations = []pbxv1.Integration{{Name: "Teams", AccountID: "ada.t"}, {Name: "Zoom", AccountID: "ada.z"}}
		u.Login.PasswordSecretRef = secretRef(password.Name)
	})
}

func (s *system) fullExtension() *pbxv1.Extension {
	GinkgoHelper()
	holder, number := s.user(unique("ada")), number()
	pin := s.secret(unique("pin"), map[string]string{"pin": "4711"})
	create(pin, holder)
	return s.extension(unique("ext"), number, heldBy(holder.Name), func(e *pbxv1.ExtensionSpec) {
		e.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number("+4930" + number), pbxv1.E164Number("+4940" + number)}
		e.Voicemail = pbxv1.Voicemail{Enabled: true, PinSecretRef: secretRef(pin.Name), Email: "ada@example.com"}
	})
}

func (s *system) fullPhone() *pbxv1.PhoneService {
	GinkgoHelper()
	return s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
		p.Profile = pbxv1.Profile{Label: "Ada's desk", Language: "en-GB"}
		p.Device = pbxv1.Device{Type: "DeskPhone", Model: "T46"}
		p.Applications = []pbxv1.Line{"directory", "weather"}
		p.Keys = []pbxv1.Key{{Index: 1, Type: "BLF", Value: "2001", Label: "Grace"}}
	})
}

// alike creates objects of a kind that refer to the same and differ in what has one holder, and waits for them.
func (s *system) alike(kind string, count int) []pbxv1.Record {
	GinkgoHelper()
	objects := []pbxv1.Record{kinds[kind].manifest(s)}
	for len(objects) < count {
		another := again(objects[0], kinds[kind].distinct)
		another.SetName(unique("alike"))
		objects = append(objects, another)
	}
	createRecords(objects)
	all(objects, beReady())
	return objects
}

var _ = onBothStores("The state of a record", func(s *system) {
	for kind, of := range kinds {
		Context("of a "+kind, func() {
			var (
				object pbxv1.Record
				active record
			)
			BeforeEach(func() {
				object = of.manifest(s)
				bring(object)
				active = s.record(object)
			})

			// is checks what object and store say of a state.
			is := func(state pbxv1.State, changes record) {
				GinkgoHelper()
				Expect(object.CommonStatus().State).To(Equal(state))
				want := active.content().with(changes).with(record{"state": string(state)})
				Expect(s.record(object).content()).To(Equal(want))
			}

			It("follows spec.state, and a restore gives everything back", func() {
				is(pbxv1.StateActive, nil)
				moveThrough(object, pbxv1.StateDeactivated)
				is(pbxv1.StateDeactivated, of.dropped)
				moveThrough(object, pbxv1.StateActive)
				is(pbxv1.StateActive, nil)
				moveThrough(object, pbxv1.StateDeleted)
				is(pbxv1.StateDeleted, of.unlinked)
				moveThrough(object, pbxv1.StateDeactivated)
				is(pbxv1.StateDeactivated, of.dropped)
				moveThrough(object, pbxv1.StateDeleted, pbxv1.StateActive)
				is(pbxv1.StateActive, nil)
			})

			It("ends with Purged: nothing is left, and deleting the object only frees its name", func() {
				moveThrough(object, pbxv1.StateDeleted, pbxv1.StatePurged)
				Expect(object.CommonStatus().State).To(Equal(pbxv1.StatePurged))
				Expect(s.record(object)).To(BeEmpty())
				tellsOf(object, pbxv1.EventPurged)
				kubectlDelete(object)

				anew := again(object, func(o pbxv1.Record) { o.Common().State = pbxv1.StateActive })
				bring(anew)
				Expect(s.record(anew)["id"]).NotTo(Equal(active["id"]), "the new object has nothing of the old one")
			})

			It("is the one that the object is created in", func() {
				for _, state := range []pbxv1.State{pbxv1.StateDeactivated, pbxv1.StateDeleted} {
					created := of.manifest(s)
					created.Common().State = state
					bring(created)
					Expect(created.CommonStatus().State).To(Equal(state))
					Expect(s.record(created)["state"]).To(Equal(string(state)))
				}
			})

			It("created as Purged makes sure that nothing is left, and needs no finalizer", func() {
				remove(pbxv1.DeletionPolicyDelete, object)
				Expect(s.record(object)["state"]).To(Equal("Deleted"))
				purged := again(object, func(o pbxv1.Record) { o.Common().State = pbxv1.StatePurged })
				bring(purged)
				Expect(purged.CommonStatus().State).To(Equal(pbxv1.StatePurged))
				Expect(controllerutil.ContainsFinalizer(purged, pbxv1.Finalizer)).To(BeFalse())
				Expect(s.record(purged)).To(BeEmpty())
			})
		})
	}

	It("created as Purged need not repeat a SIP username", func() {
		phone := s.phone(unique("phone"), s.lobby(), func(p *pbxv1.PhoneServiceSpec) {
			p.SIP.Username = unique("account")
		})
		bring(phone)
		remove(pbxv1.DeletionPolicyDelete, phone)
		purged := again(phone, func(p *pbxv1.PhoneService) { p.Spec.State, p.Spec.SIP.Username = pbxv1.StatePurged, "" })
		bring(purged)
		Expect(s.record(purged)).To(BeEmpty())
	})
})
