package postgres

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// Who cannot be reached, or does not let us in, is not available, and what is said of it holds no credentials.
func TestServersThatDoNotLetUsIn(t *testing.T) {
	dsn := pgserver.NewDatabase(t)
	stranger := func(u *url.URL) { u.User = url.UserPassword("Zq-user", "Zq-wrong-password") }
	tests := map[string]func(*url.URL){
		"wrong password": func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "Zq-wrong-password") },
		"unknown user":   stranger,
		"no database":    func(u *url.URL) { u.Path = "/Zq-database" },
		"nobody listens": func(u *url.URL) { stranger(u); u.Host = "127.0.0.1:1" },
		"no TLS there":   func(u *url.URL) { u.RawQuery = "sslmode=require" },
		"no such host":   func(u *url.URL) { stranger(u); u.Host = "host.invalid" },
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			edit(u)
			s, err := Open(t.Context(), u.String(), mine)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("store %v, error = %v, want store.ErrUnavailable", s, err)
			}
			password, _ := u.User.Password()
			if strings.Contains(err.Error(), password) {
				t.Errorf("%q tells the password", err)
			}
			if name != "unknown user" && strings.Contains(err.Error(), "Zq-user") { // there, the server says it
				t.Errorf("%q tells the user", err)
			}
		})
	}
}

func TestLocationHasNoCredentials(t *testing.T) {
	dsn := pgserver.NewDatabase(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	want := "postgres://" + u.Host + u.Path
	if got := mustOpen(t, dsn).Info().Location; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
}

// A server that takes no writes, such as a standby, and a role that may not write.
func TestADatabaseThatTakesNoWrites(t *testing.T) {
	f := newFixture(t)
	u, err := url.Parse(f.db.dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	admin := pgserver.Start(t)
	run(t, admin, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	if s, err := Open(t.Context(), f.db.dsn, mine); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("store %v, error = %v, want store.ErrUnavailable", s, err)
	}
	run(t, admin, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	f.apply(t, ada("Sales"))

	run(t, admin, "CREATE ROLE reader_"+name+" LOGIN PASSWORD 'x'")
	t.Cleanup(func() { run(t, admin, "DROP ROLE reader_"+name) })
	u.User = url.UserPassword("reader_"+name, "x")
	if s, err := Open(t.Context(), u.String(), mine); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("store %v, error = %v, want store.ErrUnavailable", s, err)
	}
}
