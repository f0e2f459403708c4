// Package costs counts what the operator writes, and how often it asks: figures that do not depend on the machine.
package costs

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// limit bounds every wait, generously: a busy machine is slow.
const limit = 90 * time.Second

// Bill is what something cost.
type Bill struct {
	// API has the writes to the API server by object; a new Secret is "secrets".
	API map[string][]string
	// Store has the write transactions by record.
	Store map[string]int
}

// TestMain runs more tests at once than there are processors: they wait more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// The writes that an object costs.
var (
	patchStatus = []string{"PATCH status"}
	newObject   = []string{"PATCH", "PATCH status"}
	newSecret   = []string{"POST"}
)

// scene is an operator at work for a tenant.
type scene struct {
	*operator.Tenant
	t        *testing.T
	operator *operator.Operator
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

// newScene starts an operator, with a PhoneSystem that is Ready.
func newScene(t *testing.T, b operator.Backend) *scene {
	t.Helper()
	s := &scene{Tenant: operator.NewTenant(t, b), t: t}
	s.Create(s.NewPhoneSystem())
	s.operator = operator.Start(t, s.Options())
	s.settle()
	return s
}

// settle waits until everything is Ready and nothing is left to do.
func (s *scene) settle() {
	s.t.Helper()
	s.Ready(limit)
	s.operator.Settle(s.t)
}

// bill is what was spent since the last reset.
func (s *scene) bill() Bill {
	bill := Bill{API: s.operator.API.ByObject(), Store: map[string]int{}}
	for key, n := range s.operator.Store.Applied() {
		bill.Store[string(key.Kind)+" "+key.Name] = n
	}
	return bill
}

func (s *scene) reset() {
	s.operator.API.Reset()
	s.operator.Store.Reset()
}

// costs sees that something costs exactly what it should.
func (s *scene) costs(what string, want Bill, do func()) {
	s.t.Helper()
	s.reset()
	do()
	s.settle()
	s.equal(what, s.bill(), want)
}

func (s *scene) equal(what string, got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}
