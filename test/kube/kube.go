// Package kube gives tests a real API server with our CRDs.
//
// The programs come from $KUBEBUILDER_ASSETS or from .local/bin, where `make
// control-plane` puts them. Without them a test is skipped, or fails if CI=true.
// One server serves all tests of a process and ends with it; tests keep apart
// by namespaces. Without StartControllerManager nothing collects garbage, and a
// deleted namespace stays Terminating.
package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/hack/run/controlplane"
)

const kubectlLimit = 2 * time.Minute

// errNoPrograms is why a test is skipped.
var errNoPrograms = errors.New("a program of the control plane is missing: run `make control-plane`, " +
	"or set KUBEBUILDER_ASSETS to their directory")

type server struct {
	config     *rest.Config
	kubeconfig string
	binaries   string
	root       string
	plane      *controlplane.Plane
	dir        string
}

var (
	shared   = sync.OnceValues(start)
	policies = sync.OnceValue(installPolicies)
	manager  = sync.OnceValue(startManager)
)

// Start returns the administrator's access to the API server. It is not
// limited in queries per second. To act as somebody else, copy it and set
// Impersonate.
func Start(tb testing.TB) *rest.Config {
	tb.Helper()
	return rest.CopyConfig(get(tb).config)
}

// Kubeconfig returns the path of a file with the same access.
func Kubeconfig(tb testing.TB) string {
	tb.Helper()
	return get(tb).kubeconfig
}

// Namespace makes a namespace of the test's own.
func Namespace(tb testing.TB) string {
	tb.Helper()
	client, err := kubernetes.NewForConfig(get(tb).config)
	if err != nil {
		tb.Fatalf("make a client: %v", err)
	}
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	made, err := client.CoreV1().Namespaces().Create(context.Background(), wanted, metav1.CreateOptions{})
	if err != nil {
		tb.Fatalf("make a namespace: %v", err)
	}
	return made.Name
}

// Kubectl runs kubectl at the root of the repository and returns what it
// printed on both streams.
func Kubectl(tb testing.TB, args ...string) (string, error) {
	tb.Helper()
	return get(tb).kubectl(args...)
}

// InstallPolicies applies config/policies. The API server enforces a new
// policy after a second or so, which a test has to wait for.
func InstallPolicies(tb testing.TB) {
	tb.Helper()
	get(tb)
	if err := policies(); err != nil {
		tb.Fatalf("install the policies: %v", err)
	}
}

// StartControllerManager starts a real controller manager, by which deleted
// namespaces end, for the rest of the process.
func StartControllerManager(tb testing.TB) {
	tb.Helper()
	get(tb)
	check(tb, "start a controller manager", manager())
}

func get(tb testing.TB) *server {
	tb.Helper()
	s, err := shared()
	check(tb, "start an API server", err)
	return s
}

// check skips the test if a program is missing that has not to be there.
func check(tb testing.TB, what string, err error) {
	tb.Helper()
	if errors.Is(err, errNoPrograms) && os.Getenv("CI") != "true" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}

func start() (*server, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	binaries, err := programs(root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pbx-test-kube-")
	if err != nil {
		return nil, err
	}
	if err := child.RemoveWhenGone(dir); err != nil {
		return nil, err
	}
	plane, err := controlplane.Start(context.Background(), controlplane.Options{Binaries: binaries, State: dir, Logs: dir})
	if err != nil {
		return nil, err
	}
	s := &server{
		root:       root,
		binaries:   binaries,
		plane:      plane,
		dir:        dir,
		kubeconfig: filepath.Join(dir, "kubeconfig"),
		config: &rest.Config{
			Host:            plane.URL,
			BearerToken:     plane.Token,
			TLSClientConfig: rest.TLSClientConfig{CAData: plane.CA},
			QPS:             -1,
		},
	}
	if err := plane.WriteKubeconfig(s.kubeconfig); err != nil {
		return nil, err
	}
	return s, s.installCRDs()
}

func (s *server) installCRDs() error {
	_, err := envtest.InstallCRDs(rest.CopyConfig(s.config), envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join(s.root, "config", "crd", "bases")},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return fmt.Errorf("install the CRDs (are they generated? `make generate`): %w", err)
	}
	return nil
}

func installPolicies() error {
	s, err := shared()
	if err != nil {
		return err
	}
	if out, err := s.kubectl("apply", "--server-side", "-k", "config/policies"); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func startManager() error {
	s, err := shared()
	if err != nil {
		return err
	}
	if err := present(s.binaries, controlplane.ControllerManager); err != nil {
		return err
	}
	return s.plane.StartControllerManager(controlplane.Options{Binaries: s.binaries, Logs: s.dir}, s.kubeconfig)
}

func (s *server) kubectl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), kubectlLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries, "kubectl"), args...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// programs is the directory of the control plane's programs.
func programs(root string) (string, error) {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		dir = filepath.Join(root, ".local", "bin")
	}
	return dir, present(dir, "etcd", "kube-apiserver")
}

func present(dir string, names ...string) error {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%w (%s is not in %s)", errNoPrograms, name, dir)
		}
	}
	return nil
}

// repository is the directory of the module that is under test.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it: run the tests inside the repository", start)
		}
	}
}
