package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/sqlstore"
)

func testReceipts(t *testing.T, b Backend) {
	t.Run("Counts", func(t *testing.T) { testReceiptCounts(newFixture(t, b)) })
	t.Run("Chain", func(t *testing.T) { testReceiptChain(newFixture(t, b)) })
	t.Run("Requester", func(t *testing.T) { testReceiptRequester(newFixture(t, b)) })
	t.Run("LastOfBoth", func(t *testing.T) { testReceiptLastOfBoth(newFixture(t, b)) })
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
	f.apply(ada, line, desk, user("bob"), user("eve"), holding("b", "1002", "bob"), ringing("bobs", "b"))
	f.fillSuite()
	f.hourLater()
	f.insert(call{"channel": "desk-sip", "src": "1001", "dst": "1002", "clid": `"Ada Lovelace" <1001>`})
	f.insert(call{"channel": "bobs", "src": "1002", "dst": "1001"})
	f.insert(call{"channel": "bobs", "src": "1002", "dst": "1002", "clid": `"Ada" <+4955>`})
	f.insert(call{"channel": "bobs", "src": "1002", "dst": "1002", "clid": `"Adam" <+4955>`})
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
			"pbx_users": 1, "pbx_user_groups": 2, "pbx_user_services": 2, "preferences": 1, "contacts": 1, "meetings": 1, "pbx_holders": 4,
		},
		"anonymised": {
			"cdr": 3, "billing": 1, "messages": 2, "mentions": 2, "voicemessages": 1, "pbx_extensions": 1, "pbx_holders": 1, "audit": changed,
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

// purgedBy purges an object as somebody asks for it.
func (f *fixture) purgedBy(requester string, o object) {
	f.t.Helper()
	transition, _ := f.plan(o.to(pbx.Purged))
	transition.Author = store.Author{Requester: requester, FieldManager: "kubectl"}
	f.mustApply(transition)
}

// testReceiptRequester: a purge takes the person out of the receipts of what they asked for, and the chain holds.
func testReceiptRequester(f *fixture) {
	f.apply(ada)
	requesters := []string{
		"ada@acme.example", "kim@acme.example", "ada.l", "oidc:ADA@acme.example", "ada.lo", "", "ada@acme.example", "adada@acme.example",
	}
	of := map[string]bool{"ada@acme.example": true, "ada.l": true, "oidc:ADA@acme.example": true}
	kinds := []func(string) object{
		func(name string) object { return user(name) }, func(name string) object { return extension(name, "2001") }, phone,
	}
	for i, requester := range requesters {
		o := kinds[i%len(kinds)](fmt.Sprintf("r%d", i))
		f.apply(o)
		f.purgedBy(requester, o)
	}
	const query = "SELECT requester, requester_salt, requester_hash, hash FROM pbx_purge_receipts ORDER BY seq"
	before, salts := f.rows(query), map[string]bool{}
	for i, row := range before {
		columns := strings.Split(row, "|")
		equal(f.t, "requester", columns[0], requesters[i])
		if requesters[i] == "" {
			equal(f.t, "of nobody", columns[:3], []string{"", "", ""})
			continue
		}
		if salts[columns[1]] || len(columns[1]) != 64 {
			f.t.Errorf("salt %q is not random", columns[1])
		}
		salts[columns[1]] = true
		sum := sha256.Sum256([]byte(columns[1] + columns[0]))
		equal(f.t, "hash of "+requesters[i], columns[2], hex.EncodeToString(sum[:]))
	}
	f.receipts("before", int64(len(requesters)), "")
	f.apply(ada.to(pbx.Deleted), ada.to(pbx.Purged).at(3))
	after := f.rows(query)
	for i, row := range before {
		if of[requesters[i]] {
			columns := strings.Split(row, "|")
			row = "||" + columns[2] + "|" + columns[3]
		}
		equal(f.t, requesters[i]+" after", after[i], row)
	}
	f.receipts("after", int64(len(requesters)+1), "")
	var counts map[string]int64
	if err := json.Unmarshal([]byte(f.value("SELECT anonymised FROM pbx_purge_receipts WHERE uid = 'uid-ada'")), &counts); err != nil {
		f.t.Error(err)
	}
	equal(f.t, "count", counts["pbx_purge_receipts"], int64(4))
	eve := user("eve")
	f.apply(eve)
	f.purgedBy("eve", eve)
	equal(f.t, "who asked to be purged", f.value("SELECT requester, requester_salt, requester_hash FROM pbx_purge_receipts WHERE uid = 'uid-eve'"), "||")
	f.receipts("of oneself", int64(len(requesters)+2), "")
}

// testReceiptLastOfBoth: that the last receipt is gone from the audit, too, only a noted hash tells.
func testReceiptLastOfBoth(f *fixture) {
	f.apply(user("u"), user("u").to(pbx.Purged), user("v"), user("v").to(pbx.Purged))
	noted := f.value("SELECT hash FROM pbx_purge_receipts WHERE seq = 2")
	f.byHand("DELETE FROM audit WHERE what = 'receipt' AND new_value = $1", noted)
	f.byHand("DELETE FROM pbx_purge_receipts WHERE hash = $1", noted)
	f.receipts("none was noted", 1, "")
	f.receiptsWith(noted, "it was noted", 1, "no receipt has the hash "+noted)
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
	f.byHand("CREATE TABLE saved_audit AS SELECT * FROM audit WHERE what = 'receipt'")
	salt := strings.Repeat("0", 64)
	fits := sha256.Sum256([]byte(salt + "eve"))
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

		"the audit's row of the last is removed":    {"DELETE FROM audit WHERE what = 'receipt' AND old_value = '4'", "the audit does not name receipt 4 (UID uid-u3)"},
		"all of the audit's rows are removed":       {"DELETE FROM audit WHERE what = 'receipt'", "the audit does not name receipt 1 (UID uid-u0)"},
		"the audit names another":                   {"UPDATE audit SET new_value = 'x' WHERE what = 'receipt' AND old_value = '4'", "the audit does not name receipt 4 (UID uid-u3)"},
		"the audit's row is of something else":      {"UPDATE audit SET what = 'note' WHERE what = 'receipt' AND old_value = '2'", "the audit does not name receipt 2 (UID uid-u1)"},
		"the requester is taken out, not the salt":  {"UPDATE pbx_purge_receipts SET requester = '' WHERE seq = 2", "receipt 2 (UID uid-u1) was altered"},
		"the requester is taken out, with the salt": {"UPDATE pbx_purge_receipts SET requester = '', requester_salt = '' WHERE seq = 2", "1 receipts have lost who asked, and purges took it out of 0"},
		"nobody is said to have asked":              {"UPDATE pbx_purge_receipts SET requester = '', requester_salt = '', requester_hash = '' WHERE seq = 4", "receipt 4 (UID uid-u3) was altered"},
		"a letter passes for one of the salt":       {"UPDATE pbx_purge_receipts SET requester_salt = requester_salt || 'k', requester = 'im@acme.example' WHERE seq = 2", "receipt 2 (UID uid-u1) was altered"},
		"another asked, with a hash that fits":      {"UPDATE pbx_purge_receipts SET requester = 'eve', requester_salt = '" + salt + "', requester_hash = '" + hex.EncodeToString(fits[:]) + "' WHERE seq = 4", "receipt 4 (UID uid-u3) was altered"},
	}
	for _, column := range []string{"at", "kind", "namespace", "uid", "requester", "requester_salt", "requester_hash", "removed", "anonymised", "kept", "previous_hash"} {
		for _, seq := range []int{1, 3, 4} {
			test := tests["altered"]
			test.statements = fmt.Sprintf("UPDATE pbx_purge_receipts SET %s = 'x' WHERE seq = %d", column, seq)
			test.fault = fmt.Sprintf("receipt %d (UID", seq)
			tests[test.statements] = test
		}
	}
	const columns = "kind, namespace, name, uid, generation, what, old_value, new_value, requester, field_manager"
	for what, tt := range tests {
		for _, statement := range strings.Split(tt.statements, ";") {
			f.byHand(statement)
		}
		f.receipts(what, 0, tt.fault)
		f.byHand("DELETE FROM pbx_purge_receipts")
		f.byHand("INSERT INTO pbx_purge_receipts SELECT * FROM saved")
		f.byHand("DELETE FROM audit WHERE what IN ('receipt', 'note')")
		f.byHand("INSERT INTO audit (" + columns + ") SELECT " + columns + " FROM saved_audit")
	}
	f.receipts("given back", 4, "")
}
