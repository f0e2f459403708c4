package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Another file at the path is another store, and the first one goes on once it is back.
func TestAFileThatIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "default.db")
	s := mustOpen(t, path, mine)
	reconcile(t, s, ada())
	d := ada()
	d.State, d.Owner.Generation = pbx.Deleted, 2
	d.Content = pbx.User{Email: "ada@acme.example"}.Content(pbx.Deleted)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	write(t, path, nil)
	for range 2 {
		if _, err := s.Observe(t.Context(), d); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error = %v, want store.ErrUnavailable", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := s.Changes(ctx, func([]pbx.Key) {}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("feed: error = %v, want store.ErrUnavailable", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	reconcile(t, s, d)
}

// The bytes of a purged record are overwritten in the file, and not only unlinked.
func TestAPurgeLeavesNoBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default.db")
	s := mustOpen(t, path, mine)
	reconcile(t, s, ada())
	d := ada()
	d.State = pbx.Purged
	reconcile(t, s, d)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range files(t, filepath.Dir(path)) {
		for _, word := range []string{"Augusta", "Lovelace", "ada@acme.example"} {
			if bytes.Contains([]byte(content), []byte(word)) {
				t.Errorf("%s has %q", name, word)
			}
		}
	}
}

// Operators that start at the same time on a store that is not there yet: one makes it, and the others have it, or try
// again.
func TestOpenedByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme", "default.db")
	const n = 5
	results := make(chan error, n)
	for range n {
		go func() {
			s, err := Open(t.Context(), path, mine)
			if err == nil {
				err = s.Close()
			}
			results <- err
		}()
	}
	var opened int
	for range n {
		err := <-results
		if err == nil {
			opened++
		} else if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error = %v, want store.ErrUnavailable", err)
		}
	}
	if opened == 0 {
		t.Error("nobody has opened it")
	}
	reconcile(t, mustOpen(t, path, mine), ada())
}
