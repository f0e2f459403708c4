package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	localBin  = ".local/bin"
	planeDir  = "hack/controlplane"
	operator  = "operator"
	heartbeat = 10 * time.Second
)

// program is something that `go build` makes.
type program struct {
	name string
	// dir is the module's, pkg the package in it, out the file that is made.
	dir, pkg, out string
}

var (
	controlPlane = []string{"etcd", "kube-apiserver", "kube-controller-manager"}
	programs     = []program{
		{operator, ".", ".", "bin/pbx-operator"},
		{"etcd", planeDir, "go.etcd.io/etcd/server/v3", localBin + "/etcd"},
		kubernetes("kube-apiserver"),
		kubernetes("kubectl"),
		kubernetes("kube-controller-manager"),
	}
)

func kubernetes(name string) program {
	return program{name, planeDir, "k8s.io/kubernetes/cmd/" + name, localBin + "/" + name}
}

func buildNamed(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = append([]string{operator, "kubectl"}, controlPlane...)
	}
	return build(ctx, names...)
}

// build builds those of the programs that are out of date.
func build(ctx context.Context, names ...string) error {
	var todo []program
	for _, name := range names {
		i := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
		if i < 0 {
			return fmt.Errorf("there is no program %q to build; see --help", name)
		}
		if current, err := programs[i].upToDate(); err != nil {
			return err
		} else if !current {
			todo = append(todo, programs[i])
		}
	}
	announce(todo)
	for i, p := range todo {
		label := fmt.Sprintf("[%d/%d] %s", i+1, len(todo), p.name)
		progress := newProgress(heartbeat, func(elapsed time.Duration) string {
			return fmt.Sprintf("%s: building for %s%s", label, elapsed, left(todo[i+1:]))
		})
		if err := p.build(ctx); err != nil {
			progress.stop("")
			return fmt.Errorf("build %s: %w", p.name, err)
		}
		progress.stop(fmt.Sprintf("%s: built in %s", label, progress.elapsed()))
	}
	return nil
}

// announce says how long it takes, if it is long.
func announce(todo []program) {
	if slices.ContainsFunc(todo, func(p program) bool { return p.name == "kube-apiserver" }) {
		fmt.Printf("Building %d programs. The first time this takes about %d minutes on two cores.\n",
			len(todo), 2+len(todo))
	}
}

func left(todo []program) string {
	var names []string
	for _, p := range todo {
		names = append(names, p.name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; left: " + strings.Join(names, ", ")
}

func (p program) build(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(p.out), 0o755); err != nil {
		return err
	}
	out, err := filepath.Abs(p.out)
	if err != nil {
		return err
	}
	flags, err := p.linkerFlags(ctx)
	if err != nil {
		return err
	}
	args := []string{"build", "-ldflags=" + flags, "-o", out, p.pkg}
	if p.dir == planeDir {
		// The operator is built as the tests are, which share its packages.
		args = slices.Insert(args, 1, "-trimpath")
	}
	if err := goCommand(ctx, p.dir, args...); err != nil {
		return err
	}
	if p.dir != planeDir {
		return nil
	}
	stamp, err := pins()
	if err != nil {
		return err
	}
	return os.WriteFile(p.stampFile(), []byte(stamp), 0o644)
}

// linkerFlags tell Kubernetes' programs their version, which the sources of a
// module do not have.
func (p program) linkerFlags(ctx context.Context) (string, error) {
	const flags = "-s -w"
	if !strings.HasPrefix(p.pkg, "k8s.io/") {
		return flags, nil
	}
	list := commandContext(ctx, "go", "list", "-m", "-f={{.Version}}", "k8s.io/kubernetes")
	list.Dir = p.dir
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("find the version of k8s.io/kubernetes in %s/go.mod: %w", p.dir, err)
	}
	version := strings.TrimSpace(string(out))
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("%q in %s/go.mod is not a version of Kubernetes", version, p.dir)
	}
	const variable = " -X k8s.io/component-base/version."
	return flags + variable + "gitVersion=" + version +
		variable + "gitMajor=" + parts[0] + variable + "gitMinor=" + parts[1], nil
}

// upToDate is true for a program that was built from the modules that are
// pinned now. The operator is always built: Go's cache knows better than we.
func (p program) upToDate() (bool, error) {
	if p.dir != planeDir {
		return false, nil
	}
	want, err := pins()
	if err != nil {
		return false, err
	}
	got, err := os.ReadFile(p.stampFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	return string(got) == want && exists(p.out), nil
}

func (p program) stampFile() string { return p.out + ".stamp" }

// pins is a digest of what decides how the control plane is built.
func pins() (string, error) {
	digest := sha256.New()
	fmt.Fprintln(digest, runtime.GOOS, runtime.GOARCH)
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(planeDir, name))
		if err != nil {
			return "", err
		}
		digest.Write(content)
	}
	return hex.EncodeToString(digest.Sum(nil)) + "\n", nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// goCommand runs go and is silent, unless it fails.
func goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := commandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output.String())
	}
	return nil
}
