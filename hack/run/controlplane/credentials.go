package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// renewAfter is well below the year for which the API server's own
// certificate is good.
const renewAfter = 300 * 24 * time.Hour

// credentials are files that are made once and kept.
type credentials struct {
	dir   string
	token string
}

func (c credentials) tokenFile() string         { return filepath.Join(c.dir, "tokens.csv") }
func (c credentials) serviceAccountKey() string { return filepath.Join(c.dir, "service-account.key") }
func (c credentials) servingCert() string       { return filepath.Join(c.dir, "apiserver.crt") }
func (c credentials) servingKey() string        { return filepath.Join(c.dir, "apiserver.key") }

// loadCredentials reads the credentials in a directory and makes those that
// are missing.
func loadCredentials(dir string) (credentials, error) {
	c := credentials{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	tokens, err := readOrMake(c.tokenFile(), func() ([]byte, error) {
		return []byte(rand.Text() + `,admin,admin,"system:masters"` + "\n"), nil
	})
	if err != nil {
		return c, err
	}
	c.token, _, _ = strings.Cut(string(tokens), ",")
	if _, err := readOrMake(c.serviceAccountKey(), newKey); err != nil {
		return c, err
	}
	return c, c.dropOldCertificate()
}

func (c credentials) dropOldCertificate() error {
	info, err := os.Stat(c.servingCert())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || time.Since(info.ModTime()) < renewAfter {
		return err
	}
	return errors.Join(os.Remove(c.servingCert()), os.Remove(c.servingKey()))
}

func readOrMake(path string, content func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		return data, err
	}
	if data, err = content(); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	// Renamed into place, so that an interrupted start leaves no half of it.
	half := path + ".new"
	if err := os.WriteFile(half, data, 0o600); err != nil {
		return nil, err
	}
	return data, os.Rename(half, path)
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}
