package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// receipt counts, by table, what a purge did to rows.
type receipt struct{ removed, anonymised, kept map[string]int64 }

func newReceipt() receipt {
	return receipt{removed: map[string]int64{}, anonymised: map[string]int64{}, kept: map[string]int64{}}
}

// receiptRow is a receipt as it is stored.
type receiptRow struct {
	seq                            int64
	at, kind, namespace, uid       string
	requester, salt, requesterHash string
	removed, anonymised, kept      string
	previous, hash                 string
}

// seal is the SHA-256 of all columns but hash, as a JSON array, in hexadecimal. Of the requester it covers the hash alone:
// so a purge of theirs can take them out.
func (r receiptRow) seal() string {
	text, _ := json.Marshal([]any{ // strings and a number have no error
		r.seq, r.at, r.kind, r.namespace, r.uid, r.requesterHash, r.removed, r.anonymised, r.kept, r.previous,
	})
	return hashed(string(text))
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// saltSize is the size of a salt in bytes; it is written in hexadecimal, as a hash is.
const saltSize = sha256.Size

// askedBy notes who asked for the purge, if that is known.
func (r *receiptRow) askedBy(requester string) {
	if requester == "" {
		return
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // which has no error
	r.requester, r.salt = requester, hex.EncodeToString(salt)
	r.requesterHash = hashed(r.salt + r.requester)
}

// tellsWhoAsked says whether the requester is who asked, or was taken out with the salt. The size tells where the salt
// ends: no letter of the requester passes for one of the salt.
func (r receiptRow) tellsWhoAsked() bool {
	if r.requester == "" {
		return r.salt == ""
	}
	return len(r.salt) == hex.EncodedLen(saltSize) && r.requesterHash == hashed(r.salt+r.requester)
}

const receiptColumns = "seq, at, kind, namespace, uid, requester, requester_salt, requester_hash, removed, anonymised, kept, previous_hash, hash"

func (r *receiptRow) columns() []any {
	return []any{
		&r.seq, &r.at, &r.kind, &r.namespace, &r.uid, &r.requester, &r.salt, &r.requesterHash, &r.removed, &r.anonymised, &r.kept,
		&r.previous, &r.hash,
	}
}

// writeReceipt adds the receipt to the chain, and a row to the audit that names it: so the last one cannot go unnoticed
// either. Two purges at once that take the same place are told apart by the primary key: one is made again.
func (p *purge) writeReceipt(ctx context.Context) error {
	row := receiptRow{
		at: time.Now().UTC().Format(time.RFC3339), kind: string(p.t.Desired.Key.Kind), namespace: p.db.claim.Namespace,
		uid: p.t.Desired.Owner.UID,
	}
	row.askedBy(p.who().blank(p.t.Author.Requester))
	err := p.tx.QueryRowContext(ctx, "SELECT seq, hash FROM pbx_purge_receipts ORDER BY seq DESC LIMIT 1").
		Scan(&row.seq, &row.previous)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	row.seq++
	// Once its place is known: a receipt that somebody else writes from now on takes the same one.
	if err := p.forgetRequester(ctx); err != nil {
		return err
	}
	for _, part := range []struct {
		into *string
		from map[string]int64
	}{{&row.removed, p.receipt.removed}, {&row.anonymised, p.receipt.anonymised}, {&row.kept, p.receipt.kept}} {
		text, err := json.Marshal(part.from)
		if err != nil {
			return err
		}
		*part.into = string(text)
	}
	row.hash = row.seal()
	if _, err := p.tx.ExecContext(ctx, "INSERT INTO pbx_purge_receipts ("+receiptColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)", row.columns()...); err != nil {
		return err
	}
	named := auditRow{what: auditReceipt, from: fmt.Sprint(row.seq), to: row.hash}
	return p.db.insertAudit(ctx, p.tx, p.t, p.t.Desired.Owner.UID, []auditRow{named})
}

// forgetRequester takes the person out of the receipts of what they asked for, and with them the salt: without it nobody
// finds out by guessing whom the hash is of.
func (p *purge) forgetRequester(ctx context.Context) error {
	var requesters []string
	if err := each(ctx, p.tx, "SELECT DISTINCT requester FROM pbx_purge_receipts ORDER BY requester", nil, into(&requesters)); err != nil {
		return err
	}
	who := p.who()
	for _, requester := range requesters {
		if who.blank(requester) == requester {
			continue
		}
		if err := p.count(ctx, p.receipt.anonymised, receiptTable,
			"UPDATE pbx_purge_receipts SET requester = '', requester_salt = '' WHERE requester = $1", requester); err != nil {
			return err
		}
	}
	return nil
}

// receiptTable is what a receipt calls the table of receipts.
const receiptTable = "pbx_purge_receipts"

// auditReceipt is what the audit calls a written receipt.
const auditReceipt = "receipt"

// Receipts is the outcome of a look at the receipts of purges.
type Receipts struct {
	// Count of the receipts that are there, and the hash of the last one.
	Count int64
	Last  string
	// Faults say which are missing or altered; none if all is well.
	Faults []string
}

// VerifyReceipts looks whether a receipt was removed or altered: each holds its own hash and that of the one before, and
// the audit names each. A hash that was noted elsewhere, if it is given, has to be among them.
func VerifyReceipts(ctx context.Context, db *sql.DB, holds string) (Receipts, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return Receipts{}, err
	}
	defer func() { _ = tx.Rollback() }()
	l := look{tx: tx, holds: holds, held: holds == ""}
	for _, step := range []func(context.Context) error{l.follow, l.findMissing, l.findUnnamed} {
		if err := step(ctx); err != nil {
			return l.found, err
		}
	}
	return l.found, nil
}

