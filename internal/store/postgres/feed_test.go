package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// The connection that listens outlives the looks whether the server still lives.
func TestWaitingOutlivesTheHeartbeat(t *testing.T) {
	f := newFixture(t)
	connection, err := pgx.Connect(t.Context(), f.db.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.WithoutCancel(t.Context()))
	if _, err := connection.Exec(t.Context(), "LISTEN pbx_changes"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := waitForNotification(t.Context(), connection, 20*time.Millisecond); err != nil {
			t.Fatalf("after a heartbeat: %v", err)
		}
	}
	if _, err := f.sql.ExecContext(t.Context(), "UPDATE pbx_users SET location = 'x'"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := waitForNotification(t.Context(), connection, limit); err != nil || time.Since(began) >= limit {
		t.Errorf("the notification after the heartbeats: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitForNotification(cancelled, connection, limit); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

// When the answer to the feed's COMMIT is lost, nobody knows whether the keys were taken out: they are told.
func TestTheFeedToldWhatItMayHaveTaken(t *testing.T) {
	f := newFixture(t)
	wire := newProxy(t, f.db.dsn)
	s := mustOpen(t, wire.dsn)
	if _, err := f.sql.ExecContext(t.Context(), "UPDATE pbx_users SET location = 'x'"); err != nil {
		t.Fatal(err)
	}
	wire.loseAnswerTo("commit", "DELETE FROM pbx_changes")
	var told []pbx.Key
	ended := make(chan error, 1)
	go func() { ended <- s.Changes(t.Context(), func(keys []pbx.Key) { told = append(told, keys...) }) }()
	if err := receive(t, "the feed", ended); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the feed ended with %v, want store.ErrUnavailable", err)
	}
	if len(told) != 1 || told[0] != ada("").Key {
		t.Errorf("told %v", told)
	}
	var left int
	if err := f.sql.QueryRowContext(t.Context(), "SELECT count(*) FROM pbx_changes").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d changes are left (%v): the COMMIT did not reach the server", left, err)
	}
}
