package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// who is how the views show ada, with and without her number.
const who = "ada.l|Ada|Lovelace|ada@acme.example|Research|"

// shown is what the portals see of ada in a state.
var shown = map[pbx.State]map[string][]string{
	pbx.Active: {
		"available_users": {who + "Engines"}, "directory": {who + "Engines|1001"}, "user_search": {who + "Engines|1001"},
		"deleted_users": nil, "sign_ins": {"ada.l|secret-hash|1"}, "group_members": {"math|ada.l|Active", "staff|ada.l|Active"},
	},
	pbx.Deactivated: {
		"available_users": nil, "directory": nil, "user_search": {who + "Engines|1001"},
		"deleted_users": nil, "sign_ins": {"ada.l|secret-hash|0"},
		"group_members": {"math|ada.l|Deactivated", "staff|ada.l|Deactivated"},
	},
	pbx.Deleted: {
		"available_users": nil, "directory": nil, "user_search": nil, "deleted_users": {who + "Gone"},
		"sign_ins": {"ada.l|secret-hash|0"}, "group_members": {"math|ada.l|Deleted", "staff|ada.l|Deleted"},
	},
	pbx.Purged: {
		"available_users": nil, "directory": nil, "user_search": nil, "deleted_users": nil, "sign_ins": nil,
		"group_members": nil,
	},
}

// columnsOf are the columns that the portals read.
var columnsOf = map[string]string{
	"available_users": "username, first_name, last_name, email, department, business_unit",
	"directory":       "username, first_name, last_name, email, department, business_unit, number",
	"user_search":     "username, first_name, last_name, email, department, business_unit, number",
	"deleted_users":   "username, first_name, last_name, email, department, business_unit",
	"sign_ins":        "username, password_hash, allowed",
	"group_members":   "group_name, username, state",
}

func testViews(t *testing.T, b Backend) {
	t.Run("Transitions", func(t *testing.T) { testTransitions(newFixture(t, b)) })
	t.Run("BusinessUnit", func(t *testing.T) { testDeletedBusinessUnit(newFixture(t, b)) })
	t.Run("Number", func(t *testing.T) { testNumberShown(newFixture(t, b)) })
	t.Run("WithoutLogin", func(t *testing.T) {
		f := newFixture(t, b)
		nobody := user("nobody")
		nobody.user.Login = ""
		f.apply(nobody)
		equal(t, "sign_ins", f.rows("SELECT * FROM sign_ins"), nil)
		equal(t, "available_users", f.rows("SELECT username FROM available_users"), []string{"NULL"})
	})
}

// testTransitions goes every way between the states, among others who stay as they are.
func testTransitions(f *fixture) {
	eve := user("eve")
	f.apply(line, desk, eve)
	generation := int64(1)
	for _, from := range append(states, pbx.Purged) {
		for _, to := range append(states, pbx.Purged) {
			f.seen(&generation, from)
			f.seen(&generation, to)
		}
	}
	equal(f.t, "another user", f.rows("SELECT username FROM available_users"), []string{"eve"})
}

func (f *fixture) seen(generation *int64, state pbx.State) {
	f.t.Helper()
	*generation++
	o := ada
	o.state, o.generation = state, *generation
	if f.observe(o).Record == nil {
		o.uid = "uid-" + string(rune('a'+*generation)) // a purged object never comes back
	} else {
		o.uid = f.value("SELECT uid FROM pbx_users WHERE name = 'ada'")
	}
	f.apply(o, line) // a purge takes the holder out of the extension
	for view, want := range shown[state] {
		f.view(view, want)
	}
}

func (f *fixture) view(view string, want []string) {
	f.t.Helper()
	var got []string
	for _, row := range f.rows("SELECT " + columnsOf[view] + " FROM " + view) {
		if strings.Contains(row, "ada.l") {
			got = append(got, row)
		}
	}
	slices.Sort(got)
	equal(f.t, view, got, want)
}

func testDeletedBusinessUnit(f *fixture) {
	f.apply(ada.to(pbx.Deleted))
	equal(f.t, "configured", f.value("SELECT business_unit FROM deleted_users"), "Gone")
	equal(f.t, "told", f.observe(ada).Facts.BusinessUnit, "Gone")
	other := system
	other.DeletedBusinessUnit = "Former"
	f.configure(other, true)
	equal(f.t, "configured anew", f.value("SELECT business_unit FROM deleted_users"), "Former")
	f.apply(ada.at(3))
	equal(f.t, "restored", f.value("SELECT business_unit FROM directory"), "Engines")
	equal(f.t, "told", f.observe(ada).Facts.BusinessUnit, "Engines")
}

// testNumberShown: the number of the primary's extension if the user holds it, else the lowest that they hold.
func testNumberShown(f *fixture) {
	holds := func(name, number, holder string) object {
		o := extension(name, number)
		o.number.Holder = holder
		return o
	}
	rings := func(name, extension string) object {
		o := phone(name)
		o.phone.Extension = extension
		return o
	}
	low, high, long, others := holds("low", "200", "u"), holds("high", "300", "u"), holds("long", "1000", "u"), holds("others", "100", "v")
	p, q := rings("p", "high"), rings("q", "others")
	generation := int64(1)
	later := func(o object, state pbx.State) object {
		generation++
		o.generation, o.state = generation, state
		return o
	}
	steps := []struct {
		what  string
		apply []object
		want  string
	}{
		{"holds nothing", []object{user("u"), p, q, others}, "NULL"},
		{"holds one", []object{long}, "1000"},
		{"the lowest, by length and then by digits", []object{low, high}, "200"},
		{"the primary's", []object{later(user("u", "p", "q"), pbx.Active)}, "300"},
		{"the primary's, deactivated", []object{later(high, pbx.Deactivated)}, "300"},
		{"the primary's, deleted", []object{later(high, pbx.Deleted)}, "200"},
		{"the primary's, restored", []object{later(high, pbx.Active)}, "300"},
		{"the primary's is somebody else's", []object{later(user("u", "q", "p"), pbx.Active)}, "200"},
		{"the primary's, without a number", []object{
			later(user("u", "p"), pbx.Active), later(holds("high", "", "u"), pbx.Active),
		}, "200"},
		{"the lowest is deleted", []object{later(low, pbx.Deleted)}, "1000"},
		{"the last is purged", []object{later(long, pbx.Purged)}, "NULL"},
	}
	for _, step := range steps {
		f.apply(step.apply...)
		equal(f.t, step.what, f.value("SELECT number FROM directory WHERE username = 'u'"), step.want)
		told := f.observe(user("u")).Facts.Number
		equal(f.t, step.what+", told", told, strings.Replace(step.want, "NULL", "", 1))
	}
}
