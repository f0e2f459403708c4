package postgres

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// allowed are the words that a DSN may have. Others could make the operator read files of its own (a root certificate,
// a password or service file), which whoever may write the Secret must not be able to do.
var allowed = []string{"host", "port", "user", "password", "dbname", "sslmode"}

var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// ParseDSN reads the address of a PostgreSQL store: a URL or keyword=value pairs of host, port, user, password, dbname
// and sslmode, nothing else. No error names any value of it. Errors: store.ErrInvalid.
func ParseDSN(dsn string) (*pgx.ConnConfig, error) {
	words, err := parseWords(strings.TrimSpace(dsn))
	if err != nil {
		return nil, err
	}
	if err := checkWords(words); err != nil {
		return nil, err
	}
	// The driver reads a file for a service that its environment names, and no word of a DSN turns that off.
	if err := os.Unsetenv("PGSERVICE"); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(render(words))
	if err != nil {
		return nil, invalid("it cannot be understood; write postgres://user:password@host:port/dbname?sslmode=require")
	}
	// What is empty in a DSN would come from the environment: another password, which that host must not get.
	config.Password, config.RequireAuth = words["password"], ""
	config.RuntimeParams = map[string]string{"application_name": "pbx-operator", "timezone": "UTC"}
	return config, nil
}

func parseWords(dsn string) (map[string]string, error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return parseURL(dsn)
	}
	return parsePairs(dsn)
}

func parseURL(dsn string) (map[string]string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Fragment != "" {
		return nil, invalid("it is not a URL; special characters in the password must be percent-encoded")
	}
	words := map[string]string{"host": u.Hostname(), "port": u.Port(), "dbname": strings.TrimPrefix(u.Path, "/")}
	if u.User != nil {
		words["user"] = u.User.Username()
		words["password"], _ = u.User.Password()
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("what follows the question mark is not a list of parameters")
	}
	for key, values := range query {
		if len(values) != 1 || words[key] != "" {
			return nil, invalid("a parameter is given twice")
		}
		words[key] = values[0]
	}
	return words, nil
}

// parsePairs reads keyword=value pairs; a value with spaces stands in single quotes, in which a backslash escapes.
func parsePairs(dsn string) (map[string]string, error) {
	words := map[string]string{}
	for rest := dsn; rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		key, after, found := strings.Cut(rest, "=")
		if !found {
			return nil, invalid("it is neither a URL nor keyword=value pairs")
		}
		value, left, err := cutValue(strings.TrimLeft(after, " \t"))
		if err != nil {
			return nil, err
		}
		key = strings.TrimSpace(key)
		if _, twice := words[key]; twice {
			return nil, invalid("a parameter is given twice")
		}
		words[key], rest = value, left
	}
	return words, nil
}

func cutValue(s string) (value, rest string, err error) {
	var b strings.Builder
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quoted && c == '\'':
			return b.String(), s[i+1:], nil
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", "", invalid("a quote is not closed")
	}
	return b.String(), "", nil
}

func checkWords(words map[string]string) error {
	for key, value := range words {
		if !slices.Contains(allowed, key) {
			return invalid("it has a parameter that is not allowed: only %s are", strings.Join(allowed, ", "))
		}
		if strings.ContainsRune(value, 0) {
			return invalid("its %s has a NUL", key)
		}
	}
	for _, key := range []string{"host", "user", "dbname"} {
		if words[key] == "" {
			return invalid("it has no %s", key)
		}
	}
	if strings.ContainsAny(words["host"], "/\\@, \x00") {
		return invalid("its host must be one host name or IP address, not a list and not a socket")
	}
	if port := words["port"]; port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return invalid("its port must be a number from 1 to 65535")
		}
	}
	if mode := words["sslmode"]; mode != "" && !slices.Contains(sslModes, mode) {
		return invalid("its sslmode must be one of %s", strings.Join(sslModes, ", "))
	}
	return nil
}

// render writes the DSN anew, with every default that the driver would otherwise take from its environment.
func render(words map[string]string) string {
	port, mode := words["port"], words["sslmode"]
	if port == "" {
		port = "5432"
	}
	if mode == "" {
		mode = "prefer"
	}
	query := url.Values{
		"sslmode": {mode}, "passfile": {"/nonexistent"}, "servicefile": {"/nonexistent"},
		"sslrootcert": {""}, "sslcert": {""}, "sslkey": {""}, "sslcertmode": {"disable"}, "sslsni": {"1"},
		"sslnegotiation": {"postgres"}, "channel_binding": {"prefer"}, "target_session_attrs": {"any"},
		"min_protocol_version": {"3.0"}, "max_protocol_version": {"3.0"}, "connect_timeout": {"5"},
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(words["user"], words["password"]),
		Host: net.JoinHostPort(words["host"], port), Path: "/" + words["dbname"], RawQuery: query.Encode(),
	}
	return u.String()
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", store.ErrInvalid, fmt.Sprintf(format, args...))
}
