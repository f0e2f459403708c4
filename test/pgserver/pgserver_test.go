package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	first, second := NewDatabase(t), NewDatabase(t)
	run(t, first, "CREATE TABLE a (n int)")
	run(t, second, "CREATE TABLE a (n int)")
	if first == second {
		t.Errorf("both are %s", first)
	}
}

func TestADatabaseGoesWithItsTest(t *testing.T) {
	var dsn string
	t.Run("inner", func(t *testing.T) {
		dsn = NewDatabase(t)
		// Left open on purpose: a connection must not keep the database.
		connect(t, dsn)
	})
	if connection, err := pgx.Connect(context.Background(), dsn); err == nil {
		connection.Close(context.Background())
		t.Error("the database is still there")
	}
}

func TestDataOutlivesARestart(t *testing.T) {
	s := New(t)
	dsn := s.NewDatabase(t)
	run(t, dsn, "CREATE TABLE kept (n int)")

	s.Stop(t)
	if _, err := pgx.Connect(context.Background(), dsn); err == nil {
		t.Fatal("a stopped server answers")
	}
	s.Restart(t)
	run(t, dsn, "INSERT INTO kept VALUES (1)")
}

func TestTheNewestVersionWins(t *testing.T) {
	tests := map[string]struct {
		versions []string
		want     string
	}{
		"numbers, not text": {[]string{"9.6", "14", "15", "100"}, "100"},
		"none":              {nil, ""},
		"too old":           {[]string{"9.6", "13"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, version := range tt.versions {
				install(t, filepath.Join(root, version, "bin"))
			}
			want := ""
			if tt.want != "" {
				want = filepath.Join(root, tt.want, "bin")
			}
			if got := newest(root); got != want {
				t.Errorf("newest = %q, want %q", got, want)
			}
		})
	}
}

func install(t *testing.T, bin string) {
	t.Helper()
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(bin, program), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, dsn, statement string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close(context.Background()) })
	return connection
}
