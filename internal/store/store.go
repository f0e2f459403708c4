// Package store defines what the operator asks of a PBX store, and the errors that a store answers with.
//
// The implementations are in sqlite and postgres; storetest holds the contract that both keep.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// Store is one PBX store, opened for one PhoneSystem. It is safe for concurrent use.
//
// Every write is refused with ErrFenced once another operator has opened the store. Anything else may write to it as
// well; Changes tells.
type Store interface {
	// Observe reads, in one snapshot, the record of the desired key, who holds what it claims, and its facts.
	// It writes nothing.
	Observe(ctx context.Context, desired pbx.Desired) (pbx.Observation, error)
	// Apply makes the changes of a transition in one transaction, all or none, and writes an audit row for each.
	// It answers ErrChanged if the record is no longer as the transition observed it, or if another record took a
	// claimed value meanwhile: observe and plan again.
	Apply(ctx context.Context, t Transition) error
	// Configure writes the settings of the phone system, if they differ, and tells whether they did.
	Configure(ctx context.Context, system pbx.System) (changed bool, err error)
	// Changes calls wake with the keys of what somebody other than an operator has changed, until ctx ends or the
	// feed breaks. It calls wake(nil) when changes may have been missed, so that everything has to be looked at.
	// The number of queries that it makes does not depend on the number of records.
	Changes(ctx context.Context, wake func([]pbx.Key)) error
	// Release lets go of the store, so that any PhoneSystem may have it. All data stay.
	Release(ctx context.Context) error
	// Info tells about the opened store.
	Info() Info
	// Close ends the use of the store. All data stay.
	Close() error
}

// Transition is a plan for one record, with what it was made from.
type Transition struct {
	Desired  pbx.Desired
	Observed *pbx.Record
	Changes  []pbx.Change
	Author   Author
	// Notes go into the audit beside the changes: what they are about, and what they say.
	Notes []pbx.Item
}

// Author is who asked for a change, for the audit.
type Author struct {
	// Requester is the user who changed the spec, where that is known for certain.
	Requester string
	// FieldManager is the manager that last changed the spec, as the client claims.
	FieldManager string
}

// Info tells about an opened store.
type Info struct {
	// Location, without credentials.
	Location string
	// SchemaVersion that the store has.
	SchemaVersion int64
	// TakenOver is the UID of the PhoneSystem that the store belonged to before it was opened, if it was another.
	TakenOver string
	// PurgedInLogSince is since when the database's log has text of what was purged, which somebody who reads keeps from
	// being removed; zero if it has none.
	PurgedInLogSince time.Time
}

// Claim says for whom a store is opened.
type Claim struct {
	// UID, Namespace and Name of the PhoneSystem.
	UID, Namespace, Name string
	// Takeover is the UID of the PhoneSystem that the store may be taken from.
	Takeover string
	// InUse says that this PhoneSystem has used the store before: an empty one is then not its store.
	InUse bool
}

// AcceptsEmpty says whether a store without any data may be set up for the claim.
func (c Claim) AcceptsEmpty() bool { return !c.InUse || c.Takeover == c.UID }

// The errors of a store that carry nothing but their kind. They are wrapped with what happened.
var (
	// ErrUnavailable: the store cannot be reached, read or written now. Try again.
	ErrUnavailable = errors.New("the store is not available")
	// ErrChanged: what a plan was made from has changed. Observe and plan again.
	ErrChanged = errors.New("the record has changed since it was observed")
	// ErrFenced: another operator has opened the store.
	ErrFenced = errors.New("another operator has opened the store")
	// ErrRejected: a constraint of the store refuses the change.
	ErrRejected = errors.New("the store refuses the change")
	// ErrMissing: a store that was in use is gone or empty.
	ErrMissing = errors.New("the store is missing")
	// ErrInvalid: the address of the store is not an allowed one.
	ErrInvalid = errors.New("the store's address is invalid")
)

// TooNewError says that the schema of a store is newer than this operator.
type TooNewError struct{ Have, Known int64 }

func (e *TooNewError) Error() string {
	return fmt.Sprintf("the store has schema version %d, newer than version %d of this operator: "+
		"nothing was changed; run an operator at least as new as the one that migrated the store", e.Have, e.Known)
}

// OwnedError says that a store serves another PhoneSystem.
type OwnedError struct{ UID, Namespace, Name string }

func (e *OwnedError) Error() string {
	return fmt.Sprintf("the store belongs to PhoneSystem %s/%s (UID %s): nothing was changed; "+
		"use another store, or, if that PhoneSystem is gone, set spec.store.takeover to %s",
		e.Namespace, e.Name, e.UID, e.UID)
}
