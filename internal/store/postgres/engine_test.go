package postgres

import (
	"net/url"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// TestEngineRoleOfAnother: an operator that may not make roles migrates without the role of engines, and gives it its
// rights where an administrator has made it.
func TestEngineRoleOfAnother(t *testing.T) {
	t.Parallel()
	server := pgserver.New(t)
	admin := server.DSN()
	run(t, admin, "CREATE USER operator PASSWORD 'secret'")
	migrateAsOperator := func(database string) {
		t.Helper()
		run(t, admin, "CREATE DATABASE "+database+" OWNER operator")
		dsn, err := url.Parse(named(t, admin, database))
		if err != nil {
			t.Fatal(err)
		}
		dsn.User = url.UserPassword("operator", "secret")
		s, err := Open(t.Context(), dsn.String(), store.Claim{UID: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	migrateAsOperator("bare")
	run(t, admin, "CREATE ROLE pbx_engine NOLOGIN")
	migrateAsOperator("prepared")
	run(t, named(t, admin, "prepared"), `SET ROLE pbx_engine; SELECT * FROM subscriber;
		INSERT INTO location (ruid, username) VALUES ('r', 'u'); INSERT INTO acc_cdrs (duration) VALUES (1)`)
}
