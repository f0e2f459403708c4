package operator

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	_ "modernc.org/sqlite" // the driver sqlite
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// SQL connects to the tenant's store as somebody else does. The store has to be there.
func (t *Tenant) SQL() *sql.DB {
	t.tb.Helper()
	driver, source := "sqlite", "file:"+t.file()+"?mode=rw&_pragma=busy_timeout(10000)"
	if t.DSN != "" {
		driver, source = "pgx", t.DSN
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.tb.Fatal(err)
	}
	t.tb.Cleanup(func() { _ = db.Close() })
	return db
}

// Rows gives the rows of a query, the columns with bars between.
func (t *Tenant) Rows(db *sql.DB, query string, args ...any) []string {
	t.tb.Helper()
	var all []string
	t.must(query, func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		all, err = texts(rows)
		return err
	})
	return all
}

func texts(rows *sql.Rows) ([]string, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []string
	for rows.Next() {
		cells, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		words := make([]string, len(cells))
		for i, cell := range cells {
			words[i] = cell.String
			if !cell.Valid {
				words[i] = "NULL"
			}
		}
		all = append(all, strings.Join(words, "|"))
	}
	return all, rows.Err()
}

// Exec runs a statement as somebody else, and gives the number of rows that it changed.
func (t *Tenant) Exec(db *sql.DB, statement string, args ...any) (changed int64) {
	t.tb.Helper()
	t.must(statement, func(ctx context.Context) error {
		result, err := db.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed
}

// Dump gives every row of every table, as "table: row", sorted.
func (t *Tenant) Dump(db *sql.DB) []string {
	t.tb.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if t.DSN != "" {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
	}
	var all []string
	for _, table := range t.Rows(db, query) {
		for _, row := range t.Rows(db, `SELECT * FROM "`+table+`"`) {
			all = append(all, table+": "+row)
		}
	}
	slices.Sort(all)
	return all
}

// Manifests gives every object of the tenant whole, as JSON: our kinds and the Secrets.
func (t *Tenant) Manifests() []string {
	t.tb.Helper()
	kinds := []schema.GroupVersionKind{{Version: "v1", Kind: "Secret"}}
	for _, kind := range []string{"PhoneSystem", "User", "Extension", "PhoneService"} {
		kinds = append(kinds, pbxv1.GroupVersion.WithKind(kind))
	}
	var all []string
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		t.must("list "+kind.Kind, func(ctx context.Context) error {
			return t.Client.List(ctx, list, client.InNamespace(t.Namespace))
		})
		for _, item := range list.Items {
			text, err := json.Marshal(item.Object)
			if err != nil {
				t.tb.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s %s: %s", kind.Kind, item.GetName(), text))
		}
	}
	slices.Sort(all)
	return all
}
