package controllers

import (
	"context"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// storeTimeout bounds what is asked of a store at once. It includes the waiting for the others who ask at the same time, and
// a slow store is better waited for than closed: closing it would have all objects change to and fro.
const storeTimeout = time.Minute

// purgeTimeout bounds a purge, which looks at every call record for the person's names. That the store is gone meanwhile,
// its change feed notices earlier.
const purgeTimeout = 15 * time.Minute

// bounded is a store that answers in time or not at all. The bound is that of each call and not of a reconcile: what the
// operator itself takes long for, such as hashing many passwords on a busy machine, says nothing about the store.
type bounded struct{ store.Store }

// Observe implements store.Store.
func (b bounded) Observe(ctx context.Context, d pbx.Desired) (pbx.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return b.Store.Observe(ctx, d)
}

// Apply implements store.Store.
func (b bounded) Apply(ctx context.Context, t store.Transition) error {
	limit := storeTimeout
	if t.Desired.State == pbx.Purged {
		limit = purgeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return b.Store.Apply(ctx, t)
}

// Release implements store.Store.
func (b bounded) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return b.Store.Release(ctx)
}
