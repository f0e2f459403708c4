package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// users is what is particular to Users.
type users struct {
	client.Client
	referrers []referrer
}

func (users) name() pbx.Kind { return pbx.KindUser }

func (users) newObject() *pbxv1.User { return &pbxv1.User{} }

// fromCache fills what the spec alone decides, and what admission reads.
func (k users) fromCache(ctx context.Context, obj *pbxv1.User) error {
	obj.Status.ServiceCount = fmt.Sprintf("%d/%d", len(obj.Spec.Services), pbxv1.MaxServices)
	obj.Status.PrimaryService = obj.Spec.PrimaryService
	return k.referredBy(ctx, obj)
}

func (k users) resolve(
	ctx context.Context, obj *pbxv1.User, state pbx.State, _ pbx.System,
) (content pbx.Content, refused []error, err error) {
	spec := obj.Spec
	for _, service := range spec.Services {
		_, elsewhere, err := reference(ctx, k.Client, obj, string(service.Name), &pbxv1.PhoneService{})
		if err != nil {
			return content, nil, err
		}
		if elsewhere != nil {
			refused = append(refused, elsewhere)
		}
	}
	user := pbx.User{
		FirstName: string(spec.FirstName), LastName: string(spec.LastName), Email: string(spec.Email),
		Department: string(spec.Department), Location: string(spec.Location),
		BusinessUnit: string(spec.BusinessUnit), Role: string(spec.Role), Login: loginOf(obj),
		Groups: strs(spec.Groups), AgentIDs: spec.AgentIDs, Services: servicesOf(obj),
		PrimaryService: spec.PrimaryService, OffboardingServices: string(spec.Offboarding.Services),
	}
	for _, i := range spec.Integrations {
		user.Integrations = append(user.Integrations, pbx.Item{Key: string(i.Name), Value: string(i.AccountID)})
	}
	content = user.Content(state)
	if len(refused) > 0 { // the primary one is one of them
		delete(content.Lists, pbx.ListServices)
		delete(content.Fields, pbx.FieldPrimaryService)
	}
	return content, refused, nil
}

func loginOf(obj *pbxv1.User) string {
	if obj.Spec.Login.Username != "" {
		return obj.Spec.Login.Username
	}
	return obj.Name
}

// complete leaves the services of a Deleted user as they are, and applies the sign-in password.
func (k users) complete(
	ctx context.Context, obj *pbxv1.User, d *pbx.Desired, o pbx.Observation, _ pbx.System,
) ([]error, error) {
	var notes []error
	if frozen(*d, o) {
		delete(d.Lists, pbx.ListServices)
		delete(d.Fields, pbx.FieldPrimaryService)
		notes = append(notes, status.New(status.Settled, pbxv1.ReasonServicesFrozen,
			"the services of a Deleted user are frozen: the store keeps %s; those of the spec come into force when the user is restored",
			cmp.Or(strings.Join(recordedServices(o), ", "), "none")))
	}
	more, err := k.password(ctx, obj, d, o)
	return append(notes, more...), err
}

// frozen says that the services of a spec are others than were declared before the user was Deleted. Their phones would be
// nobody's if they went, and a restore would not give them back.
func frozen(d pbx.Desired, o pbx.Observation) bool {
	services, managed := d.Lists[pbx.ListServices]
	return managed && d.State == pbx.Deleted && o.Record != nil && !o.Record.Knows(pbx.ListServices, services)
}

func recordedServices(o pbx.Observation) (names []string) {
	for _, service := range o.Record.Lists[pbx.ListServices] {
		names = append(names, service.Key)
	}
	slices.Sort(names)
	return names
}

