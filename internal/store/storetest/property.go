package storetest

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// Converge tries random companies: objects are declared with values that collide, somebody else edits the store, and
// whatever is reconciled in whatever order, it ends in the one state that was declared. Another number of checks than
// rapid's own is for a slower database; what is given on the command line counts.
func Converge(t *testing.T, b Backend, checks int) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(checks)); err != nil {
			t.Fatal(err)
		}
		defer f.Value.Set(f.DefValue) //nolint:errcheck // it was its own
	}
	f := newFixture(t, b)
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, ctx: f.t.Context(), store: f.store, sql: f.sql, fixture: f, objects: map[pbx.Key]object{}}
		w.clear()
		for range rapid.IntRange(3, 25).Draw(t, "steps") {
			w.step()
		}
		w.settle()
		w.check()
	})
}

// world is a company while it is tried.
type world struct {
	*rapid.T
	ctx     context.Context
	store   store.Store
	sql     *sql.DB
	fixture *fixture
	objects map[pbx.Key]object
	births  int
	// purged are the personal words of the users that were purged.
	purged []string
}

// clear empties the store, except for its own settings.
func (w *world) clear() {
	for _, table := range []string{"pbx_users", "pbx_extensions", "pbx_phones", "audit", "pbx_changes"} {
		if _, err := w.sql.ExecContext(w.ctx, "DELETE FROM "+table); err != nil {
			w.Fatalf("clear: %v", err)
		}
	}
}

func (w *world) step() {
	switch rapid.SampledFrom([]string{"declare", "declare", "reconcile", "reconcile", "offboard", "edit"}).Draw(w.T, "step") {
	case "declare":
		w.declare()
	case "reconcile":
		w.reconcileOne()
	case "offboard":
		w.offboard()
	default:
		w.editByHand()
	}
}

var kinds = []pbx.Kind{pbx.KindUser, pbx.KindExtension, pbx.KindPhoneService}

// declare makes an object, changes one, or replaces a purged one by another of its name.
func (w *world) declare() {
	kind := rapid.SampledFrom(kinds).Draw(w.T, "kind")
	key := pbx.Key{Kind: kind, Name: rapid.SampledFrom([]string{"n0", "n1", "n2", "n3"}).Draw(w.T, "name")}
	o, there := w.objects[key]
	if !there || o.state == pbx.Purged && w.gone(o) {
		w.births++
		o = object{kind: kind, name: key.Name, uid: fmt.Sprint("uid-", w.births), state: pbx.Active}
	}
	o.generation++
	o.state = rapid.SampledFrom(movesFrom[o.state]).Draw(w.T, "state")
	o.adopt = rapid.Bool().Draw(w.T, "adopt")
	w.specify(&o)
	w.objects[key] = o
}

// movesFrom are the moves that the API server allows.
var movesFrom = map[pbx.State][]pbx.State{
	pbx.Active:      {pbx.Active, pbx.Active, pbx.Deactivated, pbx.Deleted},
	pbx.Deactivated: {pbx.Deactivated, pbx.Active, pbx.Deleted},
	pbx.Deleted:     {pbx.Deleted, pbx.Active, pbx.Deactivated, pbx.Purged, pbx.Purged},
	pbx.Purged:      {pbx.Purged},
}

func (w *world) gone(o object) bool {
	seen, err := w.store.Observe(w.ctx, o.desired())
	if err != nil {
		w.Fatalf("Observe: %v", err)
	}
	return seen.Record == nil && !seen.Traces
}

func (w *world) specify(o *object) {
	switch o.kind {
	case pbx.KindUser:
		o.user = w.someUser(o.uid)
	case pbx.KindExtension:
		o.number = pbx.Number{
			Number:        w.one("number", "", "100", "101", "102", "1000", "1001"),
			DirectNumbers: w.some("direct numbers", 3, "+491", "+492", "+493"),
			Holder:        w.one("holder", "", "n0", "n1", "n2", "nobody"),
			DisplayName:   w.one("display name", "", "Lobby"),
			Voicemail:     pbx.Voicemail{Enabled: rapid.Bool().Draw(w.T, "voicemail")},
		}
	default:
		o.phone = pbx.Phone{
			Type: "Local", Label: w.one("label", "", "Desk"), Extension: w.one("extension", "", "n0", "n1"),
			MAC: w.one("mac", "", "00:00:00:00:00:0A", "00-00-00-00-00-0b"), SIPUsername: w.one("account", "", "s1", "s2", "s3"),
			Password: w.one("password", "", "one", "two"),
		}
	}
}

