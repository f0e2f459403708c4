// Package faults breaks what the operator stands on, the stores and the API server, and sees that nothing is lost or
// half done, that what is wrong is told, and that all heals by itself.
package faults

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// limit bounds every wait, generously: a busy machine is slow, and a store that does not answer is waited for a minute.
const limit = 3 * time.Minute

// TestMain runs more tests at once than there are processors: they wait more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// onEach runs a test on both kinds of stores.
func onEach(t *testing.T, test func(*testing.T, operator.Backend)) {
	t.Parallel()
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			test(t, backend)
		})
	}
}

// scene is a tenant with a PhoneSystem.
type scene struct {
	*operator.Tenant
	t *testing.T
}

func newScene(t *testing.T, b operator.Backend) *scene {
	t.Helper()
	s := &scene{Tenant: operator.NewTenant(t, b), t: t}
	s.Create(s.NewPhoneSystem())
	return s
}

func (s *scene) equal(what string, got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}
