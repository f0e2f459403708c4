package storetest

import (
	"slices"
	"strings"
)

// tables lists every table of the database, without the views.
func (f *fixture) tables() []string {
	f.t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
	if f.postgres() {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
	}
	return f.rows(query)
}

func (f *fixture) postgres() bool {
	rows, err := readRows(f.t.Context(), f.sql, "SELECT version()") // which SQLite does not have
	return err == nil && strings.HasPrefix(rows[0], "PostgreSQL")
}

// dump gives every row of every table.
func (f *fixture) dump() map[string][]string {
	f.t.Helper()
	all := map[string][]string{}
	for _, table := range f.tables() {
		rows := f.rows(`SELECT * FROM "` + table + `"`)
		slices.Sort(rows)
		all[table] = rows
	}
	return all
}

// unchanged sees that a function leaves every table as it is.
func (f *fixture) unchanged(what string, do func()) {
	f.t.Helper()
	before := f.dump()
	do()
	equal(f.t, what+": the tables", f.dump(), before)
}

// column is a column of a table, and whether it holds text.
type column struct {
	table, name string
	text        bool
}

func (f *fixture) columns(table string) []column {
	f.t.Helper()
	query := "SELECT name, type FROM pragma_table_info($1)"
	if f.postgres() {
		query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1"
	}
	var all []column
	for _, row := range f.rows(query, table) {
		name, kind, _ := strings.Cut(row, "|")
		kind = strings.ToLower(kind)
		all = append(all, column{table: table, name: name, text: kind == "text" || strings.Contains(kind, "char")})
	}
	return all
}

// search names every text column of the database that holds one of the words.
func (f *fixture) search(words ...string) (found []string) {
	f.t.Helper()
	for _, table := range f.tables() {
		for _, c := range f.columns(table) {
			if !c.text {
				continue
			}
			for _, cell := range f.rows(`SELECT "` + c.name + `" FROM "` + table + `" WHERE "` + c.name + `" IS NOT NULL`) {
				for _, word := range words {
					if strings.Contains(cell, word) {
						found = append(found, table+"."+c.name+": "+cell)
					}
				}
			}
		}
	}
	return found
}
