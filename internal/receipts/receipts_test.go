package receipts_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/receipts"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlite"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// run gives the exit code and what was said.
func run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := receipts.Command(t.Context(), args, &out, &out)
	return code, out.String()
}

// purge has a store with the receipts of two users: of the first, and then of the one who asked for that.
func purge(t *testing.T, s store.Store) {
	t.Helper()
	for _, name := range []string{"ada", "eve"} {
		d := pbx.Desired{
			Key: pbx.Key{Kind: pbx.KindUser, Name: name}, Owner: pbx.Owner{UID: "uid-" + name, Generation: 1},
			State: pbx.Active, Content: pbx.User{FirstName: name}.Content(pbx.Active),
		}
		for _, state := range []pbx.State{pbx.Active, pbx.Purged} {
			d.State = state
			seen, err := s.Observe(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pbx.MakePlan(d, seen)
			if err != nil {
				t.Fatal(err)
			}
			change := store.Transition{
				Desired: d, Observed: seen.Record, Changes: plan.Changes, Author: store.Author{Requester: "eve"},
			}
			if err := s.Apply(t.Context(), change); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCommand(t *testing.T) {
	claim := store.Claim{UID: "mine", Namespace: "acme", Name: "default"}
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "store.db")
		s, err := sqlite.Open(t.Context(), file, claim)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		testCommand(t, s, "sqlite", file, "--sqlite", file)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := pgserver.NewDatabase(t)
		file := filepath.Join(t.TempDir(), "dsn")
		if err := os.WriteFile(file, []byte(dsn+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := postgres.Open(t.Context(), dsn, claim)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		testCommand(t, s, "pgx", dsn, "--postgres-dsn-file", file)
	})
}

func testCommand(t *testing.T, s store.Store, driver, address string, args ...string) {
	says := func(want int, text string, more ...string) {
		t.Helper()
		if code, said := run(t, append(args, more...)...); code != want || !strings.Contains(said, text) {
			t.Errorf("exit code %d, %q; want %d, %q", code, said, want, text)
		}
	}
	says(0, "The chain of 0 receipts is whole. The last one is none.")
	purge(t, s)
	says(0, "The chain of 2 receipts is whole.")
	says(1, "no receipt has the hash abc", "--holds", "abc")
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	does := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var last, requester string
	if err := db.QueryRowContext(t.Context(), "SELECT hash FROM pbx_purge_receipts WHERE seq = 2").Scan(&last); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT max(requester) FROM pbx_purge_receipts").Scan(&requester); err != nil || requester != "" {
		t.Errorf("the receipts name %q, who was purged (%v)", requester, err)
	}
	says(0, last, "--holds", last)
	does("UPDATE pbx_purge_receipts SET requester = 'kim' WHERE seq = 1")
	says(1, "receipt 1 (UID uid-ada) was altered")
	does("UPDATE pbx_purge_receipts SET requester = '' WHERE seq = 1")
	says(0, "The chain of 2 receipts is whole.")
	does("UPDATE audit SET what = 'hidden' WHERE what = 'receipt'")
	says(1, "the audit does not name receipt 2 (UID uid-eve)")
	does("UPDATE audit SET what = 'receipt' WHERE what = 'hidden'")
	does("DELETE FROM pbx_purge_receipts WHERE seq = 2")
	says(1, "receipt 2 (UID uid-eve), which the audit names, is missing")
}

func TestMisuse(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"nothing":         {nil, "give either --sqlite or --postgres-dsn-file"},
		"both":            {[]string{"--sqlite", "a", "--postgres-dsn-file", "b"}, "give either"},
		"an argument":     {[]string{"--sqlite", "a", "b"}, "give either"},
		"an unknown flag": {[]string{"--file", "a"}, "flag provided but not defined: -file"},
		"no file":         {[]string{"--sqlite", missing}, "missing.db"},
		"no DSN":          {[]string{"--postgres-dsn-file", missing}, "missing.db"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, said := run(t, c.args...); code != 2 || !strings.Contains(said, c.text) {
				t.Errorf("exit code %d, %q; want 2, %q", code, said, c.text)
			}
		})
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a look made the file")
	}
	if code, said := run(t, "--help"); code != 0 || !strings.Contains(said, "-sqlite file") {
		t.Errorf("--help: exit code %d, %q", code, said)
	}
}
