package binary

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

// TestHelp: every flag is told, with what it is for.
func TestHelp(t *testing.T) {
	t.Parallel()
	said, code := run(t, "--help")
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	told := strings.Split(said, "\n  -")
	for _, name := range []string{
		"data-dir", "workers", "version", "metrics-bind-address", "health-probe-bind-address", "leader-elect", "leader-election-namespace",
		"leader-election-lease-duration", "leader-election-renew-deadline", "leader-election-retry-period", "kubeconfig",
		"zap-log-level", "zap-devel", "zap-encoder", "zap-stacktrace-level", "zap-time-encoding",
	} {
		found := false
		for _, flag := range told[1:] {
			is, what, _ := strings.Cut(flag, "\n")
			found = found || strings.Fields(is)[0] == name && strings.TrimSpace(what) != ""
		}
		if !found {
			t.Errorf("--%s is not told in:\n%s", name, said)
		}
	}
}

// TestDocumented: docs/operations.md has every flag that --help has, but those of logging.
func TestDocumented(t *testing.T) {
	t.Parallel()
	said, _ := run(t, "--help")
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range strings.Split(said, "\n  -")[1:] {
		name := strings.Fields(flag)[0]
		if !strings.HasPrefix(name, "zap-") && !strings.Contains(string(page), "| `--"+name+"` |") {
			t.Errorf("docs/operations.md does not tell of --%s", name)
		}
	}
}

// TestRefusals: what cannot work is said in words, and ends the operator at once.
func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken, nobody := filepath.Join(dir, "broken"), filepath.Join(dir, "nobody")
	write(t, broken, "clusters: }")
	write(t, nobody, `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}],
		clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]}`)
	const lease, renew, retry = "--leader-election-lease-duration", "--leader-election-renew-deadline", "--leader-election-retry-period"
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"an unknown flag":          {[]string{"--frobnicate"}, 2, []string{"-frobnicate", "Flags:"}},
		"a flag's value":           {[]string{"--workers=many"}, 2, []string{"many", "-workers"}},
		"no workers":               {[]string{"--workers=0"}, 2, []string{"--workers=0", "1 or more", "--help"}},
		"an argument":              {[]string{"serve"}, 2, []string{`"serve"`, "--help"}},
		"a short lease":            {[]string{lease + "=5s"}, 2, []string{lease + "=5s", renew + "=10s", "--help"}},
		"a short deadline":         {[]string{renew + "=2s"}, 2, []string{renew + "=2s", retry, "--help"}},
		"no pause":                 {[]string{retry + "=0"}, 2, []string{retry + "=0s", "--help"}},
		"a part of a second":       {[]string{lease + "=15500ms"}, 2, []string{lease + "=15.5s", "whole seconds"}},
		"no cluster":               {nil, 1, []string{"no cluster", "--kubeconfig"}},
		"a kubeconfig that is not": {[]string{"--kubeconfig=" + dir + "/none"}, 1, []string{dir + "/none", "no such file"}},
		"a broken kubeconfig":      {[]string{"--kubeconfig=" + broken}, 1, []string{broken, "yaml"}},
		"a cluster that is not":    {[]string{"--kubeconfig=" + nobody, alone}, 1, []string{"http://127.0.0.1:1", "refused"}},
		"no namespace to elect in": {[]string{"--kubeconfig=" + nobody}, 1, []string{"--leader-election-namespace", alone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, code := run(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
			if strings.Contains(said, "goroutine ") {
				t.Errorf("it panics:\n%s", said)
			}
		})
	}
}

// TestVersion: it tells what it was built from, and needs no cluster for that.
func TestVersion(t *testing.T) {
	t.Parallel()
	said, code := run(t, "--version")
	if code != 0 || !regexp.MustCompile(`^pbx-operator \S+, .*go1\.\d+\S*\n$`).MatchString(said) {
		t.Errorf("exit code %d; it says:\n%s", code, said)
	}
}

// TestAddresses: an address that cannot be listened on is said, and ends the operator at once.
func TestAddresses(t *testing.T) {
	kubeconfig := kube.Kubeconfig(t)
	for _, flag := range []string{"--metrics-bind-address", "--health-probe-bind-address"} {
		said, code := run(t, "--kubeconfig="+kubeconfig, alone, "--data-dir="+t.TempDir(),
			"--metrics-bind-address=0", "--health-probe-bind-address=0", flag+"=here")
		if code != 1 || !strings.Contains(said, "address here") {
			t.Errorf("%s=here ends with exit code %d, and says:\n%s", flag, code, said)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
