package postgres_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/postgres"
)

// token draws a value that is in no sentence of ours.
func token(t *rapid.T, what string) string {
	return "Zq" + rapid.StringMatching(`[A-Z][0-9]{6}`).Draw(t, what)
}

// scrambled draws a DSN of either form whose every value is a token: in wrong places, with strange letters between.
func scrambled(t *rapid.T) (dsn string, tokens []string) {
	next := func(what string) string {
		value := token(t, what)
		tokens = append(tokens, value)
		return value + rapid.SampledFrom([]string{"", "", "", " ", "%", "%4", "/", "?", "#", ":", "@", "'", `\`, "\x00", "=", "&"}).Draw(t, "after")
	}
	if rapid.Bool().Draw(t, "URL") {
		dsn = rapid.SampledFrom([]string{"postgres://", "postgresql://", "mysql://"}).Draw(t, "scheme") +
			next("user") + ":" + next("password") + "@" + next("host") + ":" + next("port") + "/" + next("dbname") + "?"
		dsn = rapid.SampledFrom([]string{dsn, strings.Replace(dsn, ":Zq", ":1", 1), url.QueryEscape(dsn)}).Draw(t, "form")
	}
	for range rapid.IntRange(0, 6).Draw(t, "pairs") {
		key := rapid.SampledFrom([]string{"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", ""}).Draw(t, "key")
		if key == "" {
			key = next("key")
		}
		dsn += key + "=" + rapid.SampledFrom([]string{"", "'"}).Draw(t, "quote") + next("value") + rapid.SampledFrom([]string{" ", "&", "' "}).Draw(t, "end")
	}
	return dsn, tokens
}

func TestNoErrorNamesAValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dsn, tokens := scrambled(t)
		_, err := postgres.ParseDSN(dsn)
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("%v is not store.ErrInvalid", err)
		}
		for _, value := range tokens {
			if strings.Contains(err.Error(), value) {
				t.Fatalf("%q names a value of the DSN", err)
			}
		}
	})
}

// What is accepted in either form is understood as it was meant, whatever letters it has.
func TestEveryPasswordIsUnderstood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r != 0 }), 1, 40, -1)
		user, password, database := letters.Draw(t, "user"), letters.Draw(t, "password"), letters.Draw(t, "dbname")
		if strings.HasPrefix(database, "/") {
			database = "x" + database
		}
		want := address{"db.example", 5432, user, password, database, "first"}
		u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: "db.example", Path: "/" + database}
		quote := func(s string) string {
			return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
		}
		pairs := "host=db.example user=" + quote(user) + " password=" + quote(password) + " dbname=" + quote(database)
		for _, dsn := range []string{u.String(), pairs} {
			config, err := postgres.ParseDSN(dsn)
			if err != nil {
				t.Fatalf("%q: %v", dsn, err)
			}
			if got := addressOf(config); got != want {
				t.Fatalf("%q: got %+v, want %+v", dsn, got, want)
			}
		}
	})
}

func FuzzParseDSN(f *testing.F) {
	for _, seed := range []string{
		"", " ", "=", "'", `\`, "host=", "postgres://", "postgres://:@:/?", "postgres://u:p@h/d", "postgres://u:p@[::1]:1/d",
		"postgres://u:p@[fe80::1%25eth0]/d", "postgres://u:p@h/d?sslmode=require&sslrootcert=/etc/passwd",
		"host=h user=u dbname=d", "host='h' user='u\\'' dbname=d\\ ", "host=h user=u dbname=d passfile=/etc/shadow",
		"host=[::1] user=u dbname=d", "host=h?x#y user=u dbname=d", "host=%2Ftmp user=u dbname=d", "host=h user=\xff dbname=d",
		"postgres://%2Ftmp/d?user=u", "postgres://u@h/d?host=", "postgres://h1,h2/d?user=u",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		config, err := postgres.ParseDSN(dsn)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%v is not store.ErrInvalid", err)
			}
			return
		}
		checkPlain(t, config)
		if config.Host == "" || strings.ContainsAny(config.Host, "/\\@,\x00") {
			t.Errorf("host %q", config.Host)
		}
		if config.User == "" || config.Database == "" || strings.ContainsRune(config.User+config.Database+config.Password, 0) {
			t.Errorf("user %q, database %q", config.User, config.Database)
		}
	})
}
