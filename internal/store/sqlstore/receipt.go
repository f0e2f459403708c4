package sqlstore

import (
	"context"
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
	seq                       int64
	at, kind, namespace, uid  string
	requester                 string
	removed, anonymised, kept string
	previous, hash            string
}

// seal is the SHA-256 of all columns but hash, as a JSON array, in hexadecimal.
func (r receiptRow) seal() string {
	text, _ := json.Marshal([]any{ // strings and a number have no error
		r.seq, r.at, r.kind, r.namespace, r.uid, r.requester, r.removed, r.anonymised, r.kept, r.previous,
	})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

const receiptColumns = "seq, at, kind, namespace, uid, requester, removed, anonymised, kept, previous_hash, hash"

func (r *receiptRow) columns() []any {
	return []any{
		&r.seq, &r.at, &r.kind, &r.namespace, &r.uid, &r.requester, &r.removed, &r.anonymised, &r.kept, &r.previous, &r.hash,
	}
}

// writeReceipt adds the receipt to the chain, and a row to the audit that names it: so the last one cannot go unnoticed
// either. Two purges at once that take the same place are told apart by the primary key: one is made again.
func (p *purge) writeReceipt(ctx context.Context) error {
	row := receiptRow{
		at: time.Now().UTC().Format(time.RFC3339), kind: string(p.t.Desired.Key.Kind), namespace: p.db.claim.Namespace,
		uid: p.t.Desired.Owner.UID, requester: p.who().blank(p.t.Author.Requester),
	}
	err := p.tx.QueryRowContext(ctx, "SELECT seq, hash FROM pbx_purge_receipts ORDER BY seq DESC LIMIT 1").
		Scan(&row.seq, &row.previous)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	row.seq++
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
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", row.columns()...); err != nil {
		return err
	}
	named := auditRow{what: auditReceipt, from: fmt.Sprint(row.seq), to: row.hash}
	return p.db.insertAudit(ctx, p.tx, p.t, p.t.Desired.Owner.UID, []auditRow{named})
}

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
	var found Receipts
	held := holds == ""
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return found, err
	}
	defer func() { _ = tx.Rollback() }()
	fault := func(format string, args ...any) { found.Faults = append(found.Faults, fmt.Sprintf(format, args...)) }
	err = each(ctx, tx, "SELECT "+receiptColumns+" FROM pbx_purge_receipts ORDER BY seq", nil, func(scan func(...any) error) error {
		var row receiptRow
		if err := scan(row.columns()...); err != nil {
			return err
		}
		if row.seq != found.Count+1 {
			fault("between receipts %d and %d there are missing ones", found.Count, row.seq)
		} else if row.previous != found.Last {
			fault("receipt %d does not follow the one before: one of the two was replaced", row.seq)
		}
		if row.hash != row.seal() {
			fault("receipt %d (UID %s) was altered", row.seq, row.uid)
		}
		found.Count, found.Last = row.seq, row.hash
		held = held || row.hash == holds
		return nil
	})
	if err != nil {
		return found, err
	}
	if !held {
		fault("no receipt has the hash %s", holds)
	}
	return found, each(ctx, tx, `SELECT a.old_value, a.uid FROM audit a WHERE a.what = $1 AND NOT EXISTS (
		SELECT 1 FROM pbx_purge_receipts r WHERE r.hash = a.new_value) ORDER BY a.id`, []any{auditReceipt},
		func(scan func(...any) error) error {
			var seq, uid string
			err := scan(&seq, &uid)
			fault("receipt %s (UID %s), which the audit names, is missing or was altered", seq, uid)
			return err
		})
}
