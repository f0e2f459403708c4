package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

const (
	// patient waits for others, as long as engines are told to wait for us.
	patient = "busy_timeout(5000)"
	// tellAfter is how long a reader may keep purged text in the log until it is told.
	tellAfter = 5 * time.Second
)

// log is what is known of the write-ahead log beside the file: whether it may have text of what was purged.
type log struct {
	mu    sync.Mutex
	since time.Time
	told  bool
}

// Info implements store.Store.
func (s *fileStore) Info() store.Info {
	info := s.DB.Info()
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.told {
		info.PurgedInLogSince = s.log.since
	}
	return info
}

// sweep empties the log, which has the pages as they were before and after a purge. Somebody who reads keeps that from
// happening; then it is done later. It never waits for them: whoever writes would have to wait with it.
func (s *fileStore) sweep(ctx context.Context) error {
	swept, err := s.truncateLog(ctx)
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	switch {
	case swept:
		s.log.since = time.Time{}
	case s.log.since.IsZero():
		s.log.since = time.Now()
	}
	return err
}

func (s *fileStore) truncateLog(ctx context.Context) (done bool, err error) {
	connection, err := s.Write.Conn(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer connection.Close()
	defer func() { // one that stays impatient would fail where others write: better none
		if _, again := connection.ExecContext(context.WithoutCancel(ctx), "PRAGMA "+patient); again != nil {
			done, err = false, errors.Join(err, translate(again), connection.Raw(func(any) error { return driver.ErrBadConn }))
		}
	}()
	if _, err := connection.ExecContext(ctx, "PRAGMA busy_timeout(0)"); err != nil {
		return false, translate(err)
	}
	var busy, pages, moved int
	err = connection.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	return err == nil && busy == 0, translate(err)
}

// sweepAgain does what sweep could not do before, and has the phone system looked at, whose status tells how it is.
func (s *fileStore) sweepAgain(ctx context.Context, wake func([]pbx.Key)) error {
	if !s.log.due() {
		return nil
	}
	if err := s.sweep(ctx); err != nil {
		return err
	}
	if s.log.tell() {
		wake([]pbx.Key{{Kind: pbx.KindPhoneSystem}})
	}
	return nil
}

// due says whether there is something to do, or to be told that it is done.
func (l *log) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told || !l.since.IsZero()
}

// tell says whether there is something new to be told: that the log has been holding purged text for long, or that what
// was told is over.
func (l *log) tell() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	tell := !l.since.IsZero() && (l.told || time.Since(l.since) >= tellAfter)
	changed := tell != l.told
	l.told = tell
	return changed
}
