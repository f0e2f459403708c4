package postgres_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
)

// environment is what libpq and its likes read, each with a value that would matter.
func environment(file string) map[string]string {
	return map[string]string{
		"PGHOST": "evil.example", "PGHOSTADDR": "192.0.2.66", "PGPORT": "6666", "PGDATABASE": "evil", "PGUSER": "evil",
		"PGPASSWORD": "evil", "PGPASSFILE": file, "PGSERVICE": "evil", "PGSERVICEFILE": file, "PGAPPNAME": "evil",
		"PGOPTIONS": "-c work_mem=64", "PGTZ": "Mars/Olympus", "PGCONNECT_TIMEOUT": "1", "PGSSLMODE": "verify-full",
		"PGSSLROOTCERT": file, "PGSSLCERT": file, "PGSSLKEY": file, "PGSSLPASSWORD": "evil", "PGSSLSNI": "0",
		"PGSSLNEGOTIATION": "direct", "PGSSLCERTMODE": "require", "PGTARGETSESSIONATTRS": "standby",
		"PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "3.2", "PGCHANNELBINDING": "require",
		"PGREQUIREAUTH": "password", "PGKRBSRVNAME": "evil",
	}
}

func TestTheEnvironmentHasNoInfluence(t *testing.T) {
	const dsn = "postgres://ada@db.example/pbx"
	want, err := postgres.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	text := "*:*:*:*:evil\n[evil]\nhost=evil.example\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range environment(file) {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			unmoved(t, dsn, want)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		for name, value := range environment(file) {
			t.Setenv(name, value)
		}
		unmoved(t, dsn, want)
	})
}

// Certificates and passwords of the home directory are those of another program.
func TestTheHomeDirectoryHasNoInfluence(t *testing.T) {
	const dsn = "postgres://ada@db.example/pbx"
	want, err := postgres.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.Mkdir(filepath.Join(home, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".pgpass", ".pg_service.conf", ".postgresql/root.crt", ".postgresql/postgresql.crt", ".postgresql/postgresql.key"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("*:*:*:*:evil\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if plain, err := pgx.ParseConfig(dsn); err == nil && plain.Password != "evil" {
		t.Fatal("the home directory of the test is not that of the driver")
	}
	unmoved(t, dsn, want)
}

func unmoved(t *testing.T, dsn string, want *pgx.ConnConfig) {
	t.Helper()
	got, err := postgres.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	checkPlain(t, got)
	same := cmp.Options{
		cmpopts.IgnoreUnexported(pgx.ConnConfig{}, pgconn.Config{}),
		cmpopts.IgnoreFields(pgconn.Config{}, "TLSConfig", "Fallbacks"),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type().Kind() == reflect.Func }, cmp.Ignore()),
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("-without +with:\n%s", diff)
	}
	if diff := cmp.Diff(addressOf(want), addressOf(got), cmp.AllowUnexported(address{})); diff != "" {
		t.Errorf("-without +with:\n%s", diff)
	}
	if want.TLSConfig.ServerName != got.TLSConfig.ServerName || len(got.TLSConfig.NextProtos) > 0 {
		t.Error("TLS differs")
	}
}
