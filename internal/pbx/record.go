package pbx

import (
	"maps"
	"slices"
)

// Kind is the kind of a record, named as the Kubernetes kind that declares it.
type Kind string

// The kinds of records.
const (
	KindUser         Kind = "User"
	KindExtension    Kind = "Extension"
	KindPhoneService Kind = "PhoneService"
	// KindPhoneSystem is not a record: it names the settings of the store itself in the change feed and in the audit.
	KindPhoneSystem Kind = "PhoneSystem"
	// KindRegistration is not a record either: in the change feed it names a phone service that has registered, or is gone.
	KindRegistration Kind = "Registration"
	// KindMailbox is none either: it names an extension in whose voicemail box a message was left or removed.
	KindMailbox Kind = "Mailbox"
)

// Key names a record in a store.
type Key struct {
	Kind Kind
	Name string
}

// String gives the key as messages show it, such as User "ada".
func (k Key) String() string { return string(k.Kind) + ` "` + k.Name + `"` }

// State is the state of a record.
type State string

// The states, from the most to the least that a record may do.
const (
	Active      State = "Active"
	Deactivated State = "Deactivated"
	Deleted     State = "Deleted"
	// Purged records are not there.
	Purged State = "Purged"
)

// Owner is the object that a record belongs to. Generations compare within one UID only.
type Owner struct {
	UID        string
	Generation int64
}

// Item is one entry of a list: a key that is unique in the list, and what else is known of it.
type Item struct {
	Key   string
	Value string
}

// Content is what a record says: its fields and lists. A field or list that is absent is not managed: whatever the
// store holds there is left alone.
type Content struct {
	Fields map[Field]string
	Lists  map[List][]Item
}

// NewContent gives an empty content.
func NewContent() Content {
	return Content{Fields: map[Field]string{}, Lists: map[List][]Item{}}
}

// Clone gives a deep copy.
func (c Content) Clone() Content {
	out := Content{Fields: maps.Clone(c.Fields), Lists: make(map[List][]Item, len(c.Lists))}
	for list, items := range c.Lists {
		out.Lists[list] = slices.Clone(items)
	}
	return out
}

// Record is a row of the store with its lists.
type Record struct {
	Key   Key
	Owner Owner
	Content
	// Applied holds a fingerprint of each managed field and list as the operator last wrote it, by which a change made
	// by somebody else is told from a change of what is declared.
	Applied Fingerprints
}

// State of the record.
func (r *Record) State() State {
	if r == nil {
		return Purged
	}
	return State(r.Fields[FieldState])
}

// Desired is what a record is to be.
type Desired struct {
	Key   Key
	Owner Owner
	State State
	Content
	// Adopt takes the record over whoever it was.
	Adopt bool
	// Release says that the object is going: nothing is created for it, and what is not its own is left alone.
	Release bool
	// BornPurged says that the object was created as Purged: it need not say whose record it wants to be gone.
	BornPurged bool
	// BoxDigits is the number of digits that a number needs to have a voicemail box.
	BoxDigits int
}

// Claim is a value that has one holder in a phone system.
type Claim struct {
	Field Field
	List  List
	Value string
}

// What names the kind of value, such as number.
func (c Claim) What() string {
	if c.List != "" {
		return string(c.List)
	}
	return string(c.Field)
}

// Holder is a record that holds a claim.
type Holder struct {
	Key   Key
	State State
}

// Facts are what the store's views tell of a record: never compared, only shown.
type Facts struct {
	// Effective right of a phone service: Normal, EmergencyOnly or Blocked.
	Effective string
	// Setup of an extension or user: SetupRequired, PasswordRequired or Complete.
	Setup string
	// Number shown for a user.
	Number string
	// BusinessUnit that a user is shown under.
	BusinessUnit string
	// Registered tells of a phone service's registration with an engine.
	Registered Registration
	// CallbackIsShared says that an emergency call of a phone service shows the main number of the phone system.
	CallbackIsShared bool
	// NumberOf is the extension whose number, with plus or without, the wanted SIP username of a phone service is.
	NumberOf string
	// Offboarded says that all users of a phone service are Deleted, and took it with them.
	Offboarded bool
	// Messages in an extension's voicemail box.
	Messages int64
	// Greeting says that the box has one.
	Greeting bool
	// Services of a user with their states: empty while one is not there, Purged when it is gone for good.
	Services map[string]State
	// Refers is the state of the record that an extension's holder, or a phone's extension, names: empty if there is none.
	Refers State
	// Extensions that a user holds: names and numbers.
	Extensions []Item
}

// Registration says since when a phone is registered, as RFC 3339 writes it (empty: it is not), and what it calls itself.
type Registration struct{ Since, UserAgent string }

// Observation is what the store holds of a desired record.
type Observation struct {
	// Record, or nil if there is none.
	Record *Record
	// Holders of the values that the desired record claims and others have.
	Holders map[Claim]Holder
	// Known says that the store has held a record of this very object (UID) before.
	Known bool
	// Erased says that the record of this very object (UID) was purged.
	Erased bool
	// Receipt is the hash of the receipt of that purge.
	Receipt string
	// Traces says that there is no record, and that the audit still names one: somebody else removed it.
	Traces bool
	Facts  Facts
}

// NumberOfAnother is the extension whose number the wanted SIP username of a phone service is, if the phone rings another.
func (o Observation) NumberOfAnother(d Desired) string {
	own, managed := d.Fields[FieldExtension]
	if !managed && o.Record != nil {
		own = o.Record.Fields[FieldExtension]
	}
	if o.Facts.NumberOf == own {
		return ""
	}
	return o.Facts.NumberOf
}

// WaitsFor lists the records whose letting go of something would concern the desired one.
func (o Observation) WaitsFor(d Desired) []Key {
	var keys []Key
	for _, holder := range o.Holders {
		keys = append(keys, holder.Key)
	}
	if another := o.NumberOfAnother(d); another != "" {
		keys = append(keys, Key{Kind: KindExtension, Name: another})
	}
	return keys
}
