// Package binary runs the operator as it is shipped, as a process of its own, and ends it in every way there is.
package binary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// limit bounds every wait, generously: a busy machine is slow.
	limit = 2 * time.Minute
	// endLimit is how long the operator may take to end: less than a pod is given.
	endLimit = 15 * time.Second
)

// build builds the operator once, into a directory that goes with this process.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pbx-test-binary-")
	if err != nil {
		return "", err
	}
	if err := child.RemoveWhenGone(dir); err != nil {
		return "", err
	}
	// Other accounts run it, too.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pbx-operator")
	if out, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the operator, which is to end by itself, and gives what it said and its exit code.
func run(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	path := program(t) // to build it takes its time
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	// Neither this machine's cluster nor the tests' is meant.
	cmd.Env = append(os.Environ(), "KUBECONFIG=", "KUBERNETES_SERVICE_HOST=", "HOME="+t.TempDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within %s; it said:\n%s", args, endLimit, out.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// process is an operator at work.
type process struct {
	*child.Process
	// ready is the address of its readiness probe.
	ready  string
	killed bool
}

// start starts the operator for a tenant; it ends with the test at the latest.
func start(t *testing.T, tenant *operator.Tenant, args ...string) *process {
	t.Helper()
	return startAs(t, child.Spec{}, kube.Kubeconfig(t), tenant.DataDir, args...)
}

func startAs(t *testing.T, spec child.Spec, kubeconfig, dataDir string, args ...string) *process {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	probes := fmt.Sprintf("127.0.0.1:%d", port)
	spec.Path, spec.Log = program(t), filepath.Join(t.TempDir(), "log")
	spec.Args = slices.Concat([]string{
		"--kubeconfig=" + kubeconfig, "--data-dir=" + dataDir,
		"--metrics-bind-address=0", "--health-probe-bind-address=" + probes,
	}, args)
	started, err := child.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Process: started, ready: "http://" + probes + "/readyz"}
	t.Cleanup(func() {
		p.Kill()
		<-p.Done()
		if t.Failed() && !p.killed {
			t.Logf("the end of the log of process %d:\n%s", p.PID(), p.LastLines(20))
		}
	})
	return p
}

// awaitUp waits until the process says that it is ready.
func (p *process) awaitUp(t *testing.T) {
	t.Helper()
	operator.Await(t, limit, "the operator serves its probes", func() string {
		answer, err := http.Get(p.ready)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return answer.Status
		}
		return ""
	})
}

// runs sees that the process has not ended.
func (p *process) runs(t *testing.T) {
	t.Helper()
	select {
	case <-p.Done():
		t.Fatalf("the operator has ended: %s; the end of its log:\n%s", p.Outcome(), p.LastLines(20))
	default:
	}
}

// awaitEnd waits until the process has ended by itself.
func (p *process) awaitEnd(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(within):
		t.Fatalf("the operator did not end within %s; the end of its log:\n%s", within, p.LastLines(20))
	}
}

// kill ends the process as a machine that fails does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.runs(t)
	p.killed = true
	p.Kill()
	p.awaitEnd(t, endLimit)
}
