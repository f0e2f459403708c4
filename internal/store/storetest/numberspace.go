package storetest

import (
	"fmt"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// withDirect is an extension with a number and direct numbers.
func withDirect(name, number string, direct ...string) object {
	o := extension(name, number)
	o.number.DirectNumbers = direct
	return o
}

// testNumberSpace: directory and direct numbers are one name space, with plus and without.
func testNumberSpace(t *testing.T, b Backend) {
	t.Run("HeldByOther", func(t *testing.T) { testNumbersHeld(newFixture(t, b)) })
	t.Run("ByHand", func(t *testing.T) { testNumbersByHand(newFixture(t, b)) })
	t.Run("OfOne", func(t *testing.T) { testNumbersOfOne(newFixture(t, b)) })
	t.Run("Exchanged", func(t *testing.T) { testNumbersExchanged(newFixture(t, b)) })
	t.Run("AtOnce", func(t *testing.T) { testNumbersAtOnce(newFixture(t, b)) })
}

func (f *fixture) numbers() []string {
	f.t.Helper()
	return f.rows(`SELECT e.name, n.number FROM pbx_numbers n JOIN pbx_extensions e ON e.id = n.extension_id ORDER BY 1, 2`)
}

// claimed sees that the numbers that are claimed are those that there are.
func (f *fixture) claimed() {
	f.t.Helper()
	equal(f.t, "claimed", f.rows("SELECT digits, extension_id FROM pbx_claimed_numbers ORDER BY 1"),
		f.rows("SELECT DISTINCT ltrim(number, '+'), extension_id FROM pbx_numbers ORDER BY 1"))
}

func testNumbersHeld(f *fixture) {
	held := func(o object, by string) {
		f.t.Helper()
		plan := f.apply(o)
		if len(plan.Conflicts) != 1 || plan.Conflicts[0].Holder.Key.Name != by {
			f.t.Errorf("%s: conflicts = %+v, want %s as the holder", o.name, plan.Conflicts, by)
		}
	}
	f.apply(extension("a", "4930111"), withDirect("b", "100", "+4930222"))
	held(withDirect("c", "101", "+4930111"), "a")
	held(extension("d", "4930222"), "b")
	equal(f.t, "numbers", f.numbers(), []string{"a|4930111", "b|+4930222", "b|100", "c|101"})
	f.apply(extension("a", "4930111").to(pbx.Deleted))
	held(withDirect("c", "101", "+4930111"), "a")
	f.apply(extension("a", "4930111").at(3).to(pbx.Purged), withDirect("c", "101", "+4930111"), withDirect("b", "100").at(2), extension("d", "4930222"))
	f.quiet(withDirect("c", "101", "+4930111"), extension("d", "4930222"))
	equal(f.t, "taken over", f.numbers(), []string{"b|100", "c|+4930111", "c|101", "d|4930222"})
	f.claimed()
}

// testNumbersByHand: nobody can give a second extension a number in another spelling.
func testNumbersByHand(f *fixture) {
	f.apply(withDirect("a", "4930111", "+4930222"), extension("b", "100"))
	for what, statement := range map[string]string{
		"a direct number that is one":    "INSERT INTO pbx_direct_numbers (number, extension_id, position) VALUES ('+4930111', 'uid-b', 1)",
		"one that is a direct number":    "UPDATE pbx_extensions SET number = '4930222' WHERE name = 'b'",
		"a direct number without a plus": "INSERT INTO pbx_direct_numbers (number, extension_id, position) VALUES ('4930222', 'uid-b', 1)",
		"a new extension":                "INSERT INTO pbx_extensions (name, number) VALUES ('c', '4930222')",
		"one that changes hands":         "UPDATE pbx_direct_numbers SET number = '+100'",
	} {
		f.unchanged(what, func() {
			if _, err := f.sql.ExecContext(f.t.Context(), statement); err == nil {
				f.t.Errorf("%s is accepted", what)
			}
		})
	}
	f.byHand("DELETE FROM pbx_extensions WHERE name = 'a'")
	f.claimed()
	f.byHand("UPDATE pbx_extensions SET number = '4930222' WHERE name = 'b'")
	f.claimed()
}

// testNumbersOfOne: one extension may have a number in both spellings, and keeps it until it has neither.
func testNumbersOfOne(f *fixture) {
	other := withDirect("other", "101", "+4930111")
	f.apply(withDirect("a", "4930111", "+4930111"))
	f.claimed()
	for i, o := range []object{withDirect("a", "100", "+4930111"), withDirect("a", "4930111"), withDirect("a", "4930111", "+4930111")} {
		f.apply(o.at(int64(i + 2)))
		f.claimed()
		if plan := f.apply(other); len(plan.Conflicts) != 1 {
			f.t.Errorf("%d: conflicts = %+v", i, plan.Conflicts)
		}
	}
	f.apply(withDirect("a", "100").at(9), other)
	f.quiet(other)
	f.claimed()
}

// testNumbersExchanged: two extensions that exchange a number and a direct number converge, in whatever order.
func testNumbersExchanged(f *fixture) {
	for i, order := range orders {
		x, y, z := fmt.Sprint("49301", i), fmt.Sprint("49302", i), fmt.Sprint("49303", i)
		name := func(which string) string { return fmt.Sprint(which, i) }
		for generation, all := range [][]object{
			{extension(name("a"), x), withDirect(name("b"), "1"+y, "+"+y), withDirect(name("c"), z, "+"+z)},
			{extension(name("a"), y), withDirect(name("b"), "1"+y, "+"+z), withDirect(name("c"), "2"+y, "+"+x)},
			{extension(name("a"), z), withDirect(name("b"), x, "+"+y), withDirect(name("c"), "2"+y)},
		} {
			for at := range all {
				all[at].generation = int64(generation + 1)
			}
			f.converge(all[order[0]], all[order[1]], all[order[2]])
			f.quiet(all...)
			f.claimed()
		}
	}
}

// testNumbersAtOnce: of many who want one number in either spelling at once, one has it.
func testNumbersAtOnce(f *fixture) {
	claimants := names("claimant", 8)
	objectOf := func(i int) object {
		if i%2 == 0 {
			return extension(claimants[i], "4930111")
		}
		return withDirect(claimants[i], fmt.Sprint(200+i), "+4930111")
	}
	f.together(len(claimants), func(i int) error {
		_, err := reconcile(f.t.Context(), f.store, objectOf(i))
		return err
	})
	f.claimed()
	winner := f.value("SELECT e.name FROM pbx_claimed_numbers c JOIN pbx_extensions e ON e.id = c.extension_id WHERE c.digits = '4930111'")
	for i, name := range claimants {
		_, plan := f.plan(objectOf(i))
		if has := len(plan.Conflicts) == 0; has != (name == winner) || len(plan.Changes) > 0 {
			f.t.Errorf("%s, while %s has it: %+v", name, winner, plan)
		}
	}
}
