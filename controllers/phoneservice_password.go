package controllers

import (
	"context"
	"crypto/rand"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// password gives the SIP password: the given one or the generated one. A Deleted phone gets no new one. It may be known
// although there is an error: then the Secret could not be brought in line.
func (k phoneServices) password(
	ctx context.Context, obj *pbxv1.PhoneService, state pbx.State, o pbx.Observation, username, domain string,
) (string, error) {
	if ref := obj.Spec.SIP.PasswordSecretRef; ref != nil {
		return k.givenPassword(ctx, obj, *ref, o)
	}
	obj.Status.SecretName = ""
	secret, err := sipSecret(ctx, k.Client, obj, o.Record)
	if err != nil || secret == nil && state == pbx.Deleted {
		return "", err
	}
	if why := outOfUse(secret, o); why != "" {
		if secret, err = k.rotate(ctx, obj, o, why); err != nil {
			return "", err
		}
	}
	if secret == nil {
		if secret, err = k.generate(ctx, obj, o, username, domain); err != nil {
			return "", err
		}
	} else {
		err = keepSIPSecret(ctx, k.Client, obj, secret, username, domain)
	}
	obj.Status.SecretName = secret.Name
	password, wrong := sipPassword(secret, "password")
	if wrong != nil {
		err = status.New(status.Waiting, pbxv1.ReasonSecretInvalid, "%w, or delete the Secret to have one generated", wrong)
	}
	return password, err
}

// givenPassword is the one that the spec names. A generated one is then set aside.
func (k phoneServices) givenPassword(
	ctx context.Context, obj *pbxv1.PhoneService, ref pbxv1.SecretKeyReference, o pbx.Observation,
) (string, error) {
	obj.Status.SecretName = ref.Name
	secret, key, err := getSecret(ctx, k.Client, obj.Namespace, ref, "password")
	if err != nil {
		return "", err
	}
	password, err := sipPassword(secret, key)
	if err == nil && ref.Name != sipSecretName(obj) {
		err = k.setAside(ctx, obj, o)
	}
	if err != nil {
		return "", err
	}
	return password, nil
}

// trouble says what comes of an error with the Secret. A record that is not there yet waits for what is wrong to be mended; one that
// is there becomes what is declared all the same. One that is Deleted needs no credentials until it is restored.
func trouble(err error, state pbx.State, o pbx.Observation) ([]error, error) {
	switch {
	case err == nil, errors.Is(err, store.ErrChanged):
		return nil, err
	case o.Record == nil:
		return waitFor(err)
	case state == pbx.Deleted && status.Classify(err).Class != status.Failed:
		return nil, nil
	default:
		return []error{err}, nil
	}
}

// generate makes the Secret with the credentials. If it is there although the cache does not know it, this operator made
// it a moment ago.
func (k phoneServices) generate(
	ctx context.Context, obj *pbxv1.PhoneService, o pbx.Observation, username, domain string,
) (*corev1.Secret, error) {
	secret, err := generateSIPSecret(ctx, k.Client, obj, username, domain)
	if apierrors.IsAlreadyExists(err) {
		secret, err = sipSecret(ctx, k.live, obj, o.Record)
		if err == nil && secret == nil {
			err = store.ErrChanged
		}
		return secret, err
	}
	if err == nil {
		k.tellRegenerated(obj, o)
	}
	return secret, err
}

// tellRegenerated warns that the phone has to be provisioned anew, if it had credentials before.
func (k phoneServices) tellRegenerated(obj *pbxv1.PhoneService, o pbx.Observation) {
	if fieldOf(o, pbx.FieldHA1) != "" {
		k.events.Eventf(obj, nil, corev1.EventTypeWarning, pbxv1.EventCredentialsRegenerated, "Generate",
			"Secret %s was gone, a new password was generated: provision the phone again", sipSecretName(obj))
	}
}

// setAside marks the generated credentials when a given password is in force: a reset that comes then does not reach them.
func (k phoneServices) setAside(ctx context.Context, obj *pbxv1.PhoneService, o pbx.Observation) error {
	secret, err := sipSecret(ctx, k.Client, obj, o.Record)
	var conflict *status.Error
	if errors.As(err, &conflict) {
		return nil
	}
	if err != nil || secret == nil || secret.Annotations[annotationSetAside] != "" {
		return err
	}
	updated := secret.DeepCopy()
	metav1.SetMetaDataAnnotation(&updated.ObjectMeta, annotationSetAside, "true")
	return client.IgnoreNotFound(k.Patch(ctx, updated, client.MergeFrom(secret)))
}

// outOfUse says why a generated password, that may be a previous holder's, is not to come into force again.
func outOfUse(secret *corev1.Secret, o pbx.Observation) string {
	switch {
	case secret == nil:
		return ""
	case o.Record.PasswordReleased(string(secret.Data["password"])):
		return "the extension was reset"
	case secret.Annotations[annotationSetAside] != "":
		return "another password was given meanwhile"
	default:
		return ""
	}
}

// rotate gives the generated Secret a new password. It looks past the cache, which may not know yet that this was done
// already.
func (k phoneServices) rotate(
	ctx context.Context, obj *pbxv1.PhoneService, o pbx.Observation, why string,
) (*corev1.Secret, error) {
	secret, err := sipSecret(ctx, k.live, obj, o.Record)
	if err != nil || outOfUse(secret, o) == "" {
		return secret, err
	}
	if immutable(secret) {
		return nil, secretImmutable(secret)
	}
	updated := secret.DeepCopy()
	setData(updated, map[string]string{"password": rand.Text()})
	delete(updated.Annotations, annotationSetAside)
	if err := k.Patch(ctx, updated, client.MergeFromWithOptions(secret, client.MergeFromWithOptimisticLock{})); err != nil {
		return nil, err
	}
	k.events.Eventf(obj, nil, corev1.EventTypeNormal, pbxv1.EventCredentialsRegenerated, "Rotate",
		"%s, so Secret %s has a new password: provision the phone again", why, updated.Name)
	return updated, nil
}

func credentialsReleased(obj *pbxv1.PhoneService) error {
	return status.New(status.Waiting, pbxv1.ReasonCredentialsReleased,
		"the extension was reset, and the SIP password in Secret %q is still the previous holder's: "+
			"change its content; until then the phone cannot register", obj.Status.SecretName)
}