// someUser has words that are hers alone.
func (w *world) someUser(uid string) pbx.User {
	word := func(what string) string { return w.one(what, "", personalWord(uid, "1"), personalWord(uid, "2")) }
	u := pbx.User{
		FirstName: word("first name"), LastName: word("last name"), Department: word("department"), Role: word("role"),
		Email: word("email"), Login: w.one("login", "", "a", "A", "b", "c", personalWord(uid, "login")),
		AgentIDs: w.some("agent IDs", 2, "7", "8", "9"), Groups: w.some("groups", 2, "staff", personalWord(uid, "group")),
		Services: w.some("services", 8, "n0", "n1", "n2", "n3", "s4", "s5", "s6", "s7", "s8"),
	}
	if account := word("account"); account != "" {
		u.Integrations = []pbx.Item{{Key: "zoom", Value: account}}
	}
	if len(u.Services) > 0 {
		u.PrimaryService = rapid.SampledFrom(u.Services).Draw(w.T, "primary")
	}
	return u
}

func personalWord(uid, word string) string { return "<" + uid + "> " + word }

func (w *world) one(what string, values ...string) string {
	return rapid.SampledFrom(values).Draw(w.T, what)
}

func (w *world) some(what string, most int, values ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, most, rapid.ID).Draw(w.T, what)
}

func (w *world) reconcileOne() {
	if len(w.objects) > 0 {
		w.reconcile(w.objects[rapid.SampledFrom(w.keys()).Draw(w.T, "reconciled")])
	}
}

// offboard takes a user to the end, with a change of the spec before it.
func (w *world) offboard() {
	key := pbx.Key{Kind: pbx.KindUser, Name: w.one("offboarded", "n0", "n1", "n2", "n3")}
	o, there := w.objects[key]
	if !there || o.state == pbx.Purged {
		return
	}
	w.reconcile(o)
	w.specify(&o)
	for _, state := range []pbx.State{o.state, pbx.Deleted, pbx.Purged} {
		o = o.to(state)
		w.reconcile(o)
	}
	w.objects[key] = o
}

