package storetest

import (
	"errors"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

func testOpen(t *testing.T, b Backend) {
	for name, test := range map[string]func(*testing.T, Backend){
		"Again":         testOpenAgain,
		"TooNew":        testTooNew,
		"OfAnother":     testOfAnother,
		"Takeover":      testTakeover,
		"ReleaseAndGo":  testReleaseStore,
		"InUseAndEmpty": testInUseAndEmpty,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

func testOpenAgain(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	info := f.store.Info()
	if info.Location == "" || info.SchemaVersion < 1 || info.TakenOver != "" {
		t.Errorf("Info = %+v", info)
	}
	inUse := mine
	inUse.InUse = true
	before := f.dump()
	f.store = open(t, f.db, inUse)
	equal(t, "Info", f.store.Info(), info)
	after := f.dump()
	delete(before, "pbx_writer") // the epoch
	delete(after, "pbx_writer")
	equal(t, "the tables", after, before)
	f.quiet(fullObjects...)
}

// refusedOpen opens a store that must be left as it is.
func (f *fixture) refusedOpen(claim store.Claim) (err error) {
	f.t.Helper()
	f.unchanged("a refused Open", func() {
		var s store.Store
		if s, err = f.db.Open(f.t.Context(), claim); err == nil {
			f.t.Error("opened")
			_ = s.Close()
		}
	})
	return err
}

func testTooNew(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	known := f.store.Info().SchemaVersion
	f.byHand("INSERT INTO pbx_schema (version_id, is_applied) VALUES ($1, $2)", known+1, true)
	err := f.refusedOpen(mine)
	var tooNew *store.TooNewError
	if !errors.As(err, &tooNew) || *tooNew != (store.TooNewError{Have: known + 1, Known: known}) {
		t.Errorf("error = %v, want *store.TooNewError", err)
	}
	f.apply(ada.to(pbx.Deleted)) // whoever has it open goes on
}

func testOfAnother(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	others := []store.Claim{
		{UID: "other", Namespace: "acme", Name: "default"},
		{UID: "other", Namespace: "acme", Name: "default", InUse: true},
		{UID: "other", Namespace: "else", Name: "where", Takeover: "third"},
		{UID: "other", Namespace: "else", Name: "where", Takeover: "other"},
	}
	for _, claim := range others {
		err := f.refusedOpen(claim)
		var owned *store.OwnedError
		if !errors.As(err, &owned) || *owned != (store.OwnedError{UID: "mine", Namespace: "acme", Name: "default"}) {
			t.Errorf("%+v: error = %v, want *store.OwnedError that names the owner", claim, err)
		}
	}
	f.apply(ada.to(pbx.Deleted))
}

func testTakeover(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	old := f.store
	claim := store.Claim{UID: "new", Namespace: "else", Name: "where", Takeover: "mine"}
	f.store = open(t, f.db, claim)
	equal(t, "taken over", f.store.Info().TakenOver, "mine")
	if err := old.Release(t.Context()); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the old owner: error = %v, want store.ErrFenced", err)
	}
	f.quiet(fullObjects...)
	f.apply(ada.to(pbx.Deleted))
	equal(t, "namespace in the audit", f.value("SELECT namespace FROM audit WHERE new_value = 'Deleted'"), "else")
	f.byHand(touchSystem)
	f.wokenBy("only the mark", always)
	// Once it is taken over, the word means nothing any more, and the old owner is a stranger.
	f.store = open(t, f.db, claim)
	equal(t, "taken over twice", f.store.Info().TakenOver, "")
	var owned *store.OwnedError
	if err := f.refusedOpen(mine); !errors.As(err, &owned) || owned.UID != "new" {
		t.Errorf("error = %v, want *store.OwnedError that names the new owner", err)
	}
}

func testReleaseStore(t *testing.T, b Backend) {
	f := newFixture(t, b)
	f.apply(fullObjects...)
	before := f.dump()
	if err := f.store.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := f.dump()
	delete(before, "pbx_system")
	delete(after, "pbx_system")
	equal(t, "the data after Release", after, before)
	f.store = open(t, f.db, store.Claim{UID: "new", Namespace: "else", Name: "where"})
	equal(t, "taken over", f.store.Info().TakenOver, "")
	f.quiet(fullObjects...)
	var owned *store.OwnedError
	if err := f.refusedOpen(mine); !errors.As(err, &owned) {
		t.Errorf("error = %v, want *store.OwnedError", err)
	}
}

// testInUseAndEmpty: a store that was in use and has nothing is not the store; to begin anew must be said.
func testInUseAndEmpty(t *testing.T, b Backend) {
	db := b.New(t)
	inUse := mine
	inUse.InUse = true
	for _, takeover := range []string{"", "other"} {
		inUse.Takeover = takeover
		if s, err := db.Open(t.Context(), inUse); !errors.Is(err, store.ErrMissing) {
			t.Errorf("store %v, error = %v, want store.ErrMissing", s, err)
		}
	}
	f := &fixture{t: t, db: db, sql: db.SQL(t)}
	equal(t, "tables", f.tables(), nil)
	inUse.Takeover = mine.UID
	f.store = open(t, db, inUse)
	f.apply(ada)
	f.quiet(ada)
}
