package lifecycle

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

const (
	// timeVariable says for how long companies are tried.
	timeVariable = "PBX_PROPERTY_TIME"
	// shortTime is for how long they are tried by default.
	shortTime = 30 * time.Second
	// atOnce is how many live at once on each kind of store: they wait more than they compute.
	atOnce = 2
)

// TestMain has every company tried once, and leaves no file behind.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": "1", "rapid.nofailfile": "true", "test.parallel": "8"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestLifecycle tries random companies until the time is over. With a seed it tries that one.
func TestLifecycle(t *testing.T) {
	length := shortTime
	if text := os.Getenv(timeVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", timeVariable, err)
		}
	}
	end := time.Now().Add(length)
	once := flag.Lookup("rapid.seed").Value.String() != "0"
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			for i := range atOnce {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					live(t, backend)
					for time.Now().Before(end) && !once {
						live(t, backend)
					}
				})
			}
		})
	}
}

// live has one company live.
func live(t *testing.T, backend operator.Backend) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(bench{t, r}, backend)
		w.begin()
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			w.step()
		}
	})
}
