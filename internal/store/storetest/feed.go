package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// feed is a running Changes.
type feed struct {
	t      *testing.T
	woken  chan []pbx.Key
	ended  chan error
	cancel context.CancelFunc
}

func (f *fixture) feed() *feed {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	c := &feed{t: f.t, woken: make(chan []pbx.Key), ended: make(chan error, 1), cancel: cancel}
	go func() {
		c.ended <- f.store.Changes(ctx, func(keys []pbx.Key) {
			select {
			case c.woken <- keys:
			case <-ctx.Done():
			}
		})
	}()
	f.t.Cleanup(func() {
		cancel()
		_ = c.end()
	})
	return c
}

// next gives the next batch of keys, in one order.
func (c *feed) next() []pbx.Key {
	c.t.Helper()
	select {
	case keys := <-c.woken:
		slices.SortFunc(keys, func(a, b pbx.Key) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		})
		return keys
	case err := <-c.ended:
		c.ended <- err
		c.t.Fatalf("the feed ended: %v", err)
	case <-time.After(limit):
		c.t.Fatalf("nobody was woken within %s", limit)
	}
	return nil
}

// end gives the error that the feed ends with.
func (c *feed) end() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		c.ended <- err
		return err
	case <-time.After(limit):
		c.t.Errorf("the feed has not ended within %s", limit)
		return nil
	}
}

// stop ends the feed, which says so.
func (c *feed) stop() {
	c.t.Helper()
	c.cancel()
	if err := c.end(); !errors.Is(err, context.Canceled) {
		c.t.Errorf("the feed ended with %v, want context.Canceled", err)
	}
}

// wokenBy sees that exactly these keys wait in the feed, each once, in one batch.
func (f *fixture) wokenBy(what string, keys ...pbx.Key) {
	f.t.Helper()
	c := f.feed()
	equal(f.t, what+": woken", c.next(), keys)
	c.stop()
}

// drain takes out of the feed what is in it.
func (f *fixture) drain() {
	f.t.Helper()
	f.byHand("UPDATE pbx_system SET main_number = main_number")
	c := f.feed()
	c.next()
	c.stop()
}

// A key that is woken by everything, so that a batch comes even if nothing else would be in it.
var always = pbx.Key{Kind: pbx.KindPhoneSystem}

const touchSystem = "UPDATE pbx_system SET main_number = main_number"

func testFeed(t *testing.T, b Backend) {
	tests := map[string]func(*fixture){
		"EveryColumn":           testEveryColumn,
		"EveryList":             testEveryList,
		"RowsComeAndGo":         testRowsComeAndGo,
		"OwnWritesWakeNobody":   testOwnWrites,
		"OncePerBatch":          testOncePerBatch,
		"BatchAfterBatch":       testBatches,
		"NothingIsLostBetween":  testBetween,
		"NothingThatWasRefused": testRolledBack,
		"LateCommit":            testLateCommit,
		"ManyAtOnce":            testManyChanges,
	}
	if b.Postgres { // SQLite has one writing transaction at a time
		tests["OtherWayRound"] = testOverlapping
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFixture(t, b))
		})
	}
}

