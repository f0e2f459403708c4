package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

const (
	user       = "pbx"
	startLimit = 60 * time.Second
	stopGrace  = 20 * time.Second
)

// cluster is a directory of data and the server that serves it.
type cluster struct {
	programs string
	dir      string
	password string
	port     int
	runAs    *syscall.Credential
	process  *child.Process
}

// newCluster makes a cluster in a directory of its own and starts it. The
// server and the directory go when this process ends, however it ends.
func newCluster() (*cluster, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	runAs, err := account()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pbx-test-postgres-")
	if err != nil {
		return nil, err
	}
	if err := child.RemoveWhenGone(dir); err != nil {
		return nil, err
	}
	c := &cluster{programs: programs, dir: dir, password: rand.Text(), runAs: runAs}
	if err := c.init(); err != nil {
		return nil, err
	}
	if c.port, err = child.FreePort(); err != nil {
		return nil, err
	}
	return c, c.start()
}

func (c *cluster) init() error {
	passwordFile := filepath.Join(c.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(c.password), 0o600); err != nil {
		return err
	}
	if c.runAs != nil {
		for _, path := range []string{c.dir, passwordFile} {
			if err := os.Chown(path, int(c.runAs.Uid), int(c.runAs.Gid)); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	initdb := exec.CommandContext(ctx, filepath.Join(c.programs, "initdb"),
		"--pgdata="+c.data(), "--username="+user, "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir = c.dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: c.runAs}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", c.dir, err, out)
	}
	return nil
}

func (c *cluster) start() error {
	process, err := child.Start(child.Spec{
		Path:  filepath.Join(c.programs, "postgres"),
		Args:  c.settings(),
		Log:   c.log(),
		Dir:   c.dir, // ours may be closed to that account
		RunAs: c.runAs,
		// Fast shutdown, and immediate shutdown: the default waits for clients.
		StopSignal:  syscall.SIGINT,
		DeathSignal: syscall.SIGQUIT,
	})
	if err != nil {
		return err
	}
	c.process = process
	if err := c.await(); err != nil {
		return errors.Join(err, c.stop())
	}
	return nil
}

func (c *cluster) settings() []string {
	return []string{
		"-D", c.data(),
		"-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1",
		// No socket: nothing needs it, and its path may be too long.
		"-c", "unix_socket_directories=",
		"-c", "fsync=off",
		"-c", "full_page_writes=off",
		"-c", "synchronous_commit=off",
		"-c", "max_connections=300",
		// Its transactions would count among those of the operator.
		"-c", "autovacuum=off",
	}
}

func (c *cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := pgx.Connect(ctx, c.dsn("postgres"))
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-c.process.Done():
			return fmt.Errorf("postgres ended before it served (%s); the end of its log:\n%s",
				c.process.Outcome(), c.process.LastLines(5))
		case <-ctx.Done():
			return fmt.Errorf("postgres does not serve within %s (%w); the end of its log:\n%s",
				startLimit, err, c.process.LastLines(5))
		}
	}
}

func (c *cluster) stop() error { return c.process.Stop(stopGrace) }

func (c *cluster) running() bool {
	select {
	case <-c.process.Done():
		return false
	default:
		return true
	}
}

// processes are the server's process and those that it has started.
func (c *cluster) processes() ([]int, error) {
	pid := c.process.PID()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	pids := []int{pid}
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }
func (c *cluster) log() string  { return filepath.Join(c.dir, "log") }

// account is whom the server runs as: PostgreSQL refuses to run as root.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	postgres, err := osuser.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: it does not run as root, and there is no user postgres (%w)", errNoPrograms, err)
	}
	uid, err := strconv.ParseUint(postgres.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(postgres.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
