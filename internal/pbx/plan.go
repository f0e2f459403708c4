package pbx

import (
	"cmp"
	"slices"
	"strings"
)

// MakePlan says what has to change in the store so that the observed record becomes the desired one.
//
// The rules are those of the product contract: a record belongs to a name and a UID; a new object takes over a record
// whose identity agrees; values that another record holds are waited for, while values that are no longer wanted are
// released at once, so that swaps converge; an older generation never overwrites a newer one; Purged is final.
//
// Errors: *OwnedError, *ErasedError, *StaleError.
func MakePlan(d Desired, o Observation) (Plan, error) {
	if err := MayTouch(d, o); err != nil {
		return Plan{}, err
	}
	if o.Record == nil {
		return planAbsent(d, o), nil
	}
	foreign := o.Record.Owner.UID != d.Owner.UID
	if foreign && !agrees(d, o.Record) {
		return Plan{}, nil
	}
	if d.State == Purged {
		return Plan{Changes: []Change{Erase{State: o.Record.State(), Messages: o.Facts.Messages}}}, nil
	}
	plan := diff(d, o)
	if foreign && len(plan.Changes) > 0 {
		takeOver := TakeOver{From: o.Record.Owner, To: d.Owner}
		plan.Changes = slices.Insert(plan.Changes, 0, Change(takeOver))
	}
	return plan, nil
}

// MayTouch says whether the record is the desired object's to change. An object that is going has no errors: what is not
// its own is left alone.
//
// Errors: *OwnedError, *ErasedError, *StaleError.
func MayTouch(d Desired, o Observation) error {
	switch {
	case o.Record == nil:
		if o.Erased && d.State != Purged && !d.Release {
			return &ErasedError{Key: d.Key}
		}
	case o.Record.Owner.UID != d.Owner.UID:
		if !agrees(d, o.Record) && !d.Release {
			identity := SchemaOf(d.Key.Kind).Identity
			return &OwnedError{
				Key: d.Key, Owner: o.Record.Owner, State: o.Record.State(), Identity: identity,
				Unknown: d.Fields[identity] == "" || o.Record.Fields[identity] == "",
			}
		}
	case o.Record.Owner.Generation > d.Owner.Generation:
		return &StaleError{Key: d.Key, Have: d.Owner.Generation, Seen: o.Record.Owner.Generation}
	}
	return nil
}

func agrees(d Desired, r *Record) bool { return d.Adopt || sameIdentity(d, r) }

func planAbsent(d Desired, o Observation) Plan {
	if d.State == Purged && o.Traces {
		return Plan{Changes: []Change{Erase{State: Purged}}}
	}
	if d.State == Purged || d.Release {
		return Plan{}
	}
	plan := diff(d, o)
	plan.Changes = slices.Insert(plan.Changes, 0, Change(Create{State: d.State, Drift: o.Known}))
	return plan
}

// sameIdentity says whether a record that belongs to another UID, or to none, is that of the desired object. Who was
// created only to make sure that nothing is left of a record need not say whose it was; who was somebody else before does.
func sameIdentity(d Desired, r *Record) bool {
	identity := SchemaOf(d.Key.Kind).Identity
	want, have := d.Fields[identity], r.Fields[identity]
	if want == "" && d.BornPurged && d.State == Purged && !d.Release {
		return true
	}
	return want != "" && strings.EqualFold(want, have)
}

// diff compares field by field and list by list, without the values that others hold.
func diff(d Desired, o Observation) Plan {
	want, conflicts := withoutHeld(d, o.Holders)
	steps, want := release(d.Key.Kind, want, o.Record)
	have, applied := Content{}, Fingerprints{}
	if o.Record != nil {
		have, applied = o.Record.Content, o.Record.Applied
	}
	plan := Plan{Changes: steps, Conflicts: conflicts}
	if d.losesBox(want, o) {
		plan.Changes = append(plan.Changes, RemoveBox{Messages: o.Facts.Messages})
	}
	schema := SchemaOf(d.Key.Kind)
	for _, f := range schema.Fields {
		to, managed := want.Fields[f.Field]
		from := have.Fields[f.Field]
		if !managed || to == from {
			continue
		}
		drift := !f.Data && applied.changedBySomebody(string(f.Field), from, to)
		plan.Changes = append(plan.Changes, Set{Field: f.Field, From: from, To: to, Drift: drift})
	}
	for _, l := range schema.Lists {
		if items, managed := want.Lists[l.List]; managed {
			plan.Changes = append(plan.Changes, diffList(l.List, items, have.Lists[l.List], applied)...)
		}
	}
	return plan
}

func diffList(list List, want, have []Item, applied Fingerprints) []Change {
	drift := applied.changedBySomebody(string(list), canonical(have), canonical(want))
	var changes []Change
	for _, item := range sorted(have) {
		if !slices.Contains(want, item) {
			changes = append(changes, Remove{List: list, Item: item, Drift: drift})
		}
	}
	for _, item := range want {
		if !slices.Contains(have, item) {
			changes = append(changes, Add{List: list, Item: item, Drift: drift})
		}
	}
	return changes
}

// withoutHeld empties the claims that others hold, and says which they are.
func withoutHeld(d Desired, holders map[Claim]Holder) (Content, []Conflict) {
	if len(holders) == 0 {
		return d.Content, nil
	}
	content := d.Clone()
	var conflicts []Conflict
	for _, claim := range d.Claims() {
		holder, held := holders[claim]
		if !held {
			continue
		}
		conflicts = append(conflicts, Conflict{Claim: claim, Holder: holder})
		if claim.Field != "" {
			content.Fields[claim.Field] = ""
			continue
		}
		content.Lists[claim.List] = slices.DeleteFunc(content.Lists[claim.List],
			func(i Item) bool { return i.Key == claim.Value })
	}
	if content.Fields[FieldMailbox] != "" && content.Fields[FieldNumber] == "" {
		content.Fields[FieldMailbox] = ""
	}
	return content, conflicts
}

func sorted(items []Item) []Item {
	return slices.SortedFunc(slices.Values(items), func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
}