// testEveryColumn changes each column of each table of records, in a record of its own.
func testEveryColumn(f *fixture) {
	var want []pbx.Key
	for _, kind := range []pbx.Kind{pbx.KindExtension, pbx.KindPhoneService, pbx.KindUser} {
		for _, c := range f.columns(tableOf[kind]) {
			name := "c-" + c.name
			f.byHand("INSERT INTO "+tableOf[kind]+" (name) VALUES ($1)", name)
			want = append(want, pbx.Key{Kind: kind, Name: name})
		}
	}
	f.drain()
	for _, key := range want {
		column := strings.TrimPrefix(key.Name, "c-")
		f.byHand(fmt.Sprintf("UPDATE %s SET %s = %s WHERE name = '%s'", tableOf[key.Kind], column, newValue(column), key.Name))
	}
	for i, key := range want {
		if key.Name == "c-name" { // a rename wakes both
			want = slices.Insert(want, i, pbx.Key{Kind: key.Kind, Name: "another"})
		}
	}
	c := f.feed()
	got := c.next()
	for _, key := range want {
		if !slices.Contains(got, key) && !strings.HasSuffix(key.Name, "primary_service") && key.Name != "another" {
			f.t.Errorf("nobody is woken by a change of %s of %s", strings.TrimPrefix(key.Name, "c-"), key.Kind)
		}
	}
	slices.SortFunc(want, func(a, b pbx.Key) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	equal(f.t, "woken", got, slices.Compact(want))
}

// newValue is one that the column takes.
func newValue(column string) string {
	switch column {
	case "name":
		return "'another'"
	case "state":
		return "'Deleted'"
	case "generation", "voicemail_enabled", "had_users":
		return "7"
	case "primary_service":
		return "''" // a user without services has no other; see testEveryList
	default:
		return "'changed-' || name"
	}
}

// testEveryList: what changes in a list wakes the record that it belongs to, and only that.
func testEveryList(f *fixture) {
	eve, eveKey := user("eve", "a", "b"), pbx.Key{Kind: pbx.KindUser, Name: "eve"}
	mallory := user("mallory", "a")
	second, secondKey := extension("second", "2002"), pbx.Key{Kind: pbx.KindExtension, Name: "second"}
	f.apply(eve, mallory, second, extension("third", "3003"))
	for _, l := range lists {
		id, key := eve.uid, eveKey
		if l.parent == "pbx_extensions" {
			id, key = second.uid, secondKey
		}
		f.byHand(l.insert, id)
		f.wokenBy(l.table+", insert", key)
		for _, c := range f.columns(l.table) {
			if c.name == l.owner || c.name == "service_name" {
				continue
			}
			f.byHand(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", l.table, c.name, c.name, l.removed))
			f.wokenBy(l.table+", update of "+c.name, key)
		}
		f.byHand("DELETE FROM " + l.table + " WHERE " + l.removed)
		f.wokenBy(l.table+", delete", key)
	}
	f.byHand("UPDATE pbx_users SET primary_service = 'b' WHERE name = 'eve'")
	f.wokenBy("the primary service", eveKey)
	f.byHand("INSERT INTO pbx_direct_numbers (number, extension_id, position) VALUES ('+491', 'uid-second', 1)")
	f.wokenBy("a row that comes", secondKey)
	f.byHand("UPDATE pbx_direct_numbers SET extension_id = 'uid-third'")
	f.wokenBy("a row that moves wakes both", secondKey, pbx.Key{Kind: pbx.KindExtension, Name: "third"})
}

func testRowsComeAndGo(f *fixture) {
	key := func(kind pbx.Kind, name string) pbx.Key { return pbx.Key{Kind: kind, Name: name} }
	for kind, table := range tableOf {
		f.byHand("INSERT INTO " + table + " (name) VALUES ('new')")
		f.wokenBy("insert", key(kind, "new"))
		f.byHand("UPDATE " + table + " SET name = 'renamed' WHERE name = 'new'")
		f.wokenBy("rename", key(kind, "new"), key(kind, "renamed"))
		f.byHand("DELETE FROM " + table + " WHERE name = 'renamed'")
		f.wokenBy("delete", key(kind, "renamed"))
	}
	f.apply(fullObjects...)
	f.byHand("DELETE FROM pbx_users")
	f.wokenBy("delete with lists", ada.key())
	f.byHand("UPDATE pbx_system SET domain = 'other.example'")
	f.wokenBy("settings", always)
	f.byHand("DELETE FROM pbx_system")
	f.wokenBy("settings removed", always)
}

// testOwnWrites does all that the operator does, and sees that only the mark behind it wakes somebody.
func testOwnWrites(f *fixture) {
	for _, state := range append(states, pbx.Active) {
		for _, o := range fullObjects {
			f.apply(o.to(state))
		}
	}
	eight := user("eve", names("s", 8)...)
	f.apply(eight, user("eve", "desk").to(pbx.Active))
	other := system
	other.Domain = "other.example"
	if changed, err := f.store.Configure(f.t.Context(), other); err != nil || !changed {
		f.t.Errorf("Configure: %v, %v", changed, err)
	}
	for _, o := range fullObjects {
		f.apply(o.to(pbx.Purged), o.of("new"))
	}
	f.store = open(f.t, f.db, mine) // so does a new leader
	f.byHand(touchSystem)
	f.wokenBy("the operator's own writes", always)
}

func testOncePerBatch(f *fixture) {
	f.apply(ada, line)
	for range 5 {
		f.byHand("UPDATE pbx_users SET location = location || 'x'")
		f.byHand("UPDATE integrations SET account_id = account_id || 'x'")
		f.byHand("UPDATE pbx_extensions SET display_name = 'x'")
	}
	f.wokenBy("many changes", line.key(), ada.key())
}

func testBatches(f *fixture) {
	f.apply(ada, line)
	c := f.feed()
	for range 3 {
		f.byHand("UPDATE pbx_users SET location = 'x'")
		equal(f.t, "woken", c.next(), []pbx.Key{ada.key()})
		f.byHand("UPDATE pbx_extensions SET display_name = 'x'")
		equal(f.t, "woken", c.next(), []pbx.Key{line.key()})
	}
	c.stop()
}

// testBetween: what happens while nobody listens, also over a change of leader, is told to the next.
func testBetween(f *fixture) {
	f.apply(ada, line)
	c := f.feed()
	f.byHand("UPDATE pbx_users SET location = 'x'")
	equal(f.t, "woken", c.next(), []pbx.Key{ada.key()})
	c.stop()
	f.byHand("UPDATE pbx_extensions SET display_name = 'x'")
	f.wokenBy("while nobody listened", line.key())
	f.byHand("UPDATE pbx_users SET location = 'y'")
	f.store = open(f.t, f.db, mine)
	f.wokenBy("before the leader", ada.key())
}

func testRolledBack(f *fixture) {
	f.apply(ada, line)
	c := f.feed()
	tx, err := f.sql.BeginTx(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE pbx_users SET location = 'x'"); err != nil {
		f.t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		f.t.Fatal(err)
	}
	f.byHand(touchSystem)
	equal(f.t, "woken", c.next(), []pbx.Key{always})
	c.stop()
}

// testLateCommit: a change that was made before others wakes when it is committed.
func testLateCommit(f *fixture) {
	f.apply(ada, line)
	c := f.feed()
	f.byHand(touchSystem)
	equal(f.t, "woken", c.next(), []pbx.Key{always})
	tx, err := f.sql.BeginTx(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE pbx_users SET location = 'x'"); err != nil {
		f.t.Fatal(err)
	}
	// The feed looks, and there is nothing to see yet.
	if got := f.observe(ada).Record.Fields[pbx.FieldLocation]; got != "London" {
		f.t.Errorf("location = %q before the commit", got)
	}
	if err := tx.Commit(); err != nil {
		f.t.Fatal(err)
	}
	equal(f.t, "woken", c.next(), []pbx.Key{ada.key()})
	c.stop()
}

// testOverlapping has two transactions commit the other way round than they wrote.
func testOverlapping(f *fixture) {
	f.apply(ada, line)
	c := f.feed()
	first, err := f.sql.BeginTx(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer first.Rollback() //nolint:errcheck // committed below
	if _, err := first.Exec("UPDATE pbx_users SET location = 'x'"); err != nil {
		f.t.Fatal(err)
	}
	f.byHand("UPDATE pbx_extensions SET display_name = 'x'")
	equal(f.t, "woken by the second", c.next(), []pbx.Key{line.key()})
	f.byHand(touchSystem)
	equal(f.t, "woken by the third", c.next(), []pbx.Key{always})
	if err := first.Commit(); err != nil {
		f.t.Fatal(err)
	}
	equal(f.t, "woken by the first", c.next(), []pbx.Key{ada.key()})
	c.stop()
}

// testManyChanges has several change records while the feed runs, and the operator, too: each hand-made change is
// told, in as many batches as it takes.
func testManyChanges(f *fixture) {
	all := names("u", 24)
	for _, name := range all {
		f.byHand("INSERT INTO pbx_users (name) VALUES ($1)", name)
	}
	f.drain()
	c := f.feed()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.together(4, func(i int) error {
			for j := i; j < len(all); j += 4 {
				if _, err := reconcile(f.t.Context(), f.store, extension(all[j], all[j])); err != nil {
					return err
				}
				_, err := f.sql.ExecContext(f.t.Context(), "UPDATE pbx_users SET location = 'x' WHERE name = $1", all[j])
				if err != nil {
					return err
				}
			}
			return nil
		})
	}()
	seen := map[pbx.Key]bool{}
	for len(seen) < len(all) {
		for _, key := range c.next() {
			seen[key] = true
		}
	}
	<-done
	for key := range seen {
		if key.Kind != pbx.KindUser {
			f.t.Errorf("woken by the operator's own write: %s", key)
		}
	}
	c.stop()
}
