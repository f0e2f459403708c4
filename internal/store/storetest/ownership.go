package storetest

import (
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func testOwnership(t *testing.T, b Backend) {
	for name, test := range map[string]func(*fixture){
		"SameIdentityAndContent": testSilentTakeOver,
		"SameIdentity":           testTakeOver,
		"AnotherIdentity":        testAnotherIdentity,
		"Adopt":                  testAdopt,
		"InsertedByHand":         testInsertedByHand,
		"Release":                testRelease,
		"PurgeOfAForeignRecord":  testForeignPurge,
		"ErasedIsFinal":          testErasedIsFinal,
		"RemovedByHand":          testRemovedByHand,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFixture(t, b))
		})
	}
}

// identified gives an object with another identity.
func identified(o object, identity string) object {
	switch o.kind {
	case pbx.KindUser:
		o.user.Email = identity
	case pbx.KindExtension:
		o.number.Number = identity
	default:
		o.phone.SIPUsername = identity
	}
	return o
}

func (f *fixture) ownerOf(o object) string {
	f.t.Helper()
	return f.value("SELECT uid, generation FROM "+tableOf[o.kind]+" WHERE name = $1", o.name)
}

// A cluster that was built anew finds its records, and writes nothing.
func testSilentTakeOver(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o)
		f.unchanged("same identity and content", func() { f.apply(o.of("new")) })
		f.quiet(o.of("new"))
	}
}

func testTakeOver(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o, o.to(pbx.Deleted))
		restored := o.of("new")
		plan := f.apply(restored)
		equal(f.t, "first step", plan.Changes[0], pbx.Change(pbx.TakeOver{
			From: pbx.Owner{UID: o.uid, Generation: 2}, To: pbx.Owner{UID: "new", Generation: 1},
		}))
		equal(f.t, "owner", f.ownerOf(o), "new|1")
		f.sameAs(restored)
		f.quiet(restored)
	}
	f.apply(ada)
	upper := identified(ada, "ADA@Acme.Example").of("newer")
	f.apply(upper)
	equal(f.t, "owner by an address in capitals", f.ownerOf(ada), "newer|1")
}

func testAnotherIdentity(f *fixture) {
	nobody := identified(user("nobody"), "")
	f.apply(append(fullObjects, nobody)...)
	foreign := []object{
		identified(ada, "eve@acme.example"), identified(ada, ""), nobody, identified(nobody, "eve@acme.example"),
		identified(line, "1009"), identified(line, ""), identified(desk, "other-sip"),
	}
	for _, o := range foreign {
		for _, state := range states {
			f.unchanged("a foreign record", func() {
				_, err := reconcile(f.t.Context(), f.store, o.to(state).of("new"))
				var owned *pbx.OwnedError
				if !errors.As(err, &owned) || owned.Owner.UID != "uid-"+o.name || owned.State != pbx.Active {
					f.t.Errorf("%s: error = %v, want it to name the owner", o.key(), err)
				}
			})
		}
	}
}

func testAdopt(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o)
		adopting := identified(o, "1009").of("new")
		adopting.adopt = true
		f.apply(adopting)
		equal(f.t, "owner", f.ownerOf(o), "new|1")
		f.sameAs(adopting)
		f.quiet(adopting)
		if _, err := reconcile(f.t.Context(), f.store, o.to(pbx.Deleted)); err == nil {
			f.t.Errorf("%s: its first object still has it", o.key())
		}
	}
}

