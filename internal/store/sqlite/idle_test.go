package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func TestObserveCommitsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default.db")
	s := mustOpen(t, path, mine)
	reconcile(t, s, ada())
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	connection, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	version := func() (n int) {
		if err := connection.QueryRowContext(t.Context(), "PRAGMA data_version").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := version()
	reconcile(t, s, ada()) // nothing to do
	if after := version(); after != before {
		t.Errorf("data_version went from %d to %d", before, after)
	}
	d := ada()
	d.Fields[pbx.FieldLocation] = "London"
	reconcile(t, s, d)
	if version() == before {
		t.Error("data_version does not tell of a commit")
	}
}

// The feed costs one small look, however many records there are, and however often.
func TestTheIdleFeedOnlyLooks(t *testing.T) {
	f := newFile(t)
	s, err := f.Open(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	byHand(t, f.path, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
		INSERT INTO pbx_users (name) SELECT 'u' || i FROM n`)
	counter := f.Count(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	woken := make(chan int)
	ended := make(chan error)
	go func() { ended <- s.Changes(ctx, func(keys []pbx.Key) { woken <- len(keys) }) }()
	if n := <-woken; n != 500 {
		t.Errorf("%d keys were woken, want 500", n)
	}
	before := counter.Counts()
	for counter.Counts().Reads < before.Reads+3 {
		select {
		case err := <-ended:
			t.Fatal(err)
		case n := <-woken:
			t.Errorf("%d keys were woken by nothing", n)
		default:
		}
	}
	after := counter.Counts()
	if after.Writes != before.Writes || after.Loose != before.Loose ||
		after.Statements-before.Statements > after.Reads-before.Reads {
		t.Errorf("it cost %+v before and %+v after three looks", before, after)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the feed ended with %v", err)
	}
}
