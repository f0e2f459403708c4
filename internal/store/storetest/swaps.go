package storetest

import (
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// orders are the ways to reconcile three objects.
var orders = [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

func testSwaps(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for i, order := range orders {
		for _, c := range claimsOf(string(rune('a' + i))) {
			t.Run(fmt.Sprintf("%s %v", c.name, order), func(t *testing.T) { testRotation(f.in(t), c, order, i) })
		}
	}
	t.Run("ReleaseThenClaim", func(t *testing.T) { testReleaseThenClaim(f.in(t)) })
	t.Run("WhatADeletedOneKeeps", func(t *testing.T) { testKeptByDeleted(f.in(t)) })
}

// testRotation: A wants B's value, B wants C's and C wants A's; then A and B swap.
func testRotation(f *fixture, c claim, order []int, run int) {
	values := make([]string, 3)
	for i := range values {
		values[i] = fmt.Sprintf("%s%d%d", c.value, run, i)
		if c.name == "mac" {
			values[i] = fmt.Sprintf("0%d1a2b3c%02d4d", run, i)
		}
	}
	generation := int64(0)
	declare := func(holds ...int) (all []object) {
		generation++
		for i, value := range holds {
			o := c.object(values[value], fmt.Sprintf("%s-%d-%d", c.name, run, i))
			o.generation = generation
			all = append(all, o)
		}
		return all
	}
	for _, holds := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 1, 0}} {
		objects := declare(holds...)
		inOrder := make([]object, len(objects))
		for i, at := range order {
			inOrder[i] = objects[at]
		}
		f.converge(inOrder...)
		f.quiet(objects...)
		for i, o := range objects {
			if got := f.value(c.held, values[holds[i]]); got != o.name {
				f.t.Errorf("%v: %s has %s, want %s", holds, got, values[holds[i]], o.name)
			}
		}
	}
}

// testReleaseThenClaim: the second claimant takes the value over as soon as the first has let go, in whatever way.
func testReleaseThenClaim(f *fixture) {
	letGo := map[string]func(object, claim) object{
		"the spec drops it": func(o object, c claim) object {
			gone := c.object("", o.name)
			gone.generation = 2
			return gone
		},
		"purged": func(o object, _ claim) object { return o.to(pbx.Purged) },
	}
	for way, release := range letGo {
		for _, c := range claimsOf("r") {
			first, second := c.object(c.value, way+"-1-"+c.name), c.object(c.value, way+"-2-"+c.name)
			f.apply(first)
			if plan := f.apply(second); len(plan.Conflicts) != 1 || plan.Conflicts[0].Holder.Key != first.key() {
				f.t.Errorf("%s: conflicts = %+v", c.name, plan.Conflicts)
			}
			f.apply(release(first, c), second)
			if got := f.value(c.held, c.value); got != second.name {
				f.t.Errorf("%s, %s: %s has it", way, c.name, got)
			}
			f.quiet(second)
			f.apply(second.to(pbx.Purged))
		}
	}
}

// testKeptByDeleted: a deleted extension keeps its numbers, a deleted user the login, a deleted phone its account;
// agent IDs are free to take.
func testKeptByDeleted(f *fixture) {
	for _, c := range claimsOf("k") {
		first, second := c.object(c.value, "kept-"+c.name), c.object(c.value, "wants-"+c.name)
		f.apply(first, first.to(pbx.Deleted))
		plan := f.apply(second)
		if c.name != "agent" {
			want := pbx.Holder{Key: first.key(), State: pbx.Deleted}
			if len(plan.Conflicts) != 1 || plan.Conflicts[0].Holder != want {
				f.t.Errorf("%s: conflicts = %+v, want %+v", c.name, plan.Conflicts, want)
			}
			f.apply(first.at(3))
			f.quiet(first.at(3))
			continue
		}
		equal(f.t, c.name, plan.Conflicts, []pbx.Conflict(nil))
		// Restored, the first one gets back what nobody took meanwhile.
		if plan := f.apply(first.at(3)); len(plan.Conflicts) != 1 || plan.Conflicts[0].Holder.Key != second.key() {
			f.t.Errorf("%s: conflicts of the restored = %+v", c.name, plan.Conflicts)
		}
	}
}
