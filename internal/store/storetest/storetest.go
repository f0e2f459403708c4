// Package storetest is the contract of package store, as tests that every implementation passes.
//
// They talk to a real database twice: through the store, and with plain SQL as somebody else does, such as an engine, a
// portal or a person with the database's own client.
package storetest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Backend makes databases for tests.
type Backend struct {
	// New makes an empty database, which goes with the test.
	New func(t *testing.T) Database
	// NewMigrated makes a database with the schema, which belongs to nobody: a copy is faster than New and Open.
	NewMigrated func(t *testing.T) Database
	// NewBreakable makes one that can fail.
	NewBreakable func(t *testing.T) Breakable
	// Postgres says that it is PostgreSQL, with transactions side by side. Otherwise it is SQLite.
	Postgres bool
}

// Database is one database, which may be opened often.
type Database interface {
	// Open opens the store in it.
	Open(ctx context.Context, claim store.Claim) (store.Store, error)
	// Count has the store, which Open gave, count its transactions from now on.
	Count(t *testing.T, s store.Store) *Counter
	// SQL connects as somebody else does: with the settings that a plain client has.
	SQL(t *testing.T) *sql.DB
}

// Breakable is a database that can be taken away and given back.
type Breakable interface {
	Database
	Break(t *testing.T)
	Heal(t *testing.T)
}

// Run runs the contract.
func Run(t *testing.T, b Backend) {
	groups := []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"Observe", testObserve},
		{"Apply", testApply},
		{"Changed", testChanged},
		{"Claims", testClaims},
		{"Swaps", testSwaps},
		{"NumberSpace", testNumberSpace},
		{"Usernames", Usernames},
		{"Fencing", testFencing},
		{"Ownership", testOwnership},
		{"Services", testServices},
		{"ServicesByHand", testServicesByHand},
		{"ServicesContended", testServicesContended},
		{"Rows", testRows},
		{"Audit", testAudit},
		{"Purge", testPurge},
		{"Feed", testFeed},
		{"Open", testOpen},
		{"Configure", testConfigure},
		{"Views", testViews},
		{"Rights", testRights},
		{"LostUsers", testLostUsers},
		{"Facts", testFacts},
		{"Text", testText},
		{"Cost", testCost},
		{"Busy", testBusy},
		{"Outage", testOutage},
		{"Calls", testCalls},
		{"Engines", testEngines},
		{"Registrations", testRegistrations},
		{"CallViews", testCallViews},
		{"CallZones", testCallZones},
		{"Suite", testSuite},
		{"Reset", testReset},
		{"Box", testBox},
		{"Receipts", testReceipts},
		{"Erased", testErased},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.run(t, b)
		})
	}
}
