// Package controlplane runs etcd and kube-apiserver on loopback, with their
// state in a directory: a second start over the same directory goes on where
// the first stopped.
//
// Without StartControllerManager nothing collects garbage, and a deleted
// namespace stays Terminating.
package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

const (
	startLimit = 90 * time.Second
	stopGrace  = 10 * time.Second
)

// Options say where things are.
type Options struct {
	// Binaries is the directory of etcd and kube-apiserver.
	Binaries string
	// State is the directory of etcd's data and of the credentials.
	State string
	// Logs is the directory of etcd.log, kube-apiserver.log and
	// kube-controller-manager.log.
	Logs string
}

// Plane is a running control plane.
type Plane struct {
	// URL is where the API server is, CA the certificate that it shows, and
	// Token what its administrator shows.
	URL   string
	CA    []byte
	Token string

	Etcd      *child.Process
	APIServer *child.Process
	// Manager is nil until it is started.
	Manager *child.Process
}

// Start returns when the API server is ready. After an error nothing is left
// running.
func Start(ctx context.Context, opts Options) (*Plane, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	creds, err := loadCredentials(filepath.Join(opts.State, "certs"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Logs, 0o700); err != nil {
		return nil, err
	}
	p := &Plane{Token: creds.token}
	if err := p.start(ctx, opts, creds); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context, opts Options, creds credentials) error {
	etcd := etcdServer(opts)
	process, port, err := etcd.start(ctx)
	if err != nil {
		return err
	}
	p.Etcd = process

	api := apiServer(opts, creds, "http://127.0.0.1:"+strconv.Itoa(port))
	if process, port, err = api.start(ctx); err != nil {
		return err
	}
	p.APIServer = process
	p.URL = "https://127.0.0.1:" + strconv.Itoa(port)
	if p.CA, err = os.ReadFile(creds.servingCert()); err != nil {
		return fmt.Errorf("read the API server's certificate: %w", err)
	}
	return nil
}

// Stop ends the controller manager, the API server, then etcd.
func (p *Plane) Stop() error {
	var errs []error
	for _, process := range []*child.Process{p.Manager, p.APIServer, p.Etcd} {
		if process != nil {
			errs = append(errs, process.Stop(stopGrace))
		}
	}
	return errors.Join(errs...)
}

func etcdServer(opts Options) server {
	client := &http.Client{Timeout: time.Second}
	return server{
		path: filepath.Join(opts.Binaries, "etcd"),
		log:  filepath.Join(opts.Logs, "etcd.log"),
		args: func(port int) []string {
			url := "http://127.0.0.1:" + strconv.Itoa(port)
			return []string{
				"--data-dir=" + filepath.Join(opts.State, "etcd"),
				"--listen-client-urls=" + url,
				"--advertise-client-urls=" + url,
				"--listen-peer-urls=http://127.0.0.1:0",
				// A developer's data: it has to survive us, not a power cut.
				"--unsafe-no-fsync",
				"--log-level=warn",
			}
		},
		healthy: func(ctx context.Context, port int) error {
			return get(ctx, client, "http://127.0.0.1:"+strconv.Itoa(port)+"/health", "")
		},
	}
}

func apiServer(opts Options, creds credentials, etcdURL string) server {
	return server{
		path: filepath.Join(opts.Binaries, "kube-apiserver"),
		log:  filepath.Join(opts.Logs, "kube-apiserver.log"),
		args: func(port int) []string {
			return []string{
				"--etcd-servers=" + etcdURL,
				"--bind-address=127.0.0.1",
				"--advertise-address=127.0.0.1",
				"--secure-port=" + strconv.Itoa(port),
				// It makes its own serving certificate there, once.
				"--cert-dir=" + creds.dir,
				"--token-auth-file=" + creds.tokenFile(),
				"--service-account-issuer=https://kubernetes.default.svc",
				"--service-account-key-file=" + creds.serviceAccountKey(),
				"--service-account-signing-key-file=" + creds.serviceAccountKey(),
				"--service-cluster-ip-range=10.0.0.0/24",
				"--authorization-mode=RBAC",
				// Nobody runs pods, and nobody makes their service accounts.
				"--disable-admission-plugins=ServiceAccount",
				// Loopback may not be an endpoint of the kubernetes Service.
				"--endpoint-reconciler-type=none",
			}
		},
		healthy: func(ctx context.Context, port int) error {
			client, err := creds.client()
			if err != nil {
				return err
			}
			defer client.CloseIdleConnections()
			return get(ctx, client, "https://127.0.0.1:"+strconv.Itoa(port)+"/readyz", creds.token)
		},
	}
}

func (c credentials) client() (*http.Client, error) {
	cert, err := os.ReadFile(c.servingCert())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return &http.Client{Transport: transport, Timeout: time.Second}, nil
}

func get(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
