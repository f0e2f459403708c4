package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kubectl runs one kubectl against one cluster.
type kubectl struct {
	path string
	// kubeconfig is the file; empty leaves it to KUBECONFIG.
	kubeconfig string
}

func (k kubectl) run(ctx context.Context, args ...string) (string, error) {
	if k.kubeconfig != "" {
		args = append([]string{"--kubeconfig=" + k.kubeconfig}, args...)
	}
	cmd := commandContext(ctx, k.path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// works tells whether this kubectl talks to the cluster: a name in PATH may be
// a stub, or too old.
func (k kubectl) works(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := k.run(ctx, "get", "--raw=/version")
	return err == nil
}

// kubectlInPath is the reader's own kubectl.
func kubectlInPath(kubeconfig string) (kubectl, bool) {
	path, err := exec.LookPath("kubectl")
	return kubectl{path: path, kubeconfig: kubeconfig}, err == nil
}

// kubectlBeside is the one that came with the control plane's programs.
func kubectlBeside(binaries, kubeconfig string) (kubectl, bool) {
	path := filepath.Join(binaries, "kubectl")
	return kubectl{path: path, kubeconfig: kubeconfig}, exists(path)
}
