package controllers

import (
	"context"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlite"
)

// opener opens the store that a PhoneSystem names.
type opener struct {
	client.Client
	// dataDir holds the embedded stores: <dataDir>/<namespace>/<name>.db.
	dataDir string
	wrap    func(store.Store) store.Store
}

// address is where the store is: the path of the file, or the DSN, which is secret.
func (o *opener) address(ctx context.Context, obj *pbxv1.PhoneSystem) (string, error) {
	if obj.Spec.Store.Postgres == nil {
		return filepath.Join(o.dataDir, obj.Namespace, obj.Name+".db"), nil
	}
	return readSecret(ctx, o.Client, obj.Namespace, obj.Spec.Store.Postgres.SecretRef, "dsn")
}

func (o *opener) open(ctx context.Context, obj *pbxv1.PhoneSystem, address string) (store.Store, error) {
	claim := store.Claim{
		UID: string(obj.UID), Namespace: obj.Namespace, Name: obj.Name, Takeover: obj.Spec.Store.Takeover,
		InUse: obj.Status.Store != nil && obj.Status.Store.SchemaVersion > 0,
	}
	open := sqlite.Open
	if obj.Spec.Store.Postgres != nil {
		open = postgres.Open
	}
	opened, err := open(ctx, address, claim)
	if err != nil {
		return nil, err
	}
	if o.wrap != nil {
		opened = o.wrap(opened)
	}
	return bounded{opened}, nil
}

// readSecret reads one key of a Secret. Its errors name the Secret and the key, never the value.
func readSecret(
	ctx context.Context, c client.Client, namespace string, ref pbxv1.SecretKeyReference, defaultKey string,
) (string, error) {
	secret, key, err := getSecret(ctx, c, namespace, ref, defaultKey)
	if err != nil {
		return "", err
	}
	return string(secret.Data[key]), nil
}

// getSecret gives a Secret that has a value under the key, and the key.
func getSecret(
	ctx context.Context, c client.Client, namespace string, ref pbxv1.SecretKeyReference, defaultKey string,
) (*corev1.Secret, string, error) {
	key := ref.Key
	if key == "" {
		key = defaultKey
	}
	var secret corev1.Secret
	err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, "", status.New(status.Waiting, pbxv1.ReasonSecretNotFound, "Secret %q is not there: create it with key %q",
			ref.Name, key)
	}
	if err != nil {
		return nil, "", err
	}
	if len(secret.Data[key]) == 0 {
		return nil, "", status.New(status.Waiting, pbxv1.ReasonSecretInvalid, "Secret %q has no value under key %q: add it",
			ref.Name, key)
	}
	return &secret, key, nil
}
