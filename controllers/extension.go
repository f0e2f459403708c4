package controllers

import (
	"context"
	"errors"
	"regexp"
	"slices"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// pinPattern is what a phone's keypad can enter.
var pinPattern = regexp.MustCompile(`^[0-9]{4,10}$`)

var errPIN = errors.New("a PIN is 4 to 10 digits")

// extensions is what is particular to Extensions.
type extensions struct{ client.Client }

func (extensions) name() pbx.Kind { return pbx.KindExtension }

func (extensions) newObject() *pbxv1.Extension { return &pbxv1.Extension{} }

func (extensions) fromCache(context.Context, *pbxv1.Extension) error { return nil }

func (k extensions) resolve(
	ctx context.Context, obj *pbxv1.Extension, state pbx.State, system pbx.System,
) (content pbx.Content, refused []error, err error) {
	number := numberOf(obj)
	if state != pbx.Deleted {
		refused = emergencyNumbers(number, system)
	}
	content = number.Content(state, system)
	if number.Holder == "" {
		return content, refused, nil
	}
	var holder pbxv1.User
	there, elsewhere, err := reference(ctx, k.Client, obj, number.Holder, &holder)
	if elsewhere != nil {
		refused = append(refused, elsewhere)
		delete(content.Fields, pbx.FieldHolder)
	}
	if there && holder.Spec.State == pbxv1.StatePurged {
		content.Fields[pbx.FieldHolder] = ""
	}
	return content, refused, err
}

func numberOf(obj *pbxv1.Extension) pbx.Number {
	spec := obj.Spec
	number := pbx.Number{
		Number: string(spec.Number), DirectNumbers: strs(spec.DirectNumbers), DisplayName: string(spec.DisplayName),
		Voicemail: pbx.Voicemail{Enabled: spec.Voicemail.Enabled, Email: string(spec.Voicemail.Email)},
		OnRelease: slices.Sorted(slices.Values(strs(spec.OnRelease.Clear))),
	}
	if spec.UserRef != nil {
		number.Holder = string(spec.UserRef.Name)
	}
	return number
}

// complete applies the PIN, and gives the extension to a holder only once they are known.
func (k extensions) complete(
	ctx context.Context, obj *pbxv1.Extension, d *pbx.Desired, o pbx.Observation, system pbx.System,
) ([]error, error) {
	if o.Record != nil {
		keepNumbers(d, o.Record, system)
	}
	if err := k.holder(ctx, obj, d, o); err != nil {
		return nil, err
	}
	return k.pin(ctx, obj, d, o)
}

// emergencyNumbers refuses numbers that are somebody's in an emergency, however they are dialled.
func emergencyNumbers(number pbx.Number, system pbx.System) (refused []error) {
	if system.IsEmergencyNumber(number.Number) {
		refused = append(refused, status.New(status.Invalid, pbxv1.ReasonEmergencyNumber,
			"%s is an emergency number of the phone system: give the extension another number", number.Number))
	}
	for _, direct := range number.DirectNumbers {
		if system.IsEmergencyNumber(direct) {
			refused = append(refused, status.New(status.Invalid, pbxv1.ReasonEmergencyNumber,
				"%s is an emergency number of the phone system: take it out of directNumbers", direct))
		}
	}
	return refused
}

// keepNumbers leaves an extension the number with its box, or the direct numbers, that it has, if what is wanted is an
// emergency number.
func keepNumbers(d *pbx.Desired, r *pbx.Record, system pbx.System) {
	if system.IsEmergencyNumber(d.Fields[pbx.FieldNumber]) {
		for _, field := range []pbx.Field{pbx.FieldNumber, pbx.FieldMailbox} {
			d.Fields[field] = r.Fields[field]
		}
	}
	if slices.ContainsFunc(d.Lists[pbx.ListDirectNumbers], func(i pbx.Item) bool { return system.IsEmergencyNumber(i.Key) }) {
		delete(d.Lists, pbx.ListDirectNumbers)
	}
}

// holder leaves the holder out who has no object: a record that is kept for a restore goes on holding the extension,
// and of one that was purged, or is about to be, no name is written again.
func (k extensions) holder(ctx context.Context, obj *pbxv1.Extension, d *pbx.Desired, o pbx.Observation) error {
	name := d.Fields[pbx.FieldHolder]
	if name == "" || name == fieldOf(o, pbx.FieldHolder) {
		return nil
	}
	var user pbxv1.User
	there, _, err := reference(ctx, k.Client, obj, name, &user)
	if !there || desiredState(&user, !user.DeletionTimestamp.IsZero()) == pbx.Purged {
		d.Fields[pbx.FieldHolder] = ""
	}
	return err
}

// pin applies the PIN when the content of its Secret has changed.
func (k extensions) pin(
	ctx context.Context, obj *pbxv1.Extension, d *pbx.Desired, o pbx.Observation,
) ([]error, error) {
	ref := obj.Spec.Voicemail.PinSecretRef
	if ref == nil || !obj.Spec.Voicemail.Enabled || d.State == pbx.Purged || d.Release {
		return nil, nil
	}
	secret, key, err := getSecret(ctx, k.Client, obj.Namespace, *ref, "pin")
	if err != nil {
		return waitFor(err)
	}
	if !pinPattern.Match(secret.Data[key]) {
		return []error{secretInvalid(secret, key, errPIN)}, nil
	}
	new, err := settle(secret, key, fieldOf(o, pbx.FieldPINApplied), fieldOf(o, pbx.FieldPINSecret))
	if err != nil {
		return nil, err
	}
	if new.plain != "" {
		d.Fields[pbx.FieldPIN] = new.plain
		d.Fields[pbx.FieldPINApplied] = new.applied
		d.Fields[pbx.FieldPINSecret] = new.version
	}
	return nil, nil
}

func (k extensions) report(
	ctx context.Context, obj *pbxv1.Extension, d pbx.Desired, o pbx.Observation, system pbx.System,
) ([]error, error) {
	s := &obj.Status
	if d.State == pbx.Purged {
		*s = pbxv1.ExtensionStatus{RecordStatus: s.RecordStatus}
		apimeta.RemoveStatusCondition(&s.Conditions, pbxv1.ConditionVoicemailUnavailable)
		return nil, nil
	}
	s.Holder, s.Setup, s.Mailbox = fieldOf(o, pbx.FieldHolder), pbxv1.Setup(o.Facts.Setup), nil
	if box := fieldOf(o, pbx.FieldMailbox); box != "" || o.Facts.Messages > 0 {
		s.Mailbox = &pbxv1.Mailbox{Number: box, Messages: o.Facts.Messages}
	}
	status.Advise(&s.Conditions, obj.Generation, pbxv1.ConditionVoicemailUnavailable,
		numberOf(obj).VoicemailUnavailable(system), "NumberLength",
		"the number has not exactly the phone system's voicemailDigits, so there is no voicemail box: "+
			"change the number, or set spec.voicemail.enabled to false")
	return missing(ctx, k.Client, obj, d.Fields[pbx.FieldHolder], &pbxv1.User{}, o.Facts.Refers)
}
