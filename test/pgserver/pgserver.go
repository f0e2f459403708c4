// Package pgserver gives tests a real PostgreSQL.
//
// The programs are Debian's (the highest version from 14 in
// /usr/lib/postgresql), or those in PATH. Without them a test is skipped, or
// fails if CI=true. The shared server serves all tests of a process and ends
// with it; tests keep apart by databases. A test that stops or restarts a
// server takes one of its own.
package pgserver

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const queryLimit = 30 * time.Second

var (
	shared = sync.OnceValues(newCluster)
	// databases numbers the databases, on all servers of the process.
	databases atomic.Int64
)

// Start starts the shared server, once, and returns the DSN of its
// administrator. What a test does there it shares with the others.
func Start(tb testing.TB) string {
	tb.Helper()
	return sharedServer(tb).DSN()
}

// NewDatabase makes an empty database on the shared server and returns its
// DSN. The database is dropped at the end of the test.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	return sharedServer(tb).NewDatabase(tb)
}

// Server is a PostgreSQL server that a test may stop. Its methods end the
// test if they fail.
type Server struct {
	cluster *cluster
}

// New starts a server of the test's own, which ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	c, err := newCluster()
	check(tb, err)
	s := &Server{c}
	tb.Cleanup(func() {
		s.Stop(tb)
		if err := os.RemoveAll(c.dir); err != nil {
			tb.Errorf("remove the PostgreSQL server's files: %v", err)
		}
	})
	return s
}

// DSN is the administrator's, for the database postgres. It stays the same
// over a restart.
func (s *Server) DSN() string { return s.cluster.dsn("postgres") }

// NewDatabase makes an empty database and returns its DSN. The database is
// dropped at the end of the test, if the server still runs.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := "test_" + strconv.FormatInt(databases.Add(1), 10)
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		tb.Fatalf("make database %s: %v", name, err)
	}
	tb.Cleanup(func() {
		if !s.cluster.running() {
			return
		}
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("drop database %s: %v", name, err)
		}
	})
	return s.cluster.dsn(name)
}

// Stop ends the server and all its connections. Stopping twice is harmless.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if err := s.cluster.stop(); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Restart starts the server again with the same data on the same port,
// after ending it if it runs.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	if err := s.cluster.start(); err != nil {
		tb.Fatalf("start PostgreSQL again: %v", err)
	}
}

// Hang stops all processes of the server where they are: it accepts connections, and answers nothing, until the function
// that it gives is called, or the test ends.
func (s *Server) Hang(tb testing.TB) (resume func()) {
	tb.Helper()
	pids, err := s.cluster.processes()
	if err != nil {
		tb.Fatalf("find PostgreSQL's processes: %v", err)
	}
	signal := func(sig syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				tb.Errorf("signal to PostgreSQL's process %d: %v", pid, err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	resume = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	tb.Cleanup(resume)
	return resume
}

// Exec runs a statement as the server's administrator.
func (s *Server) Exec(tb testing.TB, statement string) {
	tb.Helper()
	if err := s.exec(statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// Log is what the server has logged.
func (s *Server) Log(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(s.cluster.log())
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func (s *Server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), queryLimit)
	defer cancel()
	connection, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		return err
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}

func sharedServer(tb testing.TB) *Server {
	tb.Helper()
	c, err := shared()
	check(tb, err)
	return &Server{c}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, errNoPrograms) && os.Getenv("CI") != "true" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
}

func (c *cluster) dsn(database string) string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, c.password),
		Host:     "127.0.0.1:" + strconv.Itoa(c.port),
		Path:     database,
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}
