package controlplane_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/hack/run/controlplane"
)

func TestASecondStartGoesOnWhereTheFirstStopped(t *testing.T) {
	opts := options(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")

	first := start(t, opts, kubeconfig)
	kubectl(t, opts, kubeconfig, "create", "configmap", "kept", "--from-literal=a=b")
	if err := first.Stop(); err != nil {
		t.Error(err)
	}
	for name, process := range map[string]interface{ Done() <-chan struct{} }{"etcd": first.Etcd, "kube-apiserver": first.APIServer} {
		select {
		case <-process.Done():
		default:
			t.Errorf("%s still runs", name)
		}
	}

	second := start(t, opts, kubeconfig)
	if first.Token != second.Token || string(first.CA) != string(second.CA) {
		t.Error("the credentials have changed")
	}
	if got := kubectl(t, opts, kubeconfig, "get", "configmap", "kept", "-o", "jsonpath={.data.a}"); got != "b" {
		t.Errorf("kept = %q, want b", got)
	}
}

func TestTheKubeconfigIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := (&controlplane.Plane{}).WriteKubeconfig(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode = %o, want 600", mode)
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	opts := controlplane.Options{Binaries: t.TempDir(), State: t.TempDir(), Logs: t.TempDir()}
	_, err := controlplane.Start(context.Background(), opts)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "etcd") {
		t.Errorf("error = %v, want one that names etcd", err)
	}
}

func options(t *testing.T) controlplane.Options {
	t.Helper()
	binaries := os.Getenv("KUBEBUILDER_ASSETS")
	if binaries == "" {
		binaries = "../../../.local/bin"
	}
	if _, err := os.Stat(filepath.Join(binaries, "kube-apiserver")); err != nil && os.Getenv("CI") != "true" {
		t.Skip("no kube-apiserver: run `make control-plane`")
	}
	return controlplane.Options{Binaries: binaries, State: t.TempDir(), Logs: t.TempDir()}
}

func start(t *testing.T, opts controlplane.Options, kubeconfig string) *controlplane.Plane {
	t.Helper()
	plane, err := controlplane.Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := plane.WriteKubeconfig(kubeconfig); err != nil {
		t.Fatal(err)
	}
	return plane
}

func kubectl(t *testing.T, opts controlplane.Options, kubeconfig string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(opts.Binaries, "kubectl"), append([]string{"--kubeconfig=" + kubeconfig}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
