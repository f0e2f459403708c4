// Package child runs a server as a child process that never outlives us and
// never sees the signals of our terminal.
package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	Path string
	Args []string
	// Dir is where it runs; ours if empty.
	Dir string
	// Env is added to our own environment.
	Env []string
	// Log receives both output streams, appended.
	Log string
	// RunAs is the account to run under; nil is our own.
	RunAs *syscall.Credential
	// StopSignal asks for a clean end; SIGTERM if zero.
	StopSignal syscall.Signal
	// DeathSignal is sent when we die without stopping it; SIGKILL if zero.
	DeathSignal syscall.Signal
}

// Process is a running child.
type Process struct {
	spec Spec
	pid  int
	done chan struct{}
	err  error
}

// Start starts the process. It does not wait until it serves.
func Start(spec Spec) (*Process, error) {
	if spec.StopSignal == 0 {
		spec.StopSignal = syscall.SIGTERM
	}
	if spec.DeathSignal == 0 {
		spec.DeathSignal = syscall.SIGKILL
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", filepath.Base(spec.Path), err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Dir = spec.Dir
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes(spec)

	p := &Process{spec: spec, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer log.Close()
		p.run(cmd, started)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return p, nil
}

// run holds its thread until the child has ended: the kernel sends the death
// signal when the thread that started the child ends, not when the process does.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	p.err = cmd.Wait()
	close(p.done)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended: nil for exit code 0 or while it still runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Outcome is how the process ended, for a sentence.
func (p *Process) Outcome() string {
	if err := p.Err(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// PID is the process id.
func (p *Process) PID() int { return p.pid }

// Stop asks the process to end and kills it, and what it started, after the
// grace time. It returns when the process is gone; stopping twice is harmless.
func (p *Process) Stop(grace time.Duration) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(p.pid, p.spec.StopSignal); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("stop %s (pid %d): %w", p.spec.Path, p.pid, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	p.Kill()
	<-p.done
	return fmt.Errorf("%s (pid %d) did not stop within %s and was killed; see %s",
		filepath.Base(p.spec.Path), p.pid, grace, p.spec.Log)
}

// Kill ends the process and its children at once.
func (p *Process) Kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// LastLines returns the end of the log, for an error message.
func (p *Process) LastLines(n int) string { return LastLines(p.spec.Log, n) }

// LastLines returns the last n lines of a log file.
func LastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
