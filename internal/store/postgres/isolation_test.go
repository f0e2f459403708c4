package postgres

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
)

const (
	chooseB = "UPDATE pbx_users SET primary_service = 'b' WHERE name = 'ada'"
	removeB = "DELETE FROM pbx_user_services WHERE service_name = 'b'"
	addD    = "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('ada', 'd', 4)"
	addE    = "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('ada', 'e', 5)"
	// keepA removes all services but the primary, leaveNone the last one.
	keepA     = "DELETE FROM pbx_user_services WHERE service_name <> 'a'"
	leaveNone = "DELETE FROM pbx_user_services WHERE service_name = 'a'"
)

// Two transactions that are each consistent must not be inconsistent together, whatever snapshots they look at.
func TestTransactionsSideBySide(t *testing.T) {
	levels := []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
	pairs := []struct {
		name, prepare, first, second string
		both                         bool // may be committed, one after the other
	}{
		{"removed, then chosen", "", removeB, chooseB, false},
		{"chosen, then removed", "", chooseB, removeB, false},
		{"the last one goes, another comes", keepA, leaveNone, addD, true},
		{"another comes, the last one goes", keepA, addD, leaveNone, false},
		{"two come", "", addD, addE, true},
	}
	f := newFixture(t)
	for _, pair := range pairs {
		for _, first := range levels {
			for _, second := range levels {
				t.Run(fmt.Sprintf("%s, %s and %s", pair.name, first, second), func(t *testing.T) {
					// The second looks before the first commits, and writes behind it.
					f.reset(t, pair.prepare)
					a, b := f.begin(t, first), f.begin(t, second)
					if err := inTx(a, pair.first, commit); err != nil {
						t.Errorf("the first was refused: %v", err)
					}
					err := inTx(b, pair.second, commit)
					f.consistent(t)
					if accepted := err == nil; !pair.both && accepted || pair.both && second == sql.LevelReadCommitted && !accepted {
						t.Errorf("the second: %v", err)
					}
					// Both write before either commits.
					f.reset(t, pair.prepare)
					a, b = f.begin(t, first), f.begin(t, second)
					errA := inTx(a, pair.first)
					done := make(chan error, 1)
					go func() { done <- inTx(b, pair.second, commit) }()
					if errA == nil {
						errA = a.Commit()
					}
					errB := receive(t, "the second", done)
					f.consistent(t)
					if !pair.both && errA == nil && errB == nil {
						t.Error("both were accepted")
					}
				})
			}
		}
	}
}

const commit = "COMMIT"

func inTx(tx *sql.Tx, statements ...string) error {
	for _, statement := range statements {
		if statement == commit {
			return tx.Commit()
		}
		if _, err := tx.Exec(statement); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return nil
}

func (f fixture) reset(t *testing.T, prepare string) {
	t.Helper()
	f.apply(t, ada("Research"))
	for _, statement := range []string{chooseA, prepare} {
		if _, err := f.sql.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

const chooseA = "UPDATE pbx_users SET primary_service = 'a' WHERE name = 'ada'"

func (f fixture) consistent(t *testing.T) {
	t.Helper()
	var primary, services string
	err := f.sql.QueryRowContext(t.Context(), `SELECT primary_service, coalesce(
		(SELECT string_agg(service_name, ' ' ORDER BY service_name) FROM pbx_user_services WHERE user_id = u.id), '')
		FROM pbx_users u WHERE name = 'ada' AND (primary_service = '') = EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id)
		OR primary_service <> '' AND NOT EXISTS (SELECT 1 FROM pbx_user_services WHERE user_id = u.id AND service_name = primary_service)`).
		Scan(&primary, &services)
	if err == nil {
		t.Errorf("primary %q of services %q", primary, services)
	} else if !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
}

// Two who give the same user a service must not wait for each other.
func TestTwoInsertsDoNotLock(t *testing.T) {
	f := newFixture(t)
	a, b := f.begin(t, sql.LevelReadCommitted), f.begin(t, sql.LevelReadCommitted)
	for _, err := range []error{inTx(a, addD), inTx(b, addE)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- a.Commit() }()
	go func() { second <- b.Commit() }()
	for _, done := range []chan error{first, second} {
		if err := receive(t, "COMMIT", done); err != nil {
			t.Error(err)
		}
	}
	f.consistent(t)
}