// What was there before the operator is a foreign record, too.
func testInsertedByHand(f *fixture) {
	f.byHand("INSERT INTO pbx_users (name, email, department) VALUES ('ada', 'Ada@acme.example', 'Sales')")
	f.byHand("INSERT INTO pbx_extensions (name, number) VALUES ('line', '1001')")
	f.byHand("INSERT INTO pbx_phones (name, sip_username) VALUES ('desk', 'desk-sip')")
	for _, o := range fullObjects {
		f.unchanged("another identity", func() {
			_, err := reconcile(f.t.Context(), f.store, identified(o, "1009"))
			var owned *pbx.OwnedError
			if !errors.As(err, &owned) || owned.Owner.UID != "" {
				f.t.Errorf("%s: error = %v, want *pbx.OwnedError without an owner", o.key(), err)
			}
		})
		plan := f.apply(o)
		equal(f.t, "first step", plan.Changes[0], pbx.Change(pbx.TakeOver{To: pbx.Owner{UID: o.uid, Generation: 1}}))
		equal(f.t, "drift", plan.Drift(), nil)
		f.sameAs(o)
		f.quiet(o)
	}
	f.byHand("INSERT INTO pbx_users (name) VALUES ('bare')")
	_, err := reconcile(f.t.Context(), f.store, user("bare"))
	var owned *pbx.OwnedError
	if !errors.As(err, &owned) {
		f.t.Errorf("without an email: error = %v, want *pbx.OwnedError", err)
	}
	adopting := user("bare")
	adopting.adopt = true
	f.apply(adopting)
	f.quiet(adopting)
}

// An object that goes leaves alone what is not its own, and makes nothing.
func testRelease(f *fixture) {
	going := func(o object) object {
		o.release = true
		return o.to(pbx.Deleted)
	}
	for _, o := range fullObjects {
		f.unchanged("nothing there", func() { f.apply(going(o)) })
		f.apply(o)
		f.unchanged("a foreign record", func() { f.apply(going(identified(o, "1009").of("new"))) })
		f.apply(going(o))
		if got := f.observe(o).Record.State(); got != pbx.Deleted {
			f.t.Errorf("its own record is %s", got)
		}
		f.quiet(going(o))
	}
}

func testForeignPurge(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o)
		foreign := identified(o, "1009").of("new").to(pbx.Purged)
		f.unchanged("another identity", func() {
			_, err := reconcile(f.t.Context(), f.store, foreign)
			var owned *pbx.OwnedError
			if !errors.As(err, &owned) {
				f.t.Errorf("%s: error = %v, want *pbx.OwnedError", o.key(), err)
			}
		})
		// Without names: make sure that nothing of it is left.
		bare := newObject(o.kind, o.name).of("new").bornPurged()
		bare.phone.SIPUsername, bare.number.Number, bare.user.Email = "", "", ""
		f.apply(bare)
		if f.observe(o).Record != nil {
			f.t.Errorf("%s is still there", o.key())
		}
		f.quiet(bare)
	}
}

func testErasedIsFinal(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o, o.to(pbx.Purged))
		f.unchanged("the same object once more", func() {
			_, err := reconcile(f.t.Context(), f.store, o.to(pbx.Active))
			equal(f.t, "error", err, error(&pbx.ErasedError{Key: o.key()}))
		})
		f.apply(o.of("new-" + o.name))
		f.sameAs(o.of("new-" + o.name))
		f.quiet(o.of("new-" + o.name))
		// What is kept of the first one under its id is not the second one's.
		equal(f.t, "id", f.value("SELECT id FROM "+tableOf[o.kind]+" WHERE name = $1", o.name), "new-"+o.name)
	}
}

// A record that somebody removed comes back as it was, as drift, under its id: also if other objects had it before.
func testRemovedByHand(f *fixture) {
	for _, o := range fullObjects {
		f.apply(o)
		id := f.value("SELECT id FROM "+tableOf[o.kind]+" WHERE name = $1", o.name)
		second, third := o.of("second").to(pbx.Deactivated), o.of("third")
		for _, owner := range []object{o, second, third} {
			f.apply(owner)
			f.byHand("DELETE FROM "+tableOf[o.kind]+" WHERE name = $1", o.name)
			plan := f.apply(owner)
			equal(f.t, "first step", plan.Changes[0], pbx.Change(pbx.Create{State: owner.state, Drift: true}))
			equal(f.t, "id", f.value("SELECT id FROM "+tableOf[o.kind]+" WHERE name = $1", o.name), id)
			f.sameAs(owner)
			f.quiet(owner)
		}
	}
}
