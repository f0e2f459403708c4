package storetest

import (
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// testNotes: what is said beside the changes is in the audit with them, after a purge as well, and nowhere without them.
func testNotes(f *fixture) {
	note := pbx.Item{Key: "elsewhere", Value: "popup of CRM (https://popup.example)"}
	phone := desk.but(func(o *object) { o.name, o.uid, o.phone.SIPUsername, o.phone.MAC = "noted", "uid-noted", "noted", "" })
	f.apply(phone)
	for i, state := range []pbx.State{pbx.Deleted, pbx.Deleted, pbx.Purged} {
		phone.generation = int64(10 + i)
		transition, _ := f.plan(phone.to(state))
		transition.Notes = []pbx.Item{note}
		if err := f.store.Apply(f.t.Context(), transition); err != nil {
			f.t.Fatal(err)
		}
	}
	equal(f.t, "what the audit says", f.rows("SELECT name, what, new_value FROM audit WHERE uid = 'uid-noted' AND what <> 'receipt' ORDER BY id"), []string{
		"uid-noted|created|", "uid-noted|state|Deleted", "uid-noted|elsewhere|",
		"uid-noted|purged|Purged", "uid-noted|elsewhere|" + note.Value,
	})
}
