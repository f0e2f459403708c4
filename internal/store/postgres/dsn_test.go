package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
)

// address is what a DSN says.
type address struct {
	host                     string
	port                     uint16
	user, password, database string
	// tls: none, first (tried first), only.
	tls string
}

func addressOf(c *pgx.ConnConfig) address {
	a := address{host: c.Host, port: c.Port, user: c.User, password: c.Password, database: c.Database, tls: "none"}
	switch {
	case c.TLSConfig != nil && len(c.Fallbacks) == 0:
		a.tls = "only"
	case c.TLSConfig != nil:
		a.tls = "first"
	case len(c.Fallbacks) > 0:
		a.tls = "last"
	}
	return a
}

func TestAcceptedDSN(t *testing.T) {
	ada := func(edit func(*address)) address {
		a := address{host: "db.example", port: 5432, user: "ada", password: "s3cret", database: "pbx", tls: "first"}
		if edit != nil {
			edit(&a)
		}
		return a
	}
	tests := map[string]struct {
		dsn  string
		want address
	}{
		"URL":                  {"postgres://ada:s3cret@db.example/pbx", ada(nil)},
		"URL, the long scheme": {"postgresql://ada:s3cret@db.example/pbx", ada(nil)},
		"URL with a port":      {"postgres://ada:s3cret@db.example:6432/pbx", ada(func(a *address) { a.port = 6432 })},
		"URL, everything in the query": {
			"postgres:///?host=db.example&user=ada&password=s3cret&dbname=pbx&port=6432", ada(func(a *address) { a.port = 6432 }),
		},
		"URL without a password": {"postgres://ada@db.example/pbx", ada(func(a *address) { a.password = "" })},
		"URL, percent-encoded password": {
			"postgres://ada:p%40ss%2Fw%3Ar%25d%20%26%3F%23@db.example/pbx", ada(func(a *address) { a.password = "p@ss/w:r%d &?#" }),
		},
		"URL, percent-encoded user and database": {
			"postgres://a%20b%40c:x@db.example/p%3Fx%2Fy", address{"db.example", 5432, "a b@c", "x", "p?x/y", "first"},
		},
		"URL, IPv4":           {"postgres://ada:s3cret@192.0.2.1/pbx", ada(func(a *address) { a.host = "192.0.2.1" })},
		"URL, IPv6":           {"postgres://ada:s3cret@[2001:db8::1]:6432/pbx", ada(func(a *address) { a.host, a.port = "2001:db8::1", 6432 })},
		"URL, TLS off":        {"postgres://ada:s3cret@db.example/pbx?sslmode=disable", ada(func(a *address) { a.tls = "none" })},
		"URL, TLS if need be": {"postgres://ada:s3cret@db.example/pbx?sslmode=allow", ada(func(a *address) { a.tls = "last" })},
		"URL, TLS":            {"postgres://ada:s3cret@db.example/pbx?sslmode=require", ada(func(a *address) { a.tls = "only" })},
		"URL, TLS with the chain": {
			"postgres://ada:s3cret@db.example/pbx?sslmode=verify-ca", ada(func(a *address) { a.tls = "only" }),
		},
		"URL, TLS with the name": {
			"postgres://ada:s3cret@db.example/pbx?sslmode=verify-full", ada(func(a *address) { a.tls = "only" }),
		},
		"pairs": {"host=db.example user=ada password=s3cret dbname=pbx", ada(nil)},
		"pairs with port and mode": {
			"host=db.example port=6432 user=ada password=s3cret dbname=pbx sslmode=verify-full",
			ada(func(a *address) { a.port, a.tls = 6432, "only" }),
		},
		"pairs, spaces and lines between": {
			"  host = db.example\n\tuser= ada  password =s3cret\r\ndbname=pbx\n", ada(nil),
		},
		"pairs, quoted": {
			"host='db.example' user='ada' password='p \\'q\\\\ r=s' dbname='pbx'", ada(func(a *address) { a.password = `p 'q\ r=s` }),
		},
		"pairs, escaped without quotes": {
			`host=db.example user=ada password=p\ q\\r dbname=pbx`, ada(func(a *address) { a.password = `p q\r` }),
		},
		"pairs, quoted and empty": {"host=db.example user=ada password='' dbname=pbx", ada(func(a *address) { a.password = "" })},
		"pairs, IPv6":             {"host=2001:db8::1 user=ada password=s3cret dbname=pbx", ada(func(a *address) { a.host = "2001:db8::1" })},
		"pairs, what a URL would read otherwise": {
			"host=db.example user=a@b/c?d#e password=%41 dbname=x?sslmode=disable", address{"db.example", 5432, "a@b/c?d#e", "%41", "x?sslmode=disable", "first"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := postgres.ParseDSN(tt.dsn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, addressOf(config), cmp.AllowUnexported(address{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkPlain(t, config)
		})
	}
}

// checkPlain sees that nothing but the words that are allowed has come into a configuration.
func checkPlain(t testing.TB, c *pgx.ConnConfig) {
	t.Helper()
	want := map[string]string{"application_name": "pbx-operator", "timezone": "UTC"}
	if diff := cmp.Diff(want, c.RuntimeParams); diff != "" {
		t.Errorf("parameters: -want +got:\n%s", diff)
	}
	if c.ValidateConnect != nil {
		t.Error("it chooses among servers")
	}
	if c.TLSConfig != nil && (c.TLSConfig.RootCAs != nil || len(c.TLSConfig.Certificates) > 0) {
		t.Error("it has read a certificate")
	}
	if c.ConnectTimeout == 0 {
		t.Error("it waits for a connection without limit")
	}
	for _, fallback := range c.Fallbacks {
		if fallback.Host != c.Host || fallback.Port != c.Port {
			t.Errorf("it falls back to another server, %s", fallback.Host)
		}
	}
}

func TestRefusedDSN(t *testing.T) {
	const (
		base  = "postgres://ada:s3cret@db.example/pbx"
		pairs = "host=db.example user=ada password=s3cret dbname=pbx"
	)
	notAllowed := "only host, port, user, password, dbname, sslmode are"
	tests := map[string]struct{ dsn, reason string }{
		"empty":                  {"", "it has no host"},
		"neither form":           {"db.example", "neither a URL nor keyword=value pairs"},
		"another scheme":         {"mysql://ada:s3cret@db.example/pbx", "neither a URL nor"},
		"host missing":           {"postgres://ada:s3cret@/pbx", "it has no host"},
		"user missing":           {"postgres://db.example/pbx", "it has no user"},
		"dbname missing":         {"postgres://ada:s3cret@db.example", "it has no dbname"},
		"dbname missing, slash":  {"postgres://ada:s3cret@db.example/", "it has no dbname"},
		"pairs, host missing":    {"user=ada password=s3cret dbname=pbx", "it has no host"},
		"pairs, user missing":    {"host=db.example password=s3cret dbname=pbx", "it has no user"},
		"pairs, dbname missing":  {"host=db.example user=ada password=s3cret", "it has no dbname"},
		"pairs, empty host":      {"host= user=ada dbname=pbx", ""},
		"host list":              {"postgres://ada:s3cret@a.example,b.example/pbx", "one host name"},
		"host list with ports":   {"postgres://ada:s3cret@a.example:1,b.example:2/pbx", ""},
		"pairs, host list":       {"host=a.example,b.example user=ada dbname=pbx", "one host name"},
		"pairs, port list":       {pairs + " port=1,2", "its port must be a number"},
		"socket in the query":    {"postgres://ada:s3cret@/pbx?host=/run/postgresql", "not a socket"},
		"socket, encoded":        {"postgres://ada:s3cret@%2Frun%2Fpostgresql/pbx", ""},
		"pairs, socket":          {"host=/run/postgresql user=ada dbname=pbx", "not a socket"},
		"pairs, abstract socket": {"host=@pg user=ada dbname=pbx", "not a socket"},
		"pairs, Windows path":    {`host='C:\\pg' user=ada dbname=pbx`, "not a socket"},
		"host with a NUL":        {"host=a\x00b user=ada dbname=pbx", ""},
		"user with a NUL":        {"host=db.example user=ada\x00options\x00-cwork_mem=1 dbname=pbx", ""},
		"user with a NUL, URL":   {"postgres://ada%00options:x@db.example/pbx", ""},
		"password with a NUL":    {"postgres://ada:x%00y@db.example/pbx", ""},
		"dbname with a NUL":      {"postgres://ada:x@db.example/pbx%00x", ""},
		"port zero":              {"postgres://ada:s3cret@db.example:0/pbx", "its port must be a number"},
		"port too high":          {pairs + " port=65536", "its port must be a number"},
		"port not a number":      {pairs + " port=postgres", "its port must be a number"},
		"port negative":          {pairs + " port=-1", "its port must be a number"},
		"sslmode unknown":        {base + "?sslmode=maybe", "its sslmode must be one of"},
		"sslmode in capitals":    {base + "?sslmode=REQUIRE", "its sslmode must be one of"},
		"fragment":               {base + "#x", "it is not a URL"},
		"password not encoded":   {"postgres://ada:s3/cr%et@db.example/pbx", "it is not a URL"},
		"query not encoded":      {base + "?sslmode=%zz", "is not a list of parameters"},
		"twice, URL":             {base + "?sslmode=require&sslmode=disable", "given twice"},
		"twice, host":            {base + "?host=other.example", "given twice"},
		"twice, user":            {base + "?user=eve", "given twice"},
		"twice, password":        {base + "?password=x", "given twice"},
		"twice, dbname":          {base + "?dbname=x", "given twice"},
		"pairs, twice":           {pairs + " host=other.example", "given twice"},
		"pairs, quote open":      {"host=db.example user='ada dbname=pbx", "a quote is not closed"},
		"pairs, no value":        {pairs + " sslmode", "neither a URL nor"},
		"pairs, no key":          {pairs + " =x", notAllowed},
		"pairs, key in capitals": {"HOST=db.example user=ada dbname=pbx", notAllowed},
		"pairs, words between":   {"host=db.example and user=ada dbname=pbx", notAllowed},
	}
	for _, word := range []string{
		"sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslcrldir", "sslcertmode", "sslnegotiation", "sslsni",
		"passfile", "service", "servicefile", "options", "target_session_attrs", "hostaddr", "load_balance_hosts",
		"application_name", "connect_timeout", "client_encoding", "search_path", "timezone", "krbsrvname", "gssencmode",
		"channel_binding", "require_auth", "min_protocol_version", "database", "ssl", "pool_max_conns", "work_mem",
		"default_query_exec_mode", "statement_cache_capacity",
	} {
		tests["URL, "+word] = struct{ dsn, reason string }{base + "?" + word + "=x", notAllowed}
		tests["URL, empty "+word] = struct{ dsn, reason string }{base + "?" + word, notAllowed}
		tests["pairs, "+word] = struct{ dsn, reason string }{pairs + " " + word + "=x", notAllowed}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config, err := postgres.ParseDSN(tt.dsn)
			if !errors.Is(err, store.ErrInvalid) {
				t.Fatalf("config %v, error %v, want store.ErrInvalid", config, err)
			}
			if !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%q does not say %q", err, tt.reason)
			}
			for _, value := range []string{"s3cret", "db.example", "ada", "eve"} {
				if strings.Contains(err.Error(), value) {
					t.Errorf("%q names the value %q", err, value)
				}
			}
		})
	}
}
