package child

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// watchdogs holds our ends of the pipes: a collected one would be closed, and
// its directory removed while it is still in use.
var watchdogs struct {
	sync.Mutex
	pipes []io.Closer
}

// RemoveWhenGone removes a directory when this process ends, however it ends:
// a shell waits for the end of a pipe that only we hold open. It tries again
// for as long as servers that are just ending still write to the directory.
func RemoveWhenGone(dir string) error {
	const script = `cat >/dev/null; n=0
until rm -rf -- "$0" 2>/dev/null || [ $n -ge 20 ]; do n=$((n+1)); sleep 0.5; done`
	shell := exec.Command("/bin/sh", "-c", script, dir)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := shell.StdinPipe()
	if err != nil {
		return fmt.Errorf("watch over %s: %w", dir, err)
	}
	if err := shell.Start(); err != nil {
		return fmt.Errorf("watch over %s: %w", dir, err)
	}
	watchdogs.Lock()
	defer watchdogs.Unlock()
	watchdogs.pipes = append(watchdogs.pipes, pipe)
	return nil
}
