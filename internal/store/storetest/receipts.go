package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
)

func testReceipts(t *testing.T, b Backend) {
	t.Run("Counts", func(t *testing.T) { testReceiptCounts(newFixture(t, b)) })
	t.Run("Chain", func(t *testing.T) { testReceiptChain(newFixture(t, b)) })
	t.Run("AtOnce", func(t *testing.T) {
		f := newFixture(t, b)
		users := names("u", 6)
		for _, name := range users {
			f.apply(user(name), user(name).to(pbx.Deleted))
		}
		f.together(len(users), func(i int) error {
			_, err := reconcile(t.Context(), f.store, user(users[i]).to(pbx.Purged))
			return err
		})
		f.receipts("at once", int64(len(users)), "")
	})
}

// receipts sees how many there are, and that what is wrong with them is told: nothing, or one word in each fault.
func (f *fixture) receipts(when string, count int64, fault string) {
	f.t.Helper()
	f.receiptsWith("", when, count, fault)
}

// receiptsWith has the hash of a receipt that was noted elsewhere.
func (f *fixture) receiptsWith(noted, when string, count int64, fault string) {
	f.t.Helper()
	got, err := sqlstore.VerifyReceipts(f.t.Context(), f.sql, noted)
	if err != nil {
		f.t.Fatal(err)
	}
	if told := strings.Join(got.Faults, "\n"); (told == "") != (fault == "") || !strings.Contains(told, fault) {
		f.t.Errorf("%s: told %q, want %q", when, told, fault)
	}
	if fault == "" && count > 0 {
		equal(f.t, when+": count", got.Count, count)
		equal(f.t, when+": last", got.Last, f.value("SELECT hash FROM pbx_purge_receipts WHERE seq = $1", count))
	}
}

// rowsByID gives the rows of the audit by their ids.
func (f *fixture) rowsByID() map[string]string {
	f.t.Helper()
	all := map[string]string{}
	for _, row := range f.rows("SELECT id, kind, name, what, old_value, new_value, requester, field_manager FROM audit") {
		id, rest, _ := strings.Cut(row, "|")
		all[id] = rest
	}
	return all
}

// testReceiptCounts: a receipt counts each row once that was removed, anonymised or kept.
func testReceiptCounts(f *fixture) {
	f.apply(ada, line, desk, user("bob"), user("eve"), holding("b", "1002", "bob"))
	f.fillSuite()
	f.hourLater()
	f.insert(call{"src": "1001", "dst": "1002", "clid": `"Ada Lovelace" <1001>`})
	f.insert(call{"src": "1002", "dst": "1001"})
	f.insert(call{"src": "1002", "dst": "1002", "clid": `"Ada" <+4955>`})
	f.insert(call{"src": "1002", "dst": "1002", "clid": `"Adam" <+4955>`})
	f.byHand("INSERT INTO voicemessages (dir, msgnum, mailboxuser, callerid) VALUES ('a', 0, '1002', 'Ada <1001>'), ('a', 1, '1002', 'x')")
	f.apply(ada.but(func(o *object) { o.user.LastName = "Byron" }), line.but(func(o *object) { o.number.DisplayName = "Ada's" }))
	f.apply(ada.to(pbx.Deleted).at(3))
	f.byHand("UPDATE audit SET requester = 'ada.l' WHERE name IN ('bob', 'ada')")
	before := f.rowsByID()
	f.apply(ada.to(pbx.Purged).at(4))
	after, changed := f.rowsByID(), int64(0)
	for id, row := range before {
		if after[id] != row {
			changed++
		}
	}
	for column, want := range map[string]map[string]int64{
		"removed": {
			"pbx_users": 1, "pbx_user_groups": 2, "pbx_user_services": 2, "preferences": 1, "contacts": 1, "meetings": 1, "pbx_holders": 5,
		},
		"anonymised": {
			"cdr": 3, "billing": 1, "messages": 2, "mentions": 2, "voicemessages": 1, "pbx_extensions": 1, "audit": changed,
		},
		"kept": {"cdr": 2, "billing": 1, "messages": 2, "mentions": 2, "contacts": 1, "meetings": 1, "pbx_extensions": 1},
	} {
		var got map[string]int64
		if err := json.Unmarshal([]byte(f.value("SELECT "+column+" FROM pbx_purge_receipts")), &got); err != nil {
			f.t.Error(err)
		}
		equal(f.t, column, got, want)
	}
	equal(f.t, "whose", f.value("SELECT seq, kind, namespace, uid, requester, previous_hash FROM pbx_purge_receipts"),
		"1|User|acme|uid-ada|kim@acme.example|")
	f.apply(holding("b", "1002", "bob").to(pbx.Deleted), holding("b", "1002", "bob").to(pbx.Purged).at(3), desk.to(pbx.Purged))
	f.receipts("of other kinds", 3, "")
	equal(f.t, "an extension's", f.value("SELECT removed, kept FROM pbx_purge_receipts WHERE seq = 2"),
		`{"pbx_extensions":1,"preferences":1,"voicemessages":2}|{}`)
	f.unchanged("a second purge", func() { f.apply(ada.to(pbx.Purged).at(5)) })
	equal(f.t, "told", f.observe(ada.to(pbx.Purged)).Receipt, f.value("SELECT hash FROM pbx_purge_receipts WHERE seq = 1"))
}

