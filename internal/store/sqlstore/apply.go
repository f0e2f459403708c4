package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Apply implements store.Store.
func (db *DB) Apply(ctx context.Context, t store.Transition) error {
	if len(t.Changes) == 0 {
		return nil
	}
	if err := checkText(t.Changes); err != nil {
		return err
	}
	var found map[string]ahead
	if Erases(t.Changes) {
		var err error
		if found, err = db.lookAhead(ctx, t); err != nil {
			return err
		}
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		now, id, err := readRecord(ctx, tx, t.Desired.Key, db.Dialect.LockRow)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(now, t.Observed) {
			return store.ErrChanged
		}
		if Erases(t.Changes) {
			return db.purge(ctx, tx, t, id, found)
		}
		if err := db.change(ctx, tx, t, id); err != nil {
			return err
		}
		return db.audit(ctx, tx, t)
	})
}

// checkText refuses what PostgreSQL cannot hold as text, so that both databases refuse the same.
func checkText(changes []pbx.Change) error {
	for _, change := range changes {
		var texts []string
		switch c := change.(type) {
		case pbx.Set:
			texts = []string{c.To}
		case pbx.Add:
			texts = []string{c.Item.Key, c.Item.Value}
		}
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return fmt.Errorf("%w: %s has a NUL or is not UTF-8", store.ErrRejected, change.What())
			}
		}
	}
	return nil
}

// Erases says whether changes are a purge.
func Erases(changes []pbx.Change) bool {
	_, is := changes[len(changes)-1].(pbx.Erase)
	return is
}

// change writes the row and its lists. Items go before others come, so that a slot or a value can change hands.
func (db *DB) change(ctx context.Context, tx *sql.Tx, t store.Transition, id string) error {
	lists := tables[t.Desired.Key.Kind].lists
	for _, change := range t.Changes {
		if remove, ok := change.(pbx.Remove); ok {
			if _, err := tx.ExecContext(ctx, lists[remove.List].deleteItem(), id, remove.Item.Key); err != nil {
				return err
			}
		}
	}
	if err := db.handOver(ctx, tx, t, id); err != nil {
		return err
	}
	id, err := writeRow(ctx, tx, t, id)
	if err != nil {
		return err
	}
	for _, change := range t.Changes {
		if add, ok := change.(pbx.Add); ok {
			if err := addItem(ctx, tx, lists[add.List], add, id); err != nil {
				return err
			}
		}
	}
	return db.checkServices(ctx, tx, t.Desired.Key.Kind, id)
}

func addItem(ctx context.Context, tx *sql.Tx, list listTable, add pbx.Add, id string) error {
	args := []any{id, add.Item.Key}
	if list.value != "" {
		args = append(args, add.Item.Value)
	}
	if _, err := tx.ExecContext(ctx, list.insertItem(), args...); err != nil {
		return err
	}
	if add.List != pbx.ListServices {
		return nil
	}
	// Given to somebody, a phone is no longer one that was taken from another.
	_, err := tx.ExecContext(ctx, `UPDATE pbx_phones SET released_from = '' WHERE name = $1 AND released_from <> ''`, add.Item.Key)
	return err
}

// writeRow inserts or updates the row of the record, and gives its id.
func writeRow(ctx context.Context, tx *sql.Tx, t store.Transition, id string) (string, error) {
	content, applied := t.Observed.After(t.Changes)
	create := t.Observed == nil
	if create {
		applied = applied.Complete(t.Desired.Key.Kind, content)
	}
	prints, err := json.Marshal(applied)
	if err != nil {
		return "", err
	}
	columns := []string{"uid", "generation", "applied"}
	args := []any{t.Desired.Owner.UID, t.Desired.Owner.Generation, string(prints)}
	for _, change := range t.Changes {
		if set, ok := change.(pbx.Set); ok {
			columns = append(columns, string(set.Field))
			args = append(args, columnValue(t.Desired.Key.Kind, set))
		}
	}
	if !create {
		return id, updateRow(ctx, tx, tables[t.Desired.Key.Kind].name, columns, args, id)
	}
	if id, err = newID(ctx, tx, t); err != nil {
		return "", err
	}
	columns, args = append(columns, "id", "name"), append(args, id, t.Desired.Key.Name)
	if err := insertRow(ctx, tx, t.Desired.Key, columns, args); err != nil {
		return "", err
	}
	if t.Desired.Key.Kind == pbx.KindPhoneService && lost(t.Changes) {
		return id, rememberUsers(ctx, tx, id, t.Desired.Key.Name)
	}
	return id, nil
}

