package controllers_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	_ "modernc.org/sqlite" // the driver of the embedded store
)

// database is a store as everybody but the operator sees it: plain SQL.
type database struct{ *sql.DB }

func openDatabase(driver, address string) database {
	GinkgoHelper()
	db, err := sql.Open(driver, address)
	Expect(err).NotTo(HaveOccurred())
	db.SetMaxOpenConns(4)
	suite.Cleanup(func() { _ = db.Close() })
	return database{db}
}

// exec changes the store by hand.
func (d database) exec(query string, args ...any) {
	GinkgoHelper()
	result, err := d.ExecContext(ctx, query, args...)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.RowsAffected()).NotTo(BeZero(), "nothing was changed by %s", query)
}

// rows gives the result of a query, each row as its values joined by "|".
func (d database) rows(query string, args ...any) []string {
	GinkgoHelper()
	found, err := d.read(query, args...)
	Expect(err).NotTo(HaveOccurred())
	return found
}

// row gives the one row of a query; empty if there is none.
func (d database) row(query string, args ...any) string {
	GinkgoHelper()
	found := d.rows(query, args...)
	Expect(len(found)).To(BeNumerically("<=", 1), "%v", found)
	return strings.Join(found, "")
}

// looking gives a query that is made each time that it is asked for.
func (d database) looking(query string, args ...any) func() ([]string, error) {
	return func() ([]string, error) { return d.read(query, args...) }
}

func (d database) read(query string, args ...any) ([]string, error) {
	found := []string{}
	err := d.each(query, args, func(_ []string, values []string) { found = append(found, strings.Join(values, "|")) })
	return found, err
}

// columns gives the one row of a query by the names of its columns; empty if there is none.
func (d database) columns(query string, args ...any) (map[string]string, error) {
	found := map[string]string{}
	err := d.each(query, args, func(columns, values []string) {
		for i, column := range columns {
			found[column] = values[i]
		}
	})
	return found, err
}

func (d database) each(query string, args []any, do func(columns, values []string)) error {
	result, err := d.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = result.Close() }()
	columns, err := result.Columns()
	if err != nil {
		return err
	}
	for result.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := result.Scan(into...); err != nil {
			return err
		}
		do(columns, texts(values))
	}
	return result.Err()
}

func texts(values []any) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case nil:
			texts[i] = "NULL"
		case []byte:
			texts[i] = string(v)
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	return texts
}

// logBook keeps what the operator logs.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
