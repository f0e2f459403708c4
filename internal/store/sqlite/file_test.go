package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

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

// Somebody who reads keeps the purged bytes in the log. That is told, keeps nobody from writing, and is over when they end.
func TestAReaderKeepsPurgedBytesInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default.db")
	s := mustOpen(t, path, mine)
	reconcile(t, s, ada())
	told := make(chan []pbx.Key, 10)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Changes(ctx, func(keys []pbx.Key) { told <- keys }) }()
	defer func() { stop(); <-ended }()

	reader := beginRead(t, path)
	d := ada()
	d.State = pbx.Purged
	reconcile(t, s, d)
	impatient := file{path}.SQL(t)
	if _, err := impatient.ExecContext(t.Context(), "PRAGMA busy_timeout(1000)"); err != nil {
		t.Fatal(err)
	}
	awaitTold(t, told)
	if since := s.Info().PurgedInLogSince; since.IsZero() || !bytes.Contains(readLog(t, path), []byte("Augusta")) {
		t.Errorf("with a reader: since %v, and the log is not as expected", since)
	}
	if _, err := impatient.ExecContext(t.Context(), "INSERT INTO cdr (src, dst) VALUES ('1', '2')"); err != nil {
		t.Errorf("somebody who writes has to wait for somebody who reads: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	awaitTold(t, told)
	if since := s.Info().PurgedInLogSince; !since.IsZero() || bytes.Contains(readLog(t, path), []byte("Augusta")) {
		t.Errorf("without a reader: since %v, or the log still has the name", since)
	}
}

// What an operator could not sweep any more, the next one does.
func TestTheLogIsSweptWhenTheStoreIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default.db")
	s := mustOpen(t, path, mine)
	reconcile(t, s, ada())
	reader := beginRead(t, path)
	d := ada()
	d.State = pbx.Purged
	reconcile(t, s, d)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	idle := file{path}.SQL(t) // who has the file open keeps its log
	if err := idle.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readLog(t, path), []byte("Augusta")) {
		t.Fatal("the log has nothing that could be swept")
	}
	mustOpen(t, path, mine)
	if bytes.Contains(readLog(t, path), []byte("Augusta")) {
		t.Error("the log still has the name")
	}
}

func beginRead(t *testing.T, path string) *sql.Tx {
	t.Helper()
	tx, err := file{path}.SQL(t).BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	var users int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM pbx_users").Scan(&users); err != nil {
		t.Fatal(err)
	}
	return tx
}

func awaitTold(t *testing.T, told <-chan []pbx.Key) {
	t.Helper()
	for {
		select {
		case keys := <-told:
			if slices.Contains(keys, pbx.Key{Kind: pbx.KindPhoneSystem}) {
				return
			}
		case <-time.After(limit):
			t.Fatal("nothing is told of the log")
		}
	}
}

func readLog(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return content
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
