package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// testBusy: somebody else holds what is to be written, for longer than the operator wants to wait.
func testBusy(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(ada)
	transition, _ := f.plan(ada.to(pbx.Deleted))
	tx, err := f.sql.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // rolled back below
	if _, err := tx.Exec("UPDATE pbx_users SET location = 'Paris'"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := f.store.Apply(short, transition); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want store.ErrUnavailable", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.store.Apply(gone, transition); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if got := f.observe(ada).Record.State(); got != pbx.Active {
		t.Errorf("who looks sees %s", got)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	f.mustApply(transition)
	f.quiet(ada.to(pbx.Deleted))
}
