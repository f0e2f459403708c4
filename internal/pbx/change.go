package pbx

import "slices"

// Change is one step of a plan: Create, TakeOver, Reset, RemoveBox, Set, Add, Remove or Erase.
type Change interface {
	// What names the step as events and the audit show it.
	What() string
	// IsDrift says that the step undoes what somebody else did to the store.
	IsDrift() bool
}

// Create inserts the record; the Set and Add steps that follow say with what.
type Create struct {
	State State
	// Drift: the record was there before, and somebody removed it.
	Drift bool
}

// TakeOver makes the record belong to the desired owner.
type TakeOver struct{ From, To Owner }

// Set changes a field.
type Set struct {
	Field    Field
	From, To string
	Drift    bool
}

// Add adds an item to a list.
type Add struct {
	List  List
	Item  Item
	Drift bool
}

// Remove removes an item from a list.
type Remove struct {
	List  List
	Item  Item
	Drift bool
}

// Reset takes away what the previous holder of an extension had with it, beside the fields that Set steps clear.
type Reset struct {
	// Leaver is the name of the previous holder.
	Leaver string
	// Number is the number that the extension had.
	Number string
	// Clear lists what is taken.
	Clear []ReleaseItem
}

// RemoveBox removes the voicemail box of an extension whose number changes to one that cannot have a box.
type RemoveBox struct{ Messages int64 }

// Erase removes the record for good, and with an extension the messages of its box.
type Erase struct {
	State    State
	Messages int64
}

// What implements Change.
func (Create) What() string { return "created" }

// What implements Change.
func (TakeOver) What() string { return "owner" }

// What implements Change.
func (s Set) What() string { return string(s.Field) }

// What implements Change.
func (a Add) What() string { return string(a.List) }

// What implements Change.
func (r Remove) What() string { return string(r.List) }

// What implements Change.
func (Reset) What() string { return "reset" }

// What implements Change.
func (RemoveBox) What() string { return "box removed" }

// What implements Change.
func (Erase) What() string { return "purged" }

// IsDrift implements Change.
func (c Create) IsDrift() bool { return c.Drift }

// IsDrift implements Change.
func (TakeOver) IsDrift() bool { return false }

// IsDrift implements Change.
func (s Set) IsDrift() bool { return s.Drift }

// IsDrift implements Change.
func (a Add) IsDrift() bool { return a.Drift }

// IsDrift implements Change.
func (r Remove) IsDrift() bool { return r.Drift }

// IsDrift implements Change.
func (Reset) IsDrift() bool { return false }

// IsDrift implements Change.
func (RemoveBox) IsDrift() bool { return false }

// IsDrift implements Change.
func (Erase) IsDrift() bool { return false }

// Conflict is a value that the desired record wants and another record holds.
type Conflict struct {
	Claim  Claim
	Holder Holder
}

// Plan is what has to change, and what cannot change yet.
type Plan struct {
	Changes   []Change
	Conflicts []Conflict
}

// Drift names the fields and lists that somebody else changed, each once, in the order of the plan.
func (p Plan) Drift() []string {
	var names []string
	seen := map[string]bool{}
	for _, c := range p.Changes {
		if c.IsDrift() && !seen[c.What()] {
			seen[c.What()] = true
			names = append(names, c.What())
		}
	}
	return names
}

// WithoutDrift gives the plan without the steps that undo what somebody else did. Services and their primary go
// together, since one is refused without the other.
func (p Plan) WithoutDrift() Plan {
	kept := Plan{Conflicts: p.Conflicts}
	services := slices.ContainsFunc(p.Changes, func(c Change) bool { return ofServices(c) && !c.IsDrift() })
	for _, c := range p.Changes {
		if create, ok := c.(Create); ok && create.Drift {
			return Plan{Conflicts: p.Conflicts}
		}
		if !c.IsDrift() || services && ofServices(c) {
			kept.Changes = append(kept.Changes, c)
		}
	}
	return kept
}

func ofServices(c Change) bool {
	return c.What() == string(ListServices) || c.What() == string(FieldPrimaryService)
}
