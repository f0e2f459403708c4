package postgres

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/store/storetest"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// turkish databases know another small letter of I than engines do.
var turkish = template{name: "pbx_turkish", options: "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'"}

// TestUsernamesInTurkish: what is the same SIP username does not depend on the locale of the database.
func TestUsernamesInTurkish(t *testing.T) {
	known := database{pgserver.Start(t)}.SQL(t)
	var version int
	if err := known.QueryRow("SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < 15 {
		t.Skip("before version 15 PostgreSQL makes no database with a locale of ICU")
	}
	var small string
	if err := turkish.copy(t).SQL(t).QueryRow("SELECT lower('I')").Scan(&small); err != nil || small == "i" {
		t.Fatalf("the small letter of I is %q (%v): the database is no Turkish one", small, err)
	}
	storetest.Usernames(t, storetest.Backend{Postgres: true, NewMigrated: func(t *testing.T) storetest.Database { return turkish.copy(t) }})
}