// testReceiptChain alters and removes receipts, and gives them back each time.
func testReceiptChain(f *fixture) {
	f.receipts("none", 0, "")
	for _, name := range names("u", 4) {
		f.apply(user(name), user(name).to(pbx.Purged))
	}
	f.receipts("four", 4, "")
	noted := f.value("SELECT hash FROM pbx_purge_receipts WHERE seq = 3")
	f.receiptsWith(noted, "one was noted", 4, "")
	f.receiptsWith("another", "one that is not there was noted", 4, "no receipt has the hash another")
	f.byHand("CREATE TABLE saved AS SELECT * FROM pbx_purge_receipts")
	tests := map[string]struct {
		statements string
		fault      string
	}{
		"the first is removed":     {"DELETE FROM pbx_purge_receipts WHERE seq = 1", "between receipts 0 and 2"},
		"one between is removed":   {"DELETE FROM pbx_purge_receipts WHERE seq = 3", "between receipts 2 and 4"},
		"the last is removed":      {"DELETE FROM pbx_purge_receipts WHERE seq = 4", "receipt 4 (UID uid-u3), which the audit names, is missing"},
		"all are removed":          {"DELETE FROM pbx_purge_receipts", "receipt 1 (UID uid-u0), which the audit names, is missing"},
		"a gap is closed":          {"DELETE FROM pbx_purge_receipts WHERE seq = 2; UPDATE pbx_purge_receipts SET seq = seq - 1 WHERE seq = 3; UPDATE pbx_purge_receipts SET seq = 3 WHERE seq = 4", "does not follow"},
		"two are swapped":          {"UPDATE pbx_purge_receipts SET seq = 9 WHERE seq = 2; UPDATE pbx_purge_receipts SET seq = 2 WHERE seq = 3; UPDATE pbx_purge_receipts SET seq = 3 WHERE seq = 9", "does not follow"},
		"the last gets a new seal": {"UPDATE pbx_purge_receipts SET hash = 'new' WHERE seq = 4", "receipt 4 (UID uid-u3) was altered"},
		"an old one is forged":     {"UPDATE pbx_purge_receipts SET hash = 'new' WHERE seq = 2; UPDATE pbx_purge_receipts SET previous_hash = 'new' WHERE seq = 3", "receipt 3 (UID uid-u2) was altered"},
	}
	for _, column := range []string{"at", "kind", "namespace", "uid", "requester", "removed", "anonymised", "kept", "previous_hash"} {
		for _, seq := range []int{1, 3, 4} {
			test := tests["altered"]
			test.statements = fmt.Sprintf("UPDATE pbx_purge_receipts SET %s = 'x' WHERE seq = %d", column, seq)
			test.fault = fmt.Sprintf("receipt %d (UID", seq)
			tests[test.statements] = test
		}
	}
	for what, tt := range tests {
		for _, statement := range strings.Split(tt.statements, ";") {
			f.byHand(statement)
		}
		f.receipts(what, 0, tt.fault)
		f.byHand("DELETE FROM pbx_purge_receipts")
		f.byHand("INSERT INTO pbx_purge_receipts SELECT * FROM saved")
	}
	f.receipts("given back", 4, "")
}