// rememberUsers says of a phone whose row was lost that it had users, if the audit tells of one since its last password.
func rememberUsers(ctx context.Context, tx *sql.Tx, id, name string) error {
	return exec(ctx, tx, []any{id, name}, `UPDATE pbx_phones SET had_users = 1 WHERE id = $1 AND had_users = 0 AND EXISTS (
		SELECT 1 FROM audit WHERE id > (
			SELECT coalesce(max(CASE what WHEN 'password_print' THEN id END), min(id))
			FROM audit WHERE kind = 'PhoneService' AND name = $2)
		AND (kind = 'User' AND what = 'services' AND CAST($2 AS text) IN (old_value, new_value)
			OR kind = 'PhoneService' AND name = $2 AND what = 'reset' AND new_value = 'Devices'))`)
}

// newID gives the id of a new row: the UID of its object, or of the first one whose record it was, as the audit tells. So
// what is keyed by it finds the record again if the row is lost.
func newID(ctx context.Context, tx *sql.Tx, t store.Transition) (string, error) {
	key, id := t.Desired.Key, t.Desired.Owner.UID
	for seen := map[string]bool{}; lost(t.Changes) && !seen[id]; {
		seen[id] = true
		var what, before string
		err := tx.QueryRowContext(ctx, "SELECT what, old_value FROM audit WHERE kind = $1 AND name = $2 AND uid = $3 ORDER BY id LIMIT 1",
			string(key.Kind), key.Name, id).Scan(&what, &before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", err
		}
		if tookOver := (pbx.TakeOver{}).What(); what == tookOver && before != "" {
			id = before
		}
	}
	return id, nil
}

// lost says that the row was there before, and somebody removed it.
func lost(changes []pbx.Change) bool {
	return slices.ContainsFunc(changes, func(c pbx.Change) bool { return c.What() == pbx.Create{}.What() && c.IsDrift() })
}

// columnValue writes an empty claim as NULL: nothing is held.
func columnValue(kind pbx.Kind, set pbx.Set) any {
	if set.To == "" && pbx.SchemaOf(kind).Spec(set.Field).Claim {
		return nil
	}
	return set.To
}

func updateRow(ctx context.Context, tx *sql.Tx, table string, columns []string, args []any, id string) error {
	assignments := make([]string, len(columns))
	for i, column := range columns {
		assignments[i] = fmt.Sprintf("%s = $%d", column, i+1)
	}
	query := fmt.Sprintf("UPDATE %s SET %s WHERE id = $%d", table, strings.Join(assignments, ", "), len(args)+1)
	_, err := tx.ExecContext(ctx, query, append(args, id)...)
	return err
}

func insertRow(ctx context.Context, tx *sql.Tx, key pbx.Key, columns []string, args []any) error {
	places := make([]string, len(columns))
	for i := range columns {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)",
		tables[key.Kind].name, strings.Join(columns, ", "), strings.Join(places, ", "))
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return err
	}
	if key.Kind != pbx.KindPhoneService {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE pbx_user_services SET gone = 0 WHERE service_name = $1 AND gone = 1`, key.Name)
	return err
}

// checkServices looks at the rule of the primary service before the commit.
func (db *DB) checkServices(ctx context.Context, tx *sql.Tx, kind pbx.Kind, id string) error {
	if kind != pbx.KindUser || db.Dialect.CheckServices == "" {
		return nil
	}
	var broken int
	err := tx.QueryRowContext(ctx, db.Dialect.CheckServices, id).Scan(&broken)
	if err == nil && broken > 0 {
		return fmt.Errorf("%w: a user with services has exactly one primary, and it is one of them", store.ErrRejected)
	}
	return err
}
