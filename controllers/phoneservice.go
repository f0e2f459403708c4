package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// phoneServices is what is particular to PhoneServices.
type phoneServices struct {
	client.Client
	// live reads past the cache.
	live   client.Reader
	events events.EventRecorder
}

func (phoneServices) name() pbx.Kind { return pbx.KindPhoneService }

func (phoneServices) newObject() *pbxv1.PhoneService { return &pbxv1.PhoneService{} }

func (k phoneServices) resolve(
	ctx context.Context, obj *pbxv1.PhoneService, state pbx.State, system pbx.System,
) (content pbx.Content, refused []error, err error) {
	if (state == pbx.Deleted || state == pbx.Purged) && obj.Status.PrimaryForCount > 0 {
		return content, nil, primaryOfUser(obj)
	}
	phone, err := phoneOf(obj)
	if err != nil {
		return content, nil, err
	}
	content = phone.Content(state, system)
	if phone.Extension == "" {
		return content, nil, nil
	}
	_, elsewhere, err := reference(ctx, k.Client, obj, phone.Extension, &pbxv1.Extension{})
	if elsewhere != nil {
		refused = append(refused, elsewhere)
		delete(content.Fields, pbx.FieldExtension)
	}
	return content, refused, err
}

func phoneOf(obj *pbxv1.PhoneService) (pbx.Phone, error) {
	spec := obj.Spec
	phone := pbx.Phone{
		Type: string(spec.Type), Label: string(spec.Profile.Label), Language: spec.Profile.Language,
		DeviceType: string(spec.Device.Type), DeviceModel: string(spec.Device.Model), MAC: spec.Device.MAC,
		SIPUsername: sipUsername(obj), Transport: string(spec.SIP.Transport),
	}
	if spec.ExtensionRef != nil {
		phone.Extension = string(spec.ExtensionRef.Name)
	}
	if spec.Foreign != nil {
		phone.ForeignSystem, phone.ForeignURL = string(spec.Foreign.System), urlOf(spec.Foreign.URL)
	}
	applications := slices.Sorted(slices.Values(spec.Applications))
	var err error
	for _, part := range []struct {
		into *string
		from any
		some bool
	}{
		{&phone.Applications, applications, len(applications) > 0},
		{&phone.Keys, spec.Keys, len(spec.Keys) > 0},
		{&phone.Attached, spec.Attached, len(spec.Attached) > 0},
	} {
		if part.some && err == nil {
			var text []byte
			text, err = json.Marshal(part.from)
			*part.into = string(text)
		}
	}
	return phone, err
}

func urlOf(url *pbxv1.URL) string {
	if url == nil {
		return ""
	}
	return string(*url)
}

func sipUsername(obj *pbxv1.PhoneService) string {
	if obj.Spec.SIP.Username != "" || bornPurged(obj) {
		return obj.Spec.SIP.Username
	}
	return obj.Name
}

// complete adds the digests of the SIP password: of the given Secret, or of a generated one, which is made before
// the store says that the phone exists. Only a Local phone has an account here.
func (k phoneServices) complete(
	ctx context.Context, obj *pbxv1.PhoneService, d *pbx.Desired, o pbx.Observation, system pbx.System,
) ([]error, error) {
	if d.State == pbx.Purged {
		plan, err := pbx.MakePlan(*d, o)
		if err != nil || o.Record != nil && len(plan.Changes) == 0 {
			return nil, err // the record is another's, and so are the credentials
		}
		return nil, k.removeSecret(ctx, obj, o.Record)
	}
	if obj.Spec.Type != pbxv1.ServiceLocal {
		return nil, nil
	}
	refused := refusedUsername(*d, o, system)
	if refused != nil && o.Record != nil {
		d.Fields[pbx.FieldSIPUsername] = o.Record.Fields[pbx.FieldSIPUsername]
	}
	if d.Release {
		return nil, nil
	}
	if refused != nil && o.Record == nil {
		return nil, refused
	}
	notes, err := k.credentials(ctx, obj, d, o, system)
	if refused != nil && d.State != pbx.Deleted {
		notes = append(notes, refused)
	}
	return notes, err
}

