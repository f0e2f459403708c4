package pbx

import "fmt"

// OwnedError says that a record belongs to another object, or was there before, and its identity does not agree.
type OwnedError struct {
	Key      Key
	Owner    Owner
	Identity Field
	State    State
	// Unknown: the record or the object has no identity.
	Unknown bool
}

func (e *OwnedError) Error() string {
	whose := "was there before this object"
	if e.Owner.UID != "" {
		whose = "belongs to another object (UID " + e.Owner.UID + ")"
	}
	agree := "its " + string(e.Identity) + " does not agree: use another name, make the " + string(e.Identity) + " the same,"
	if e.Unknown {
		agree = "its " + string(e.Identity) + " does not agree, since one of the two has none: use another name,"
	}
	return fmt.Sprintf("the store already has a record of %s, state %s, which %s, and %s "+
		"or set spec.adopt to Always to take the record over with its history", e.Key, e.State, whose, agree)
}

// ErasedError says that the record of this very object was purged.
type ErasedError struct{ Key Key }

func (e *ErasedError) Error() string {
	return fmt.Sprintf("%s was purged, which is final: delete this object and create a new one", e.Key)
}

// StaleError says that the store has seen a newer generation of the same object.
type StaleError struct {
	Key        Key
	Have, Seen int64
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s: generation %d is older than generation %d, which the store holds", e.Key, e.Have, e.Seen)
}
