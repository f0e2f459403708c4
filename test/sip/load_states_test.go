package sip

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// state is one in which a store may be while somebody calls for help.
type state struct {
	name string
	// spoil brings the store into it; what it gives mends it.
	spoil func(b *testing.B, g *ground) (mend func(), err error)
	// busy is how many phones register in a second meanwhile.
	busy int
	// restarts is how often Kamailio begins anew, each time for one call.
	restarts int
}

func (g *ground) states() []state {
	well := func(*testing.B, *ground) (func(), error) { return func() {}, nil }
	all := []state{
		{name: "is well", spoil: well},
		{name: "is well, phones register", spoil: well, busy: 20},
		{name: "is well, Kamailio has just begun", spoil: well, restarts: 5},
		{name: "is full", spoil: full},
		{name: "is full, phones register", spoil: full, busy: 20},
	}
	if g.server == nil {
		return append(all,
			state{name: "is locked by a writer", spoil: locked},
			state{name: "is locked, phones register", spoil: locked, busy: 20},
			state{name: "is moved away", spoil: moved})
	}
	return append(all,
		state{name: "is read-only", spoil: readOnly},
		state{name: "is stopped", spoil: stopped},
		state{name: "is stopped, phones register", spoil: stopped, busy: 20},
		state{name: "is stopped, Kamailio has just begun", spoil: stopped, restarts: 2},
		state{name: "hangs", spoil: hung},
		state{name: "hangs, phones register", spoil: hung, busy: 20})
}

// full has every row that an engine writes refused as a full disk refuses it.
func full(b *testing.B, g *ground) (func(), error) {
	db := g.store.SQL(b)
	var made, mended []string
	for _, table := range []string{"location", "cdr", "pbx_emergency_calls"} {
		if g.server == nil {
			made = append(made, "CREATE TRIGGER full_"+table+" BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
			mended = append(mended, "DROP TRIGGER full_"+table)
			continue
		}
		made = append(made, "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$",
			"CREATE TRIGGER aaa_full BEFORE INSERT OR UPDATE ON "+table+" FOR EACH ROW EXECUTE FUNCTION full_disk()")
		mended = append(mended, "DROP TRIGGER aaa_full ON "+table)
	}
	for _, statement := range made {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			return nil, err
		}
	}
	return func() {
		for _, statement := range mended {
			run(b, db, statement)
		}
	}, nil
}

// locked has somebody else hold the lock to write.
func locked(b *testing.B, g *ground) (func(), error) {
	conn, err := g.store.SQL(b).Conn(b.Context())
	if err != nil {
		return nil, err
	}
	_, err = conn.ExecContext(b.Context(), "BEGIN IMMEDIATE")
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(b.Context()), "ROLLBACK")
		_ = conn.Close()
	}, err
}

// moved has the file of the store elsewhere.
func moved(_ *testing.B, g *ground) (func(), error) {
	dir := filepath.Dir(g.store.Path)
	return func() { _ = os.Rename(dir+".away", dir) }, os.Rename(dir, dir+".away")
}

// readOnly has PostgreSQL refuse to write, on connections that are open, too.
func readOnly(b *testing.B, g *ground) (func(), error) {
	err := g.administer(b, "ALTER SYSTEM SET default_transaction_read_only = on")
	return func() {
		if err := g.administer(b, "ALTER SYSTEM RESET default_transaction_read_only"); err != nil {
			b.Error(err)
		}
	}, err
}

func (g *ground) administer(b *testing.B, statement string) error {
	ctx := context.WithoutCancel(b.Context())
	conn, err := pgx.Connect(ctx, g.server.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, text := range []string{"SET default_transaction_read_only = off", statement, "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func stopped(b *testing.B, g *ground) (func(), error) {
	g.server.Stop(b)
	return func() { g.server.Restart(b) }, nil
}

// hung has PostgreSQL accept connections and answer nothing, as a machine does whose disk does not answer.
func hung(b *testing.B, g *ground) (func(), error) {
	var dir string
	if err := g.store.SQL(b).QueryRowContext(b.Context(), "SHOW data_directory").Scan(&dir); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(line)
	if err != nil {
		return nil, err
	}
	pids := append([]int{postmaster}, children(postmaster)...)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return nil, err
		}
	}
	return func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}, nil
}

// at is a percentile in milliseconds.
func at(all []time.Duration, p int) string {
	if len(all) == 0 {
		return "–"
	}
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.1f", float64(all[min(len(all)-1, len(all)*p/100)].Microseconds())/1000)
}
