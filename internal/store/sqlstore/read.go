package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// readRecord reads a record and its id, or nil if there is none.
func readRecord(ctx context.Context, tx *sql.Tx, key pbx.Key, lock string) (*pbx.Record, string, error) {
	schema := pbx.SchemaOf(key.Kind)
	record := &pbx.Record{Key: key, Content: pbx.NewContent()}
	var id, applied string
	fields := make([]sql.NullString, len(schema.Fields))
	into := []any{&id, &record.Owner.UID, &record.Owner.Generation, &applied}
	for i := range fields {
		into = append(into, &fields[i])
	}
	err := tx.QueryRowContext(ctx, selectRecord(key.Kind)+lock, key.Name).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	for i, f := range schema.Fields {
		record.Fields[f.Field] = fields[i].String
	}
	record.Applied = readFingerprints(applied)
	return record, id, readLists(ctx, tx, record, id)
}

// readFingerprints gives none if they cannot be read: who breaks them by hand only loses the telling of drift, not its
// repair.
func readFingerprints(applied string) pbx.Fingerprints {
	var prints pbx.Fingerprints
	_ = json.Unmarshal([]byte(applied), &prints)
	return prints
}

func readLists(ctx context.Context, tx *sql.Tx, record *pbx.Record, id string) error {
	query := selectLists(record.Key.Kind)
	if query == "" {
		return nil
	}
	return each(ctx, tx, query, []any{id}, func(scan func(...any) error) error {
		var list, key, value string
		if err := scan(&list, &key, &value); err != nil {
			return err
		}
		record.Lists[pbx.List(list)] = append(record.Lists[pbx.List(list)], pbx.Item{Key: key, Value: value})
		return nil
	})
}

func (db *DB) readHolders(ctx context.Context, tx *sql.Tx, d pbx.Desired) (map[pbx.Claim]pbx.Holder, error) {
	claims := d.Claims()
	if len(claims) == 0 {
		return nil, nil
	}
	args := []any{d.Key.Name}
	for _, claim := range claims {
		args = append(args, claim.Value)
	}
	holders := map[pbx.Claim]pbx.Holder{}
	err := each(ctx, tx, selectHolders(d.Key.Kind, claims, db.Dialect.Fold), args, func(scan func(...any) error) error {
		var i int
		holder := pbx.Holder{Key: pbx.Key{Kind: d.Key.Kind}}
		if err := scan(&i, &holder.Key.Name, &holder.State); err != nil {
			return err
		}
		holders[claims[i]] = holder
		return nil
	})
	return holders, err
}

func (db *DB) readFacts(ctx context.Context, tx *sql.Tx, d pbx.Desired) (pbx.Facts, error) {
	var facts pbx.Facts
	query := strings.ReplaceAll(tables[d.Key.Kind].facts, foldedUsername, fmt.Sprintf(db.Dialect.Fold, "r.sip_username"))
	err := each(ctx, tx, query, []any{d.Key.Name}, func(scan func(...any) error) error {
		var what, a, b, c string
		if err := scan(&what, &a, &b, &c); err != nil {
			return err
		}
		return addFact(&facts, d.Key.Kind, what, a, b, c)
	})
	if err != nil {
		return facts, err
	}
	facts.NumberOf, err = readNumberOf(ctx, tx, d)
	return facts, err
}

// readNumberOf finds the extension whose number the wanted SIP username is. Few usernames look like one.
func readNumberOf(ctx context.Context, tx *sql.Tx, d pbx.Desired) (extension string, err error) {
	digits := pbx.NumberLike(d.Fields[pbx.FieldSIPUsername])
	if digits == "" {
		return "", nil
	}
	err = tx.QueryRowContext(ctx, `SELECT e.name FROM pbx_claimed_numbers c JOIN pbx_extensions e ON e.id = c.extension_id
		WHERE c.digits = $1`, digits).Scan(&extension)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return extension, err
}

func addFact(facts *pbx.Facts, kind pbx.Kind, what, a, b, c string) error {
	switch {
	case what == "profile":
		facts.Setup, facts.BusinessUnit, facts.Number = a, b, c
	case what == "service":
		if facts.Services == nil {
			facts.Services = map[string]pbx.State{}
		}
		facts.Services[a] = pbx.State(b)
	case what == "phone":
		facts.Effective, facts.Refers, facts.CallbackIsShared = a, pbx.State(b), c != ""
	case what == "offboarded": // also of a phone that is not there yet
		facts.Offboarded = a != ""
	case what == "greeting":
		facts.Greeting = true
	case what == "registered":
		facts.Registered = pbx.Registration{Since: a, UserAgent: b}
	case kind == pbx.KindUser:
		facts.Extensions = append(facts.Extensions, pbx.Item{Key: a, Value: b})
	default:
		facts.Setup, facts.Refers = a, pbx.State(c)
		var err error
		facts.Messages, err = strconv.ParseInt(b, 10, 64)
		return err
	}
	return nil
}

// each calls a function for every row of a query.
func each(ctx context.Context, tx *sql.Tx, query string, args []any, do func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