// password applies the sign-in password when the content of its Secret has changed.
func (k users) password(ctx context.Context, obj *pbxv1.User, d *pbx.Desired, o pbx.Observation) ([]error, error) {
	ref := obj.Spec.Login.PasswordSecretRef
	if ref == nil || d.State == pbx.Purged || d.Release {
		return nil, nil
	}
	secret, key, err := getSecret(ctx, k.Client, obj.Namespace, *ref, "password")
	if err != nil {
		return waitFor(err)
	}
	new, err := settle(secret, key, fieldOf(o, pbx.FieldPasswordApplied), fieldOf(o, pbx.FieldPasswordSecret))
	if err != nil {
		return []error{secretInvalid(secret, key, err)}, nil
	}
	if new.plain != "" {
		d.Fields[pbx.FieldPasswordHash] = new.applied
		d.Fields[pbx.FieldPasswordApplied] = new.applied
		d.Fields[pbx.FieldPasswordSecret] = new.version
	}
	return nil, nil
}

// waitFor makes the wait for a Secret one that does not keep the rest of the record from being written.
func waitFor(err error) ([]error, error) {
	if status.Classify(err).Class == status.Waiting {
		return []error{err}, nil
	}
	return nil, err
}

func secretInvalid(secret *corev1.Secret, key string, why error) error {
	return status.New(status.Waiting, pbxv1.ReasonSecretInvalid, "Secret %q, key %q: the value cannot be used: %w",
		secret.Name, key, why)
}

func fieldOf(o pbx.Observation, field pbx.Field) string {
	if o.Record == nil {
		return ""
	}
	return o.Record.Fields[field]
}

func (k users) report(
	ctx context.Context, obj *pbxv1.User, d pbx.Desired, o pbx.Observation, _ pbx.System,
) ([]error, error) {
	s := &obj.Status
	if d.State == pbx.Purged {
		*s = pbxv1.UserStatus{RecordStatus: s.RecordStatus}
		apimeta.RemoveStatusCondition(&s.Conditions, pbxv1.ConditionEmailRecommended)
		return nil, nil
	}
	s.Number, s.BusinessUnit, s.Setup = o.Facts.Number, o.Facts.BusinessUnit, pbxv1.Setup(o.Facts.Setup)
	if d.State == pbx.Deleted {
		s.Setup = "" // nobody is to be set up, and no extension wakes a holder that it does not serve
	}
	s.Extensions = nil
	for _, e := range o.Facts.Extensions {
		s.Extensions = append(s.Extensions, pbxv1.UserExtension{Name: e.Key, Number: e.Value})
	}
	slices.SortFunc(s.Extensions, func(a, b pbxv1.UserExtension) int { return strings.Compare(a.Name, b.Name) })
	services := servicesOf(obj)
	if frozen(d, o) {
		services = recordedServices(o)
	}
	waits, err := k.reportServices(ctx, obj, services, o)
	status.Advise(&s.Conditions, obj.Generation, pbxv1.ConditionEmailRecommended,
		obj.Spec.Email == "" && len(s.Extensions) > 0, "NoEmail",
		"the user holds an extension and has no e-mail address: set spec.email to have voicemail and password resets sent")
	return waits, err
}

// reportServices shows each service with its state, and where it lives if that is elsewhere, and waits for those that
// were never there. One that is gone is shown as such, and still counts.
func (k users) reportServices(ctx context.Context, obj *pbxv1.User, names []string, o pbx.Observation) (waits []error, err error) {
	obj.Status.Services = nil
	for _, name := range names {
		state := o.Facts.Services[name]
		shown := pbxv1.UserService{Name: name, State: pbxv1.State(state)}
		var phone pbxv1.PhoneService
		there, refused, err := reference(ctx, k.Client, obj, name, &phone)
		if err != nil {
			return nil, err
		}
		if refused != nil {
			obj.Status.Services = append(obj.Status.Services, pbxv1.UserService{Name: name})
			continue
		}
		if !there && state == "" {
			waits = append(waits, notThere(&phone, name))
		}
		if phone.Spec.Type != pbxv1.ServiceLocal {
			shown.Type = phone.Spec.Type
		}
		if phone.Spec.Foreign != nil {
			shown.URL = urlOf(phone.Spec.Foreign.URL)
		}
		obj.Status.Services = append(obj.Status.Services, shown)
	}
	return waits, nil
}
