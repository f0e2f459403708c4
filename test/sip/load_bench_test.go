package sip

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pbx-operator/pbx-operator/test/engines"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// callers are the phones that call or register at the same time: enough for all of Kamailio's workers.
	callers = 8
	// patienceOfLoad is for how long a phone waits.
	patienceOfLoad = 3 * time.Second
	// settled is how many of each kind are made before it is measured.
	settled = 50
)

// work is what phones do to an engine.
type work struct {
	name string
	// packets are those that the engine gets for one of it, and times how many are made.
	packets, times int
	one            func(a *agent, i int) error
}

var works = []work{
	{"REGISTER with password", 2, 1500, func(a *agent, i int) error { return a.register(normal(i), patienceOfLoad) }},
	{"call, answered, ended", 5, 600, func(a *agent, i int) error { return a.call(normal(i), callee(i).Number(), patienceOfLoad) }},
	{"REGISTER of a stranger", 1, 3000, func(a *agent, i int) error {
		return a.stranger("REGISTER", fmt.Sprint("stranger", i), fmt.Sprint("stranger", i), patienceOfLoad)
	}},
	{"INVITE of a stranger", 2, 3000, func(a *agent, i int) error {
		return a.stranger("INVITE", fmt.Sprint("stranger", i), callee(i).Number(), patienceOfLoad)
	}},
}

// called is how many people are called; they are registered before.
const called = 20

// normal is the i-th of the people who may call, and callee of those who are called.
func normal(i int) engines.Person {
	p := engines.Person(100 + i*7%(engines.People-200))
	for !p.Normal() {
		p++
	}
	return p
}

func callee(i int) engines.Person { return normal(1000 + i%called) }

