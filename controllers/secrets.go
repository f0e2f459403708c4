package controllers

import (
	"context"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

const (
	// labelPhoneService finds the generated Secret of a PhoneService.
	labelPhoneService = "pbx-operator.io/phone-service"
	// labelPhoneSystem tells in which phone system that is.
	labelPhoneSystem = "pbx-operator.io/phone-system"
	// annotationUID tells which object used a generated Secret last.
	annotationUID = "pbx-operator.io/uid"
	// annotationSetAside tells that a given password is in force instead of the generated one.
	annotationSetAside = "pbx-operator.io/set-aside"
)

// sipSecretName is where generated SIP credentials are.
func sipSecretName(obj *pbxv1.PhoneService) string { return obj.Name + "-sip" }

// sipSecret reads the generated credentials of a phone; nil if there are none. A Secret of that name that is not the phone's
// is a conflict.
func sipSecret(ctx context.Context, c client.Reader, obj *pbxv1.PhoneService, record *pbx.Record) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := c.Get(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: sipSecretName(obj)}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, err
	}
	if !ownsSecret(obj, record, &secret) {
		return nil, status.New(status.Conflict, pbxv1.ReasonSecretConflict,
			"Secret %q is there and does not hold this phone's credentials, so it is not overwritten: "+
				"rename or delete it, or give the password in spec.sip.passwordSecretRef", secret.Name)
	}
	return &secret, nil
}

// ownsSecret says whose generated credentials a Secret holds: those of the object that used it last, and they go with the
// record, so whoever has that has them, too. A Secret tells of its record by both labels, or by the UID of the record's owner.
func ownsSecret(obj *pbxv1.PhoneService, record *pbx.Record, secret *corev1.Secret) bool {
	uid := secret.Annotations[annotationUID]
	if uid == string(obj.UID) {
		return true
	}
	return record != nil && secret.Labels[labelPhoneService] == obj.Name &&
		(secret.Labels[labelPhoneSystem] == string(obj.Spec.PhoneSystemRef.Name) || uid != "" && uid == record.Owner.UID)
}

// generateSIPSecret makes a Secret with a new password. It has no owner reference: it outlives a soft delete, so that a
// restore gives the same credentials back.
func generateSIPSecret(ctx context.Context, c client.Client, obj *pbxv1.PhoneService, username, domain string) (*corev1.Secret, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: obj.Namespace, Name: sipSecretName(obj),
			Labels:      map[string]string{labelPhoneService: obj.Name, labelPhoneSystem: string(obj.Spec.PhoneSystemRef.Name)},
			Annotations: map[string]string{annotationUID: string(obj.UID)},
		},
		Data: map[string][]byte{
			"username": []byte(username), "password": []byte(rand.Text()), "domain": []byte(domain),
		},
	}
	return secret, c.Create(ctx, secret)
}

// keepSIPSecret brings what is not secret in the generated Secret in line: whose it is, user name and domain.
func keepSIPSecret(ctx context.Context, c client.Client, obj *pbxv1.PhoneService, secret *corev1.Secret, username, domain string) error {
	updated := secret.DeepCopy()
	metav1.SetMetaDataLabel(&updated.ObjectMeta, labelPhoneService, obj.Name)
	metav1.SetMetaDataLabel(&updated.ObjectMeta, labelPhoneSystem, string(obj.Spec.PhoneSystemRef.Name))
	metav1.SetMetaDataAnnotation(&updated.ObjectMeta, annotationUID, string(obj.UID))
	stale := string(secret.Data["username"]) != username || string(secret.Data["domain"]) != domain
	if stale && !immutable(secret) {
		setData(updated, map[string]string{"username": username, "domain": domain})
	}
	if !equality.Semantic.DeepEqual(secret, updated) {
		if err := c.Patch(ctx, updated, client.MergeFrom(secret)); err != nil {
			return err
		}
	}
	if stale && immutable(secret) {
		return secretImmutable(secret)
	}
	return nil
}

// setData changes values of a Secret, which may have none.
func setData(secret *corev1.Secret, data map[string]string) {
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
}

func immutable(secret *corev1.Secret) bool { return ptr.Deref(secret.Immutable, false) }

func secretImmutable(secret *corev1.Secret) error {
	return status.New(status.Waiting, pbxv1.ReasonSecretInvalid, "Secret %q is immutable, so it cannot follow the phone: "+
		"delete it to have one with a new password generated, or give the password in spec.sip.passwordSecretRef", secret.Name)
}

// settled says what has to be written of a password or PIN that its owner may change by phone or in a portal: nothing,
// unless the content of the Secret has changed since it was applied.
type settled struct {
	// plain is the new value; empty if nothing is to be written.
	plain string
	// applied is a hash of it, by which a later change of the Secret's content is recognised.
	applied string
	// version of the Secret that it was read from.
	version string
}

// errTooLong is bcrypt's limit.
var errTooLong = errors.New("it is longer than 72 bytes")

// settle compares a Secret's value with the hash and the version of what was applied before.
func settle(secret *corev1.Secret, key, appliedHash, appliedVersion string) (settled, error) {
	version := string(secret.UID) + "/" + secret.ResourceVersion + "/" + key
	if version == appliedVersion {
		return settled{}, nil
	}
	plain := secret.Data[key]
	if appliedHash != "" && bcrypt.CompareHashAndPassword([]byte(appliedHash), plain) == nil {
		return settled{}, nil
	}
	hash, err := bcrypt.GenerateFromPassword(plain, bcrypt.DefaultCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return settled{}, errTooLong
	}
	return settled{plain: string(plain), applied: string(hash), version: version}, err
}
