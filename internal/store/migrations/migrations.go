// Package migrations holds the schema of a PBX store: one text for SQLite and PostgreSQL, as templates.
package migrations

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"path"
	"strings"
	"text/template"

	"github.com/pressly/goose/v3"
)

// Table holds the versions that have been applied.
const Table = "pbx_schema"

//go:embed *.sql.tmpl
var files embed.FS

// Dialect is a database that the schema is written for.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite3"
	Postgres Dialect = "postgres"
)

type record struct{ Table, Kind string }

type list struct{ Table, Kind, Parent, Owner string }

// unique is a column whose values have one holder: Same finds the row that has NEW's, Owner is who may have it.
type unique struct{ Table, Owner, Column, Same string }

// contacts is a table in which an engine keeps registrations, and its column of the SIP username.
type contacts struct{ Table, Username string }

// version is what Kamailio expects of a table.
type version struct {
	Name    string
	Version int
}

// words are what differs between the databases, and the tables that the change feed watches.
type words struct {
	Postgres                            bool
	NewID, Serial, Timestamp, Now, Blob string
	// Moment is the type of a time in UTC that tells seconds, Second the one that it is now, RowID what tells rows apart.
	Moment, Second, RowID string
	// Turn is the time of a change to the history of holders.
	Turn string
	// Bytewise is said of a column that sorts by its bytes, whatever the locale of the database.
	Bytewise string
	// Unix is now, in seconds since 1970; CallDate is when a call record's call began, as portals read it.
	Unix, CallDate          string
	Periods, ActiveViews    []string
	RefUsers, RefExtensions string
	// Position finds a text in another, Join aggregates texts, CallEnd is when a call record's call ended.
	Position, Join, CallEnd string
	// Instant is now, as RFC 3339 writes it.
	Instant  string
	Contacts []contacts
	Versions []version
	// EngineSettings are the columns of pbx_engine_settings.
	EngineSettings []string
	Records        []record
	Lists          []list
	Unique         []unique
}

func wordsOf(d Dialect) words {
	w := words{
		NewID: "(lower(hex(randomblob(16))))", Serial: "INTEGER PRIMARY KEY AUTOINCREMENT", Timestamp: "TEXT",
		Now: "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", Blob: "BLOB",
		Moment: "TEXT", Second: "(datetime('now'))", RowID: "rowid", Turn: "(datetime('now'))",
		Unix: "CAST(strftime('%s', 'now') AS INTEGER)", CallDate: "calldate",
		Periods: []string{"day", "week", "month"}, ActiveViews: []string{"mention_suggestions", "seat_map", "live_monitor"},
		Position: "instr", Join: "group_concat", CallEnd: "datetime(began + duration, 'unixepoch')",
		Instant:  "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
		Contacts: []contacts{{"location", "username"}, {"ps_contacts", "endpoint"}},
		Versions: []version{
			{"subscriber", 7},
			{"grp", 2},
			{"dbaliases", 1},
			{"acc", 5},
			{"acc_cdrs", 2},
			{"location", 9},
			{"dialog", 7},
			{"dialog_vars", 1},
		},
		EngineSettings: []string{
			"domain", "main_number", "emergency_numbers", "trusted_networks", "emergency_forms", "callback_minutes",
			"country", "area", "outside", "international", "national", "revision",
		},
		Records: []record{{"pbx_users", "User"}, {"pbx_extensions", "Extension"}, {"pbx_phones", "PhoneService"}},
		Lists: []list{
			{"pbx_user_groups", "User", "pbx_users", "user_id"},
			{"pbx_user_agent_ids", "User", "pbx_users", "user_id"},
			{"pbx_user_services", "User", "pbx_users", "user_id"},
			{"integrations", "User", "pbx_users", "user_id"},
			{"pbx_direct_numbers", "Extension", "pbx_extensions", "extension_id"},
		},
		Unique: []unique{
			{"pbx_users", "name", "id", "id = NEW.id"},
			{"pbx_users", "id", "name", "name = NEW.name"},
			{"pbx_users", "id", "login", "lower(login) = lower(NEW.login)"},
			{"pbx_extensions", "name", "id", "id = NEW.id"},
			{"pbx_extensions", "id", "name", "name = NEW.name"},
			{"pbx_extensions", "id", "number", "number = NEW.number"},
			{"pbx_phones", "name", "id", "id = NEW.id"},
			{"pbx_phones", "id", "name", "name = NEW.name"},
			{"pbx_phones", "id", "mac", "mac = NEW.mac"},
			{"pbx_phones", "id", "sip_username", "lower(sip_username) = lower(NEW.sip_username)"},
			{"pbx_user_agent_ids", "user_id", "agent_id", "agent_id = NEW.agent_id"},
			{"pbx_direct_numbers", "extension_id", "number", "number = NEW.number"},
		},
	}
	if d == Postgres {
		w.Postgres = true
		w.NewID, w.Serial = "gen_random_uuid()::text", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
		w.Timestamp, w.Now, w.Blob = "TIMESTAMPTZ", "now()", "BYTEA"
		w.Moment, w.Second, w.RowID = "TIMESTAMP", "date_trunc('second', now() AT TIME ZONE 'UTC')", "ctid::text"
		w.Turn = "(SELECT at FROM pbx_holders_turn)"
		w.Bytewise = ` COLLATE "C"`
		w.Unix, w.CallDate = "CAST(extract(epoch FROM now()) AS BIGINT)", "(to_timestamp(began) AT TIME ZONE 'UTC')"
		w.Position, w.Join = "strpos", "string_agg"
		w.CallEnd = "to_char(to_timestamp(began + duration) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
		w.Instant = `to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
		w.RefUsers = " REFERENCES pbx_users (id) ON DELETE CASCADE"
		w.RefExtensions = " REFERENCES pbx_extensions (id) ON DELETE CASCADE"
	}
	return w
}

// Latest is the newest version of the schema that this program knows.
func Latest() int64 {
	names, err := names()
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("the embedded migrations cannot be read: %v", err))
	}
	version, err := goose.NumericComponent(strings.TrimSuffix(names[len(names)-1], ".tmpl"))
	if err != nil {
		panic(err)
	}
	return version
}

// Up brings the schema of a database to the latest version. Each version is one transaction.
func Up(ctx context.Context, db *sql.DB, d Dialect, options ...goose.ProviderOption) error {
	steps, err := steps(d)
	if err != nil {
		return err
	}
	options = append(options, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true), goose.WithTableName(Table))
	provider, err := goose.NewProvider(goose.Dialect(d), db, nil, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func names() ([]string, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

func steps(d Dialect) ([]*goose.Migration, error) {
	names, err := names()
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, name := range names {
		text, err := Render(d, name)
		if err != nil {
			return nil, err
		}
		version, err := goose.NumericComponent(strings.TrimSuffix(name, ".tmpl"))
		if err != nil {
			return nil, err
		}
		up := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, text)
			return err
		}
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: up}, nil))
	}
	return steps, nil
}

// Render gives the SQL of one migration for a database.
func Render(d Dialect, name string) (string, error) {
	tmpl, err := template.New(path.Base(name)).Funcs(phrases(d)).ParseFS(files, name)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = tmpl.ExecuteTemplate(&out, path.Base(name), wordsOf(d))
	return out.String(), err
}
