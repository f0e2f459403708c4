package binary

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// nobody is an account that owns nothing.
const nobody = 65534

// TestDataDirIsAFile: that the directory of the stores cannot be one is told where people look, and mending it is enough.
func TestDataDirIsAFile(t *testing.T) {
	tenant := newTenant(t)
	tenant.DataDir = filepath.Join(t.TempDir(), "data")
	write(t, tenant.DataDir, "a file")
	tenant.Create(append(desks(tenant, "ada", 1000, 1), tenant.NewPhoneSystem())...)
	running := start(t, tenant, alone)
	storeUnavailable(t, tenant, "not a directory")
	running.runs(t)
	if err := os.Remove(tenant.DataDir); err != nil {
		t.Fatal(err)
	}
	tenant.Ready(limit)
}

// TestDataDirIsReadOnly is the same with a directory that belongs to somebody else, as a volume without fsGroup does.
func TestDataDirIsReadOnly(t *testing.T) {
	tenant := newTenant(t)
	tenant.Create(append(desks(tenant, "ada", 1000, 1), tenant.NewPhoneSystem())...)
	home, account := open(t), (*syscall.Credential)(nil)
	tenant.DataDir = filepath.Join(home, "data")
	if err := os.Mkdir(tenant.DataDir, 0o555); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(kube.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(home, "kubeconfig")
	write(t, kubeconfig, string(text))
	if os.Getuid() == 0 { // who may write everywhere
		account = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(kubeconfig, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	running := startAs(t, child.Spec{RunAs: account, Dir: "/"}, kubeconfig, tenant.DataDir, alone)
	storeUnavailable(t, tenant, "permission denied")
	running.runs(t)
	if err := os.Chmod(tenant.DataDir, 0o777); err != nil {
		t.Fatal(err)
	}
	tenant.Ready(limit)
}

// open is a directory that every account may look into.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pbx-test-open-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// storeUnavailable waits until all objects say that there is no store; the PhoneSystem tells where, and why.
func storeUnavailable(t *testing.T, tenant *operator.Tenant, why string) {
	t.Helper()
	tenant.Await(limit, "all objects tell it", func(o client.Object, _ int64, ready metav1.Condition) error {
		if ready.Status != metav1.ConditionFalse || ready.Reason != pbxv1.ReasonStoreUnavailable ||
			!strings.Contains(ready.Message, tenant.DataDir) || !strings.Contains(ready.Message, why) {
			return fmt.Errorf("%T: %s: %s", o, ready.Reason, ready.Message)
		}
		return nil
	})
}
