package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/internal/store/migrations"
)

// Inspect looks at a database before anything is written to it: the version of its schema (0: none yet) and its owner.
// It answers *store.TooNewError, *store.OwnedError or store.ErrMissing if the claim may not have the store.
// hasSchema is a query that answers whether the table of versions exists.
func Inspect(ctx context.Context, db *sql.DB, hasSchema string, claim store.Claim) error {
	var has bool
	if err := db.QueryRowContext(ctx, hasSchema).Scan(&has); err != nil {
		return err
	}
	if !has {
		if !claim.AcceptsEmpty() {
			return fmt.Errorf("%w: this PhoneSystem has used it before, and now it is empty: bring it back, or, "+
				"to begin anew without the old records, set spec.store.takeover to %s", store.ErrMissing, claim.UID)
		}
		return nil
	}
	version, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if version > migrations.Latest() {
		return &store.TooNewError{Have: version, Known: migrations.Latest()}
	}
	if version == 0 {
		return nil
	}
	_, err = checkOwner(ctx, db, claim)
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func schemaVersion(ctx context.Context, q querier) (version int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+migrations.Table).Scan(&version)
	return version, err
}

// checkOwner answers *store.OwnedError if the store serves another PhoneSystem, and whom it served.
func checkOwner(ctx context.Context, q querier, claim store.Claim) (string, error) {
	var owner store.OwnedError
	err := q.QueryRowContext(ctx, "SELECT owner_uid, owner_namespace, owner_name FROM pbx_system").
		Scan(&owner.UID, &owner.Namespace, &owner.Name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if owner.UID != "" && owner.UID != claim.UID && owner.UID != claim.Takeover {
		return "", &owner
	}
	return owner.UID, nil
}

// Lead makes the database, which is migrated, the claim's, and raises its epoch, so that every other operator that has
// it open is refused from now on.
func (db *DB) Lead(ctx context.Context, claim store.Claim, location string) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return db.translate(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := db.lead(ctx, tx, claim); err != nil {
		var owned *store.OwnedError
		if errors.As(err, &owned) {
			return err
		}
		return db.translate(err)
	}
	db.claim, db.info.Location = claim, location
	return db.translate(tx.Commit())
}

func (db *DB) lead(ctx context.Context, tx *sql.Tx, claim store.Claim) error {
	err := tx.QueryRowContext(ctx, "UPDATE pbx_writer SET epoch = epoch + 1, writing = 0 RETURNING epoch").Scan(&db.epoch)
	if err != nil {
		return err
	}
	before, err := checkOwner(ctx, tx, claim)
	if err != nil {
		return err
	}
	if db.info.SchemaVersion, err = schemaVersion(ctx, tx); err != nil {
		return err
	}
	if before == claim.UID {
		return nil
	}
	db.info.TakenOver = before
	if err := db.fence(ctx, tx); err != nil {
		return err
	}
	if err := setOwner(ctx, tx, claim); err != nil {
		return err
	}
	if db.Dialect.Unfence != "" {
		_, err = tx.ExecContext(ctx, db.Dialect.Unfence)
	}
	return err
}

func setOwner(ctx context.Context, tx *sql.Tx, claim store.Claim) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO pbx_system (id, owner_uid, owner_namespace, owner_name) VALUES (1, $1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET owner_uid = $1, owner_namespace = $2, owner_name = $3`,
		claim.UID, claim.Namespace, claim.Name)
	return err
}

// Release implements store.Store.
func (db *DB) Release(ctx context.Context) error {
	return db.write(ctx, func(tx *sql.Tx) error { return setOwner(ctx, tx, store.Claim{}) })
}
