package main

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

// commandContext is a short-lived helper (go, kubectl) in a process group of
// its own: our terminal's Ctrl-C reaches us alone, and we end the whole group.
func commandContext(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Env = os.Environ()
	return cmd
}

// servers are the long-lived children, for killAll.
var servers struct {
	sync.Mutex
	running []*child.Process
}

func remember(processes ...*child.Process) {
	servers.Lock()
	defer servers.Unlock()
	servers.running = append(servers.running, processes...)
}

func killAll() {
	servers.Lock()
	defer servers.Unlock()
	for _, p := range servers.running {
		p.Kill()
	}
}
