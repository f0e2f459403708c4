package controllers

import (
	"sync"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// adopted knows the records that objects have taken over without a write, since nothing differed: so the store still names
// the objects before them. What changes later, the identity included, is then a change of their own record. It is memory
// only: after a restart every object is looked at, and takes over again what agrees.
type adopted struct {
	mu     sync.Mutex
	owners map[adoption]string
}

// adoption is an object and the record that it took over.
type adoption struct {
	store store.Store
	key   pbx.Key
	uid   string
}

func newAdopted() *adopted { return &adopted{owners: map[adoption]string{}} }

// note remembers that an object's record, as it was observed, is as declared although it names another owner.
func (a *adopted) note(s store.Store, d pbx.Desired, o pbx.Observation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	by := adoption{s, d.Key, d.Owner.UID}
	if o.Record == nil || o.Record.Owner.UID == d.Owner.UID || d.Release {
		delete(a.owners, by)
		return
	}
	a.owners[by] = o.Record.Owner.UID
}

// has says whether the object took the record over, and nobody else has since.
func (a *adopted) has(s store.Store, d pbx.Desired, o pbx.Observation) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	owner, known := a.owners[adoption{s, d.Key, d.Owner.UID}]
	return known && o.Record != nil && o.Record.Owner.UID == owner
}

// forget drops what is known of a store that was closed.
func (a *adopted) forget(s store.Store) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for by := range a.owners {
		if by.store == s {
			delete(a.owners, by)
		}
	}
}