func (w *world) keys() []pbx.Key {
	var keys []pbx.Key
	for key := range w.objects {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b pbx.Key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// reconcile gives the plan that was applied: none if the record is another's.
func (w *world) reconcile(o object) pbx.Plan {
	plan, err := reconcile(w.ctx, w.store, o)
	var owned *pbx.OwnedError
	var erased *pbx.ErasedError
	if errors.As(err, &owned) || errors.As(err, &erased) {
		return pbx.Plan{}
	}
	if err != nil {
		w.Fatalf("reconcile %s: %v", o.key(), err)
	}
	if o.kind == pbx.KindUser && o.state == pbx.Purged && len(plan.Changes) > 0 {
		w.purged = append(w.purged, "<"+o.uid+">")
	}
	return plan
}

// editByHand does to the store what it lets somebody do.
func (w *world) editByHand() {
	name := w.one("edited", "n0", "n1", "n2", "n3", "h0")
	statement := rapid.SampledFrom([]string{
		"UPDATE pbx_users SET first_name = 'hand' WHERE name = $1",
		"UPDATE pbx_users SET login = NULL WHERE name = $1",
		"UPDATE pbx_users SET login = 'b' WHERE name = $1",
		"UPDATE pbx_users SET state = 'Deleted' WHERE name = $1",
		"UPDATE pbx_users SET applied = '' WHERE name = $1",
		"UPDATE pbx_users SET uid = '' WHERE name = $1",
		"UPDATE pbx_users SET primary_service = 'n1' WHERE name = $1",
		"UPDATE pbx_extensions SET number = '101' WHERE name = $1",
		"UPDATE pbx_extensions SET number = NULL, holder = '' WHERE name = $1",
		"UPDATE pbx_phones SET sip_username = 's1', ha1 = 'hand' WHERE name = $1",
		"DELETE FROM pbx_users WHERE name = $1",
		"DELETE FROM pbx_extensions WHERE name = $1",
		"DELETE FROM pbx_phones WHERE name = $1",
		"INSERT INTO pbx_users (name, login) VALUES ($1, 'c')",
		"INSERT INTO pbx_extensions (name, number) VALUES ($1, '102')",
		"INSERT INTO pbx_phones (name, sip_username) VALUES ($1, 's3')",
		"INSERT INTO pbx_user_groups (user_id, group_name) SELECT id, 'hand' FROM pbx_users WHERE name = $1",
		"INSERT INTO pbx_user_agent_ids (agent_id, user_id) SELECT '9', id FROM pbx_users WHERE name = $1",
		"INSERT INTO pbx_user_services (user_id, service_name, slot) SELECT id, 'hand', 8 FROM pbx_users WHERE name = $1",
		"DELETE FROM pbx_user_services WHERE user_id = (SELECT id FROM pbx_users WHERE name = $1)",
		"UPDATE pbx_user_agent_ids SET user_id = (SELECT id FROM pbx_users WHERE name = $1) WHERE agent_id = '7'",
		"DELETE FROM pbx_direct_numbers WHERE extension_id = (SELECT id FROM pbx_extensions WHERE name = $1)",
	}).Draw(w.T, "edit")
	_, _ = w.sql.ExecContext(w.ctx, statement, name) // what is refused is not done
}

// settle reconciles all objects, in any order, until a round changes nothing.
func (w *world) settle() {
	for round := 0; ; round++ {
		keys, changes := rapid.Permutation(w.keys()).Draw(w.T, "order"), 0
		for _, key := range keys {
			changes += len(w.reconcile(w.objects[key]).Changes)
		}
		if changes == 0 {
			return
		}
		if round > len(keys)+3 {
			w.Fatalf("it does not come to rest")
		}
	}
}

func (w *world) check() {
	rows, err := readRows(w.ctx, w.sql, broken)
	if err != nil || len(rows) > 0 {
		w.Fatalf("users who break the rule of services: %q, %v", rows, err)
	}
	for _, key := range w.keys() {
		w.checkObject(w.objects[key])
	}
	w.checkPurged()
	w.checkHistory()
}

// checkObject sees that the record is as declared, except for values whose holder the plan names, and rightly so.
func (w *world) checkObject(o object) {
	d := o.desired()
	seen, err := w.store.Observe(w.ctx, d)
	if err != nil {
		w.Fatalf("Observe %s: %v", o.key(), err)
	}
	plan, err := pbx.MakePlan(d, seen)
	if err != nil {
		return // another's, and left alone
	}
	if len(plan.Changes) > 0 {
		w.Fatalf("%s: something is left to do: %+v", o.key(), plan.Changes)
	}
	if o.state == pbx.Purged {
		return
	}
	held := map[pbx.Claim]bool{}
	for _, conflict := range plan.Conflicts {
		held[conflict.Claim] = true
		if conflict.Holder.Key == o.key() || !w.holds(conflict.Holder.Key, conflict.Claim) {
			w.Fatalf("%s: %s is said to hold %v", o.key(), conflict.Holder.Key, conflict.Claim)
		}
	}
	for _, claim := range d.Claims() {
		if held[claim] == hasClaim(seen.Record, claim) {
			w.Fatalf("%s: %v: held by another: %v, has it: %v", o.key(), claim, held[claim], hasClaim(seen.Record, claim))
		}
	}
	w.checkLists(d, seen.Record, held)
	for field, want := range d.Fields {
		claimed := pbx.SchemaOf(o.kind).Spec(field).Claim || field == pbx.FieldMailbox
		if got := seen.Record.Fields[field]; got != want && (!claimed || got != "") {
			w.Fatalf("%s: %s = %q, want %q", o.key(), field, got, want)
		}
	}
}

// checkLists sees that the lists are as declared, without what others hold.
func (w *world) checkLists(d pbx.Desired, r *pbx.Record, held map[pbx.Claim]bool) {
	free := d.Clone()
	for list, items := range free.Lists {
		free.Lists[list] = slices.DeleteFunc(items, func(i pbx.Item) bool {
			return held[pbx.Claim{List: list, Value: i.Key}]
		})
	}
	if diff := cmp.Diff(sortedLists(free), sortedLists(r.Content)); diff != "" {
		w.Fatalf("%s: lists: -declared +stored:\n%s", d.Key, diff)
	}
}

func hasClaim(r *pbx.Record, claim pbx.Claim) bool {
	if claim.Field != "" {
		return r.Fields[claim.Field] == claim.Value
	}
	return slices.ContainsFunc(r.Lists[claim.List], func(i pbx.Item) bool { return i.Key == claim.Value })
}

// holds looks in the store itself who has a value.
func (w *world) holds(key pbx.Key, claim pbx.Claim) bool {
	query := "SELECT name FROM " + tableOf[key.Kind] + " WHERE lower(" + string(claim.Field) + ") = lower($1)"
	switch claim.List {
	case pbx.ListAgentIDs:
		query = "SELECT u.name FROM pbx_users u JOIN pbx_user_agent_ids a ON a.user_id = u.id WHERE a.agent_id = $1"
	case pbx.ListDirectNumbers:
		query = "SELECT e.name FROM pbx_extensions e JOIN pbx_direct_numbers d ON d.extension_id = e.id WHERE d.number = $1"
	}
	rows, err := readRows(w.ctx, w.sql, query, claim.Value)
	if err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return slices.Equal(rows, []string{key.Name})
}

// checkPurged looks for a word of a purged user in every text of the store.
func (w *world) checkPurged() {
	if len(w.purged) == 0 {
		return
	}
	if found := w.fixture.search(w.purged...); len(found) > 0 {
		w.Fatalf("left after a purge: %q", found)
	}
}

// checkHistory sees that the history of holders ends with who holds what now.
func (w *world) checkHistory() {
	const held = "SELECT kind, address, user_id, service FROM "
	want, err := readRows(w.ctx, w.sql, held+"pbx_holding ORDER BY 1, 2, 3, 4")
	if err != nil {
		w.Fatalf("who holds what: %v", err)
	}
	got, err := readRows(w.ctx, w.sql, held+"pbx_holders WHERE until IS NULL ORDER BY 1, 2, 3, 4")
	if err != nil {
		w.Fatalf("the history of holders: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.Fatalf("the history of holders: -holding +history:\n%s", diff)
	}
}