// look is one look at the receipts.
type look struct {
	tx    *sql.Tx
	holds string
	held  bool
	// without is how many receipts have lost their requester, takenOut how many did by a purge.
	without, takenOut int64
	found             Receipts
}

func (l *look) fault(format string, args ...any) {
	l.found.Faults = append(l.found.Faults, fmt.Sprintf(format, args...))
}

// follow goes along the chain.
func (l *look) follow(ctx context.Context) error {
	err := each(ctx, l.tx, "SELECT "+receiptColumns+" FROM pbx_purge_receipts ORDER BY seq", nil, func(scan func(...any) error) error {
		var row receiptRow
		if err := scan(row.columns()...); err != nil {
			return err
		}
		if row.seq != l.found.Count+1 {
			l.fault("between receipts %d and %d there are missing ones", l.found.Count, row.seq)
		} else if row.previous != l.found.Last {
			l.fault("receipt %d does not follow the one before: one of the two was replaced", row.seq)
		}
		if row.hash != row.seal() || !row.tellsWhoAsked() {
			l.fault("receipt %d (UID %s) was altered", row.seq, row.uid)
		}
		l.found.Count, l.found.Last = row.seq, row.hash
		l.held = l.held || row.hash == l.holds
		l.countRequesters(row)
		return nil
	})
	if err != nil {
		return err
	}
	if !l.held {
		l.fault("no receipt has the hash %s", l.holds)
	}
	if l.without != l.takenOut {
		l.fault("%d receipts have lost who asked, and purges took it out of %d", l.without, l.takenOut)
	}
	return nil
}

func (l *look) countRequesters(row receiptRow) {
	if row.requester == "" && row.requesterHash != "" {
		l.without++
	}
	var anonymised map[string]int64
	if json.Unmarshal([]byte(row.anonymised), &anonymised) == nil { // one that was altered is told already
		l.takenOut += anonymised[receiptTable]
	}
}

// findMissing finds what the audit names and is not there.
func (l *look) findMissing(ctx context.Context) error {
	return each(ctx, l.tx, `SELECT a.old_value, a.uid FROM audit a WHERE a.what = $1 AND NOT EXISTS (
		SELECT 1 FROM pbx_purge_receipts r WHERE r.hash = a.new_value) ORDER BY a.id`, []any{auditReceipt},
		func(scan func(...any) error) error {
			var seq, uid string
			err := scan(&seq, &uid)
			l.fault("receipt %s (UID %s), which the audit names, is missing or was altered", seq, uid)
			return err
		})
}

// findUnnamed finds what is there and the audit does not name.
func (l *look) findUnnamed(ctx context.Context) error {
	return each(ctx, l.tx, `SELECT seq, uid FROM pbx_purge_receipts
		WHERE hash NOT IN (SELECT new_value FROM audit WHERE what = $1) ORDER BY seq`, []any{auditReceipt},
		func(scan func(...any) error) error {
			var seq int64
			var uid string
			err := scan(&seq, &uid)
			l.fault("the audit does not name receipt %d (UID %s): its row there was removed or altered", seq, uid)
			return err
		})
}
