package sip

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/internal/store/migrations"
	"github.com/pbx-operator/pbx-operator/test/engines"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// The configurations that are compared.
const (
	shipped = "../../docs/engines/kamailio/kamailio.cfg"
	minimal = "testdata/minimal.cfg"
)

// engine is a Kamailio without an operator, on a store that is filled already.
type engine struct {
	t                testing.TB
	config, database string
	gateway          *agent
	address          string
	process          *child.Process
}

// newEngine starts Kamailio with a configuration. Calls outside go to the gateway.
func newEngine(t testing.TB, config, database string, gateway *agent) *engine {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, config: config, database: database, gateway: gateway, address: "127.0.0.1:" + strconv.Itoa(port)}
	t.Cleanup(e.stop)
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	return e
}

// start starts it, and waits until it answers.
func (e *engine) start() error {
	config, err := filepath.Abs(e.config)
	if err != nil {
		return err
	}
	dir := e.t.TempDir()
	e.process, err = child.Start(child.Spec{
		Path: kamailioProgram(e.t), Args: []string{"-DD", "-E", "-m", "256", "-M", "16", "-Y", dir, "-f", config}, Dir: dir, Log: filepath.Join(dir, "log"),
		Env: []string{
			"TZ=UTC", "PBX_DB_URL=" + e.database, "PBX_LISTEN=udp:" + e.address, "PBX_GATEWAY=" + e.gateway.address(),
			"PBX_VOICEMAIL=" + e.gateway.address(),
		},
		DeathSignal: 15,
	})
	if err != nil {
		return err
	}
	probe, last := newAgent(e.t, e.address), error(nil)
	for deadline := time.Now().Add(kamailioLimit); time.Now().Before(deadline); {
		select {
		case <-e.process.Done():
			return fmt.Errorf("%s: Kamailio has ended (%s):\n%s", filepath.Base(e.config), e.process.Outcome(), e.process.LastLines(5))
		default:
		}
		if last = probe.stranger("OPTIONS", "probe", "probe", 200*time.Millisecond); last == nil {
			return nil
		}
	}
	return last
}

// settle waits until none of its processes has anything to do: one that begins while its database goes takes all of them
// with it.
func (e *engine) settle() {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for before := time.Duration(-1); before != e.cpu(); {
		before = e.cpu()
		<-tick.C
	}
}

func (e *engine) stop() {
	if e.process == nil {
		return
	}
	// One that waits for a database does not end by itself.
	if err := e.process.Stop(3 * time.Second); err != nil {
		e.process.Kill()
	}
}

// cpu is what its processes have used so far.
func (e *engine) cpu() time.Duration {
	var ticks int
	for _, pid := range append(children(e.process.PID()), e.process.PID()) {
		fields := stat(pid)
		if len(fields) < 13 {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		ticks += user + system
	}
	return time.Duration(ticks) * 10 * time.Millisecond // Linux counts hundredths of a second
}

// stat gives what Linux tells of a process from its state on.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprint("/proc/", pid, "/stat"))
	if err != nil {
		return nil // it has ended
	}
	return strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
}

// children are the processes that a process has started.
func children(parent int) (all []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := stat(pid); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all
}

// ground is a store of many people, and beside it, in the same kind of database, the bare tables of the least that there
// could be.
type ground struct {
	store *engines.Store
	// full and bare are how Kamailio names them.
	full, bare string
	server     *pgserver.Server
	user       *url.Userinfo
}

func newGround(b *testing.B, backend operator.Backend) *ground {
	b.Helper()
	g := &ground{}
	if backend == operator.SQLite {
		g.store = engines.NewSQLite(b, engines.People)
		path := filepath.Join(b.TempDir(), "bare.db")
		g.full, g.bare = "sqlite:///"+g.store.Path, "sqlite:///"+path
		g.fillBare(b, "sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	} else {
		g.server = pgserver.New(b)
		g.store = engines.NewPostgres(b, g.server.NewDatabase(b), engines.People)
		g.user = url.UserPassword("engine", "engine")
		run(b, g.store.SQL(b), "CREATE USER engine PASSWORD 'engine' IN ROLE pbx_engine")
		bare := g.server.NewDatabase(b)
		g.fillBare(b, "pgx", bare)
		g.full, g.bare = kamailioURL(b, g.store.DSN, g.user), kamailioURL(b, bare, g.user)
	}
	db := g.store.SQL(b)
	run(b, db, "ANALYZE")
	return g
}

func kamailioURL(t testing.TB, dsn string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s@%s%s", user, u.Host, u.Path)
}

// fillBare makes Kamailio's own tables, with the same passwords.
func (g *ground) fillBare(b *testing.B, driver, source string) {
	b.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	serial, granted := "INTEGER PRIMARY KEY AUTOINCREMENT", ""
	if driver == "pgx" {
		serial = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
		granted = "GRANT ALL ON ALL TABLES IN SCHEMA public TO engine"
	}
	run(b, db, "CREATE TABLE version (table_name VARCHAR(32), table_version INTEGER)")
	run(b, db, "INSERT INTO version VALUES ('subscriber', 7), ('location', 9)")
	run(b, db, "CREATE TABLE subscriber (id "+serial+", username VARCHAR(64), domain VARCHAR(64), ha1 VARCHAR(128))")
	run(b, db, "CREATE UNIQUE INDEX subscriber_account ON subscriber (username, domain)")
	run(b, db, bareLocation(serial))
	run(b, db, "CREATE INDEX location_account ON location (username, domain, contact)")
	run(b, db, "CREATE INDEX location_expires ON location (expires)")
	var rows []string
	for p := engines.Person(1); p <= engines.People; p++ {
		rows = append(rows, fmt.Sprintf("('%s', '%s', '%s')", p.Username(), engines.Domain, p.HA1()))
	}
	run(b, db, "INSERT INTO subscriber (username, domain, ha1) VALUES "+strings.Join(rows, ", "))
	run(b, db, "ANALYZE")
	if granted != "" {
		run(b, db, granted)
	}
}

// bareLocation is the table of usrloc as the store has it, which the migrations know.
func bareLocation(serial string) string {
	text, err := migrations.Render(migrations.SQLite, "00005_engines.sql.tmpl")
	if err != nil {
		panic(err)
	}
	_, text, _ = strings.Cut(text, "CREATE TABLE location (")
	text, _, _ = strings.Cut(text, ");")
	return "CREATE TABLE location (" + strings.ReplaceAll(text, "INTEGER PRIMARY KEY AUTOINCREMENT", serial) + ")"
}

func run(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%.100s: %v", statement, err)
	}
}