// credentials adds the digests of the password.
func (k phoneServices) credentials(
	ctx context.Context, obj *pbxv1.PhoneService, d *pbx.Desired, o pbx.Observation, system pbx.System,
) ([]error, error) {
	if offboarded(obj, *d, o) {
		d.State = pbx.Deleted
		d.Fields[pbx.FieldState] = string(pbx.Deleted)
	}
	username := d.Fields[pbx.FieldSIPUsername]
	password, err := k.password(ctx, obj, d.State, o, username, system.Domain)
	notes, err := trouble(err, d.State, o)
	if err != nil || password == "" {
		return notes, err
	}
	pbx.Phone{SIPUsername: username, Password: password}.SetPassword(d.Content, system)
	if o.Record.PasswordReleased(password) {
		d.Fields[pbx.FieldHA1], d.Fields[pbx.FieldHA1B] = "", ""
	}
	if o.Record.PasswordReleased(password) && d.State != pbx.Deleted {
		notes = append(notes, credentialsReleased(obj))
	}
	return notes, nil
}

// offboarded says that the phone is Deleted with its users although its own spec does not say so. Phones of other systems
// are not ours to delete.
func offboarded(obj *pbxv1.PhoneService, d pbx.Desired, o pbx.Observation) bool {
	return obj.Spec.Type == pbxv1.ServiceLocal && o.Facts.Offboarded && (d.State == pbx.Active || d.State == pbx.Deactivated)
}

// removeSecret removes the generated credentials of a phone that is purged, and nobody else's.
func (k phoneServices) removeSecret(ctx context.Context, obj *pbxv1.PhoneService, record *pbx.Record) error {
	obj.Status.SecretName = ""
	secret, err := sipSecret(ctx, k.Client, obj, record)
	var conflict *status.Error
	if errors.As(err, &conflict) {
		return nil
	}
	if err != nil || secret == nil {
		return err
	}
	return client.IgnoreNotFound(k.Delete(ctx, secret, client.Preconditions{UID: &secret.UID}))
}

// registration is nil for a phone that is not registered.
func registration(r pbx.Registration) *pbxv1.Registration {
	since, err := time.Parse(time.RFC3339, r.Since)
	if err != nil {
		return nil
	}
	agent := []rune(strings.ToValidUTF8(r.UserAgent, ""))
	return &pbxv1.Registration{Since: metav1.NewTime(since), UserAgent: string(agent[:min(len(agent), 255)])}
}

func (k phoneServices) report(
	ctx context.Context, obj *pbxv1.PhoneService, d pbx.Desired, o pbx.Observation, _ pbx.System,
) ([]error, error) {
	if d.State == pbx.Purged {
		obj.Status = pbxv1.PhoneServiceStatus{RecordStatus: obj.Status.RecordStatus}
		noAdvice(obj)
		return nil, nil
	}
	advise(obj, d, o)
	obj.Status.Effective = pbxv1.EffectiveRight(o.Facts.Effective)
	obj.Status.Registered = registration(o.Facts.Registered)
	waits, err := missing(ctx, k.Client, obj, d.Fields[pbx.FieldExtension], &pbxv1.Extension{}, o.Facts.Refers)
	switch {
	case offboarded(obj, d, o):
		waits = append(waits, status.New(status.Settled, pbxv1.ReasonOffboardedWithUser,
			"the phone is Deleted with its users, as their offboarding.services says; it is restored with them"))
	case o.Facts.Effective == string(pbxv1.EffectiveBlocked) && (d.State == pbx.Active || d.State == pbx.Deactivated):
		waits = append(waits, status.New(status.Settled, pbxv1.ReasonBlocked,
			"nobody may use the phone: it lost its users, all are Deleted, or a reset took it from them; list it in the services "+
				"of a user who is not Deleted, or, if no reset took it, give it another password"))
	}
	return waits, err
}
