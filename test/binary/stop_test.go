package binary

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// alone is what an operator is told that has no other beside it.
const alone = "--leader-elect=false"

// TestStop asks the operator to end while it is at work: it ends soon, says that all is well, and closes the store, which
// is whole. The next one does the rest.
func TestStop(t *testing.T) {
	const people, begun = 100, 20
	tenant := newTenant(t)
	tenant.Create(tenant.NewPhoneSystem())
	objects := desks(tenant, "ada", 1000, people)
	tenant.CreateAll(objects)
	running := start(t, tenant, alone)
	awaitAudited(t, tenant, begun)
	if err := running.Stop(endLimit); err != nil {
		t.Fatal(err)
	}
	if err := running.Err(); err != nil {
		t.Errorf("it ends with %v; the end of its log:\n%s", err, running.LastLines(20))
	}
	if _, err := os.Stat(file(tenant) + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the store was not closed: %v", err)
	}
	if len(rows(tenant, "SELECT 1 FROM audit WHERE what = 'created'")) == len(objects) {
		t.Error("all was done before the operator was asked to end: the test needs more objects")
	}
	whole(t, tenant)

	start(t, tenant, alone)
	tenant.Ready(limit)
	whole(t, tenant)
	eachOnce(t, tenant, objects)
}
