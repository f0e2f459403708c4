package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// testHoldersContended: of two changes at once that concern the same address neither sees the other, and yet the history
// ends with who holds it.
func testHoldersContended(f *fixture) {
	const (
		deleted    = "UPDATE pbx_users SET state = 'Deleted' WHERE name = 'ada'"
		restored   = "UPDATE pbx_users SET state = 'Active' WHERE name = 'ada'"
		handedOver = "UPDATE pbx_extensions SET holder = 'bob' WHERE name = 'a'"
		handedBack = "UPDATE pbx_extensions SET holder = 'ada' WHERE name = 'a'"
		moved      = "UPDATE pbx_phones SET extension = 'b' WHERE name = 'desk'"
		movedBack  = "UPDATE pbx_phones SET extension = 'a' WHERE name = 'desk'"
		shared     = "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('uid-eve', 'free', 8)"
		unshared   = "DELETE FROM pbx_user_services WHERE service_name = 'free'"
		renumbered = "UPDATE pbx_direct_numbers SET extension_id = 'uid-b'"
		numbered   = "UPDATE pbx_direct_numbers SET extension_id = 'uid-a'"
	)
	f.apply(company...)
	for _, pair := range [][2]string{
		{deleted, handedOver},
		{handedBack, restored},
		{deleted, moved},
		{movedBack, restored},
		{handedOver, moved},
		{movedBack, handedBack},
		{renumbered, handedOver},
		{handedBack, numbered},
		{"UPDATE pbx_users SET state = 'Deleted' WHERE name = 'eve'", shared},
		{unshared, "UPDATE pbx_users SET state = 'Active'"},
	} {
		f.atOnce(pair[0], pair[1], sql.LevelReadCommitted)
		f.historyAgrees(fmt.Sprint(pair))
	}
	f.atOnce("INSERT INTO pbx_users (id, name) VALUES ('uid-max', 'max')", "UPDATE pbx_extensions SET holder = 'max' WHERE name = 'a'",
		sql.LevelReadCommitted)
	f.historyAgrees("a user who comes while an extension is given to them")
	f.converge(company...)
	for _, pair := range [][2]string{
		{deleted, handedOver},
		{restored, handedBack},
		{movedBack, deleted},
		{"INSERT INTO pbx_users (id, name) VALUES ('uid-zoe', 'zoe')", "UPDATE pbx_extensions SET holder = 'zoe' WHERE name = 'a'"},
		{
			"INSERT INTO pbx_phones (id, name, sip_username) VALUES ('p', 'p', 'p')",
			"INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ('uid-eve', 'p', 8)",
		},
	} {
		f.atOnce(pair[0], pair[1], sql.LevelRepeatableRead)
		f.historyAgrees(fmt.Sprint("repeatable read ", pair))
	}
	f.together(8, func(i int) error {
		objects := []object{
			company[0], company[0].to(pbx.Deleted), company[1].to(pbx.Deactivated), company[1].to(pbx.Deleted),
			holding("a", "1001", "bob", "+49301001"), holding("a", "1002", "ada"), holding("b", "1002", "ada"), ringing("desk", "b"),
		}
		for generation := range int64(3) {
			o := objects[(i+int(generation))%len(objects)]
			o.adopt, o.generation = true, 1
			if _, err := reconcile(f.t.Context(), f.store, o); err != nil && !strings.Contains(err.Error(), "all the time") {
				return err
			}
		}
		return nil
	})
	f.historyAgrees("many at once")
}

// atOnce runs two statements in transactions of which the first commits when the second has begun to run. The database
// may refuse one of the two: it is run again.
func (f *fixture) atOnce(first, second string, level sql.IsolationLevel) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	begin := func() *sql.Tx {
		tx, err := f.sql.BeginTx(ctx, &sql.TxOptions{Isolation: level})
		if err == nil {
			_, err = tx.ExecContext(ctx, "SELECT count(*) FROM pbx_users") // takes the snapshot
		}
		if err != nil {
			f.t.Fatal(err)
		}
		return tx
	}
	finish := func(tx *sql.Tx, statement string, err error) error {
		if err == nil {
			err = tx.Commit()
		}
		_ = tx.Rollback()
		if err != nil && strings.Contains(err.Error(), "SQLSTATE 40") {
			_, err = f.sql.ExecContext(ctx, statement)
		}
		return err
	}
	one, two := begin(), begin()
	if _, err := one.ExecContext(ctx, first); err != nil {
		f.t.Fatalf("%s: %v", first, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := two.ExecContext(ctx, second)
		done <- finish(two, second, err)
	}()
	ended := false
	await(f.t, second+" waits or ends", func() bool {
		select {
		case err := <-done:
			ended = true
			if err != nil {
				f.t.Errorf("%s: %v", second, err)
			}
		default:
		}
		return ended || f.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > "0"
	})
	if err := finish(one, first, nil); err != nil {
		f.t.Errorf("%s: %v", first, err)
	}
	if !ended {
		if err := <-done; err != nil {
			f.t.Errorf("%s: %v", second, err)
		}
	}
}
