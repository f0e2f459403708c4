package lifecycle

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

func sorted(rows []string) []string {
	slices.Sort(rows)
	return rows
}

// create creates the object, change writes its spec anew, and remove says kubectl delete.
func (w *world) create(o *object) {
	obj := w.empty(o.key)
	o.write(obj)
	w.tenant.Create(obj)
}

func (w *world) change(o *object) {
	operator.Change(w.tenant, w.empty(o.key), o.write)
}

func (w *world) remove(k key) { w.tenant.Delete(w.empty(k)) }

func (w *world) empty(k key) client.Object {
	meta := w.tenant.Meta(k.name)
	switch k.kind {
	case kindUser:
		return &pbxv1.User{ObjectMeta: meta}
	case kindLine:
		return &pbxv1.Extension{ObjectMeta: meta}
	default:
		return &pbxv1.PhoneService{ObjectMeta: meta}
	}
}

// write writes the spec.
func (o *object) write(obj client.Object) {
	common := pbxv1.RecordSpec{
		PhoneSystemRef: pbxv1.LocalReference{Name: operator.PhoneSystem}, State: pbxv1.State(o.state),
		DeletionPolicy: pbxv1.DeletionPolicy(o.policy), Adopt: pbxv1.AdoptPolicy(o.adopt), Suspend: o.suspend,
	}
	switch into := obj.(type) {
	case *pbxv1.User:
		into.Spec = o.person.spec(common)
	case *pbxv1.Extension:
		into.Spec = o.line.spec(common)
	case *pbxv1.PhoneService:
		into.Spec = o.phone.spec(common)
	}
}

func (p person) spec(common pbxv1.RecordSpec) pbxv1.UserSpec {
	spec := pbxv1.UserSpec{
		RecordSpec: common, FirstName: pbxv1.Line(p.first), LastName: pbxv1.Line(p.last),
		Email: pbxv1.EmailAddress(p.email), Department: pbxv1.Line(p.department), Location: pbxv1.Line(p.location),
		BusinessUnit: pbxv1.Line(p.unit), Role: pbxv1.Line(p.role), Groups: lines(p.groups), AgentIDs: p.agents,
		PrimaryService: p.primary, Login: pbxv1.Login{Username: p.login},
		Offboarding: pbxv1.Offboarding{Services: pbxv1.OffboardingPolicy(p.offboarding)},
	}
	for _, name := range p.services {
		spec.Services = append(spec.Services, pbxv1.LocalReference{Name: pbxv1.ObjectName(name)})
	}
	for _, name := range p.integrations {
		spec.Integrations = append(spec.Integrations, pbxv1.Integration{Name: pbxv1.Line(name), AccountID: "account"})
	}
	return spec
}

func (l line) spec(common pbxv1.RecordSpec) pbxv1.ExtensionSpec {
	spec := pbxv1.ExtensionSpec{
		RecordSpec: common, Number: pbxv1.Number(l.number), DisplayName: pbxv1.Line(l.display),
		Voicemail: pbxv1.Voicemail{Enabled: l.box, Email: pbxv1.EmailAddress(l.boxEmail)},
	}
	for _, number := range l.direct {
		spec.DirectNumbers = append(spec.DirectNumbers, pbxv1.E164Number(number))
	}
	for _, item := range l.clear {
		spec.OnRelease.Clear = append(spec.OnRelease.Clear, pbxv1.ReleaseItem(item))
	}
	if l.user != "" {
		spec.UserRef = &pbxv1.LocalReference{Name: pbxv1.ObjectName(l.user)}
	}
	return spec
}

func (p phone) spec(common pbxv1.RecordSpec) pbxv1.PhoneServiceSpec {
	spec := pbxv1.PhoneServiceSpec{
		RecordSpec: common, Type: pbxv1.ServiceLocal, Profile: pbxv1.Profile{Label: pbxv1.Line(p.label)},
		Device: pbxv1.Device{MAC: p.mac}, SIP: pbxv1.SIP{Username: p.account},
	}
	if p.given {
		spec.SIP.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "given"}
	}
	if p.line != "" {
		spec.ExtensionRef = &pbxv1.LocalReference{Name: pbxv1.ObjectName(p.line)}
	}
	return spec
}

// givenSecret is where the password is of phones that have a given one.
func (w *world) givenSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: w.tenant.Meta("given")}
}

func lines(texts []string) []pbxv1.Line {
	var all []pbxv1.Line
	for _, text := range texts {
		all = append(all, pbxv1.Line(text))
	}
	return all
}
