package child_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

const (
	roleVariable = "CHILD_TEST_DIRECTORY"
	limit        = 10 * time.Second
)

// TestMain lets the test binary be the parent that dies: it starts a child,
// tells its pid, and waits to be killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(roleVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	p, err := child.Start(child.Spec{Path: "/bin/sleep", Args: []string{"60"}, Log: filepath.Join(dir, "log")})
	if err != nil {
		panic(err)
	}
	if err := child.RemoveWhenGone(dir); err != nil {
		panic(err)
	}
	os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
	select {}
}

func TestAChildDoesNotOutliveAKilledParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scratch")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), roleVariable+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()

	eventually(t, "the child ends", func() bool { return !running(pid) })
	eventually(t, "the directory goes", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestStop(t *testing.T) {
	tests := map[string]struct {
		script string
		killed bool
	}{
		"a child that obeys":                {script: `echo ready; exec sleep 60`},
		"a child that ignores the signal":   {script: `trap "" TERM; echo ready; sleep 60; sleep 60`, killed: true},
		"a child that has ended by itself":  {script: `echo ready`},
		"a child that has failed by itself": {script: `echo ready; exit 3`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			p, err := child.Start(child.Spec{Path: "/bin/sh", Args: []string{"-c", tt.script}, Log: log})
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the child runs", func() bool { return p.LastLines(1) == "ready" })

			err = p.Stop(300 * time.Millisecond)
			if killed := err != nil; killed != tt.killed {
				t.Errorf("killed = %v (%v), want %v", killed, err, tt.killed)
			}
			select {
			case <-p.Done():
			default:
				t.Error("Stop returned before the child was gone")
			}
			if err := p.Stop(limit); err != nil {
				t.Errorf("a second stop: %v", err)
			}
		})
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	_, err := child.Start(child.Spec{Path: "/no/such/program", Log: filepath.Join(t.TempDir(), "log")})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("error = %v, want one that names the program", err)
	}
}

func TestLastLines(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{1: "three", 2: "two\nthree", 9: "one\ntwo\nthree"} {
		if got := child.LastLines(log, n); got != want {
			t.Errorf("LastLines(%d) = %q, want %q", n, got, want)
		}
	}
}

// running is false for a zombie as well: nobody may be there to reap it.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
