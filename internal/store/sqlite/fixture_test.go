package sqlite

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// limit is how long a test waits for what has to happen.
const limit = 30 * time.Second

var mine = store.Claim{UID: "mine", Namespace: "acme", Name: "default"}

func ada() pbx.Desired {
	u := pbx.User{FirstName: "Augusta", LastName: "Lovelace", Email: "ada@acme.example", Login: "ada"}
	return pbx.Desired{
		Key: pbx.Key{Kind: pbx.KindUser, Name: "ada"}, Owner: pbx.Owner{UID: "uid-ada", Generation: 1},
		State: pbx.Active, Content: u.Content(pbx.Active),
	}
}

func mustOpen(t *testing.T, path string, claim store.Claim) store.Store {
	t.Helper()
	s, err := Open(t.Context(), path, claim)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reconcile(t *testing.T, s store.Store, d pbx.Desired) {
	t.Helper()
	o, err := s.Observe(t.Context(), d)
	if err != nil {
		t.Fatalf("Observe: %v", err)
	}
	plan, err := pbx.MakePlan(d, o)
	if err != nil {
		t.Fatalf("MakePlan: %v", err)
	}
	if err := s.Apply(t.Context(), store.Transition{Desired: d, Observed: o.Record, Changes: plan.Changes}); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// files gives the names and contents of all that is in a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// byHand runs a statement and leaves the file as one that nobody has open.
func byHand(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
