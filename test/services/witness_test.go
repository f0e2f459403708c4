package services

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// broken finds the users who break the rule. It is one statement, so it sees one commit.
const broken = `SELECT u.name || ' ' || u.primary_service FROM pbx_users u
	WHERE (SELECT count(*) FROM pbx_user_services s WHERE s.user_id = u.id) > 8
	   OR (u.primary_service = '' AND EXISTS (SELECT 1 FROM pbx_user_services s WHERE s.user_id = u.id))
	   OR (u.primary_service <> '' AND NOT EXISTS (
	       SELECT 1 FROM pbx_user_services s WHERE s.user_id = u.id AND s.service_name = u.primary_service))`

// witness writes down, at the end of each transaction in PostgreSQL, who breaks the rule then.
const witness = `
CREATE TABLE witness (who text);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO witness VALUES ('');
	INSERT INTO witness ` + broken + `;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER zz_witness AFTER INSERT OR UPDATE OR DELETE ON pbx_user_services
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION witness();
CREATE CONSTRAINT TRIGGER zz_witness AFTER INSERT OR UPDATE ON pbx_users
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION witness();`

// watchers look all the time.
const watchers = 2

// watch looks at the store until the result is called, which gives the number of states that were seen. On PostgreSQL each
// commit is one of them.
func (f *fight) watch() (end func() (seen int64)) {
	ctx, cancel := context.WithCancel(f.t.Context())
	if f.DSN != "" {
		f.Exec(f.db, witness)
	}
	var group sync.WaitGroup
	var seen atomic.Int64
	for range watchers {
		group.Go(func() {
			for ctx.Err() == nil {
				var who string
				err := f.db.QueryRowContext(ctx, broken+" LIMIT 1").Scan(&who)
				if ctx.Err() == nil && !errors.Is(err, sql.ErrNoRows) {
					f.t.Errorf("somebody breaks the rule: %q, %v", who, err)
					return
				}
				seen.Add(1)
			}
		})
	}
	return func() int64 {
		cancel()
		group.Wait()
		if f.DSN == "" {
			return seen.Load()
		}
		if rows := f.Rows(f.db, "SELECT who FROM witness WHERE who <> ''"); len(rows) > 0 {
			f.t.Errorf("after a commit these broke the rule: %s", strings.Join(rows, "; "))
		}
		commits, err := strconv.ParseInt(f.Rows(f.db, "SELECT count(*) FROM witness")[0], 10, 64)
		if err != nil {
			f.t.Error(err)
		}
		return commits
	}
}