// BenchmarkEngine prints how much Kamailio takes of each kind of work, with the configuration that ships on a store of
// 10,000 people, and with the least that there could be, beside one another.
func BenchmarkEngine(b *testing.B) {
	for _, backend := range operator.Backends {
		b.Run(string(backend), func(b *testing.B) {
			g := newGround(b, backend)
			load, _ := os.ReadFile("/proc/loadavg")
			fmt.Printf("\n%s, %d phones, %d at once, load %s", backend, engines.People, callers, load)
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintln(w, "work\tconfiguration\tper second\tfailed\tCPU per packet\tstatements per packet\t")
			asked := g.statements(b)
			for _, config := range []string{minimal, shipped} {
				e := g.engine(b, config)
				for i, one := range works {
					l := e.load(one, one.times)
					fmt.Fprintf(w, "%s\t%s\t%.0f\t%s\t%s\t%s\t\n", one.name, label(config), l.rate(), l.failed(), l.perPacket(), asked[config][i])
				}
				e.stop()
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func label(config string) string {
	if config == shipped {
		return "shipped"
	}
	return "minimal"
}

// engine starts Kamailio on the tables of a configuration, with the callees registered.
func (g *ground) engine(b *testing.B, config string) *engine {
	b.Helper()
	database := g.full
	if config == minimal {
		database = g.bare
	}
	return engineWithCallees(b, config, database)
}

func engineWithCallees(b *testing.B, config, database string) *engine {
	b.Helper()
	e := newEngine(b, config, database, newAgent(b, "127.0.0.1:9"))
	answers := newAgent(b, e.address)
	for i := range called {
		// The first one may be too early: Kamailio answers before all of its processes know the settings.
		operator.Await(b, kamailioLimit, label(config)+": a phone registers", func() string {
			if err := answers.register(callee(i), patienceOfLoad); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	return e
}

// loaded is what has become of work.
type loaded struct {
	work     work
	done     int64
	took     time.Duration
	cpu      time.Duration
	failures []error
}

// load makes work as fast as so many phones can that wait for each answer.
func (e *engine) load(one work, times int) loaded {
	var next atomic.Int64
	l := loaded{work: one}
	var mu sync.Mutex
	many := func(until int) {
		var phones sync.WaitGroup
		for range callers {
			a := newAgent(e.t, e.address)
			phones.Go(func() {
				for {
					i := int(next.Add(1))
					if i > until {
						return
					}
					if err := one.one(a, i); err != nil {
						mu.Lock()
						l.failures = append(l.failures, err)
						mu.Unlock()
					}
				}
			})
		}
		phones.Wait()
	}
	many(settled)
	next.Store(settled)
	l.failures = nil
	cpu, began := e.cpu(), time.Now()
	many(settled + times)
	l.took, l.cpu = time.Since(began), e.cpu()-cpu
	l.done = int64(times - len(l.failures))
	return l
}

func (l loaded) rate() float64 { return float64(l.done) / l.took.Seconds() }

func (l loaded) failed() string {
	if len(l.failures) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%v)", len(l.failures), l.failures[0])
}

func (l loaded) perPacket() string {
	return (l.cpu / time.Duration(max(1, l.done*int64(l.work.packets)))).Round(time.Microsecond).String()
}

// statements counts what PostgreSQL is asked for each packet, on connections that are listened to. It names what nobody
// has put into the list of questions.
func (g *ground) statements(b *testing.B) map[string][]string {
	b.Helper()
	all, unknown := map[string][]string{}, map[string]bool{}
	for _, config := range []string{minimal, shipped} {
		for _, one := range works {
			if g.server == nil {
				all[config] = append(all[config], "not counted")
				continue
			}
			database := g.full
			if config == minimal {
				database = g.bare
			}
			listened := newEar(b, database)
			e := engineWithCallees(b, config, listened.dsn)
			before, begun := listened.count.Load(), len(listened.heard())
			l := e.load(one, 100)
			asked := float64(listened.count.Load()-before) / float64((l.done+settled)*int64(one.packets))
			all[config] = append(all[config], fmt.Sprintf("%.2f", asked))
			for _, text := range listened.heard()[begun:] {
				if config == shipped && !engines.Known(text) {
					unknown[engines.Shape(text)] = true
				}
			}
			e.stop()
		}
	}
	for text := range unknown {
		fmt.Println("asked, and not in the list of questions:", text)
	}
	return all
}

// Emergency calls -------------------------------------------------------------------------------------------------------

// emergencyCalls is how many calls are made in each state of the store, and emergencyLimit for how long one is waited for.
const (
	emergencyCalls = 100
	emergencyLimit = 4 * time.Second
	// enough failures show what a state does.
	enough = 5
)

// BenchmarkEmergency prints how soon an emergency call is with the gateway, and its answer with the caller, in each state
// of the store. What fails is told, and stops nothing.
func BenchmarkEmergency(b *testing.B) {
	for _, backend := range operator.Backends {
		b.Run(string(backend), func(b *testing.B) {
			g := newGround(b, backend)
			load, _ := os.ReadFile("/proc/loadavg")
			fmt.Printf("\nEmergency calls, %s, %d phones; milliseconds until the gateway has the INVITE, and from its 200 to the caller's; load %s",
				backend, engines.People, load)
			fmt.Printf("%-34s %6s %10s %8s %8s %8s  failed\n", "the store", "calls", "INVITE p50", "p99", "200 p50", "p99")
			for _, s := range g.states() {
				fmt.Println(g.emergency(b, s))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// emergency makes calls in one state of the store, with a Kamailio of its own that has begun while all was well.
func (g *ground) emergency(b *testing.B, s state) string {
	b.Helper()
	gateway := newAgent(b, "127.0.0.1:9")
	e := newEngine(b, shipped, g.full, gateway)
	defer e.stop()
	var ring, answer []time.Duration
	var failures []error
	call := func(i int) {
		a := newAgent(b, e.address)
		rang, relayed, err := a.emergencyCall(gateway, normal(i))
		_ = a.conn.Close()
		if rang > 0 {
			ring = append(ring, rang)
		}
		if err != nil {
			failures = append(failures, e.alive(err))
			return
		}
		answer = append(answer, relayed)
	}
	call(0)
	e.settle()
	ring, answer, failures = nil, nil, nil
	mend, err := s.spoil(b, g)
	if err != nil {
		return fmt.Sprintf("%-34s cannot be made: %v", s.name, err)
	}
	defer mend()
	for i := range s.restarts {
		e.stop()
		if err := e.start(); err != nil {
			failures = append(failures, err)
			continue
		}
		call(i)
	}
	if s.restarts > 0 {
		return line(s.name, s.restarts, ring, answer, failures)
	}
	stop := e.others(s.busy)
	defer stop()
	made := 0
	for i := 1; i <= emergencyCalls && len(failures) < enough; i++ {
		made++
		call(i)
	}
	return line(s.name, made, ring, answer, failures)
}

// alive adds to an error that Kamailio has ended, if it has.
func (e *engine) alive(err error) error {
	select {
	case <-e.process.Done():
		return fmt.Errorf("%w: Kamailio has ended (%s): %s", err, e.process.Outcome(), e.process.LastLines(2))
	default:
		return err
	}
}

func line(name string, made int, ring, answer []time.Duration, failures []error) string {
	why := "0"
	if len(failures) > 0 {
		why = fmt.Sprintf("%d: %s", len(failures), strings.ReplaceAll(failures[0].Error(), "\n", " "))
	}
	return fmt.Sprintf("%-34s %6d %10s %8s %8s %8s  %s", name, made, at(ring, 50), at(ring, 99), at(answer, 50), at(answer, 99), why)
}

// others are phones that register meanwhile, none of which waits for an answer.
func (e *engine) others(perSecond int) (stop func()) {
	if perSecond == 0 {
		return func() {}
	}
	done := make(chan struct{})
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	var group sync.WaitGroup
	group.Go(func() {
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-tick.C:
				a := newAgent(e.t, e.address)
				group.Go(func() {
					_ = a.register(normal(i), 500*time.Millisecond)
					_ = a.conn.Close()
				})
			}
		}
	})
	return func() { close(done); group.Wait() }
}

// emergencyCall calls 112 without a password, and ends the call without waiting for what becomes of that. rang is until
// the gateway had it.
func (a *agent) emergencyCall(gateway *agent, p engines.Person) (rang, relayed time.Duration, err error) {
	x := a.exchange(p.Username(), "112")
	began := time.Now()
	x.send("INVITE", "sip:112@"+engines.Domain)
	reply, err := x.final(emergencyLimit)
	now := time.Now()
	// An engine may give the call another Call-ID on its way out; then the gateway knows the one that came last.
	came, answered := gateway.times(x.id)
	if !came.IsZero() {
		rang = came.Sub(began)
	}
	if err := wrong("INVITE", 200, reply, err); err != nil {
		return rang, 0, err
	}
	if came.IsZero() {
		return 0, 0, errors.New("somebody else than the gateway has answered")
	}
	e := x.establish(reply)
	e.send("BYE", e.target, e.routes...)
	return rang, now.Sub(answered), nil
}
