package faults

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/store"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// fencedPause is how long an operator leaves a store alone that another one has opened.
const fencedPause = 30 * time.Second

// TestTwoOperators: of two operators that run at once without an election, the one that opened the store last works; the
// other one is refused and stays out of its way, until the first is gone.
func TestTwoOperators(t *testing.T) { onEach(t, testTwoOperators) }

func testTwoOperators(t *testing.T, b operator.Backend) {
	s := newScene(t, b)
	ada := s.User("ada", "desk")
	s.Create(s.Extension("line", "1001", "ada"), s.Phone("desk", "line"), ada)
	old := operator.Start(t, s.Options())
	s.Ready(limit)
	old.Settle(t)
	db := s.SQL()
	first := s.epoch(db)
	old.API.Reset()
	begun := time.Now()
	young := operator.Start(t, s.Options())
	operator.Await(t, limit, "the second operator opens the store", func() string {
		if s.epoch(db) == first {
			return "it has not"
		}
		return ""
	})
	const changes = 10
	for i := range changes {
		s.changeLocation(db, ada, strconv.Itoa(i))
	}
	old.Settle(t)
	young.Settle(t)
	s.refusedOnce(old, young, db, first, begun)
	if writes := len(old.API.Writes()) + len(young.API.Writes()); writes > 2*changes {
		t.Errorf("%d changes cost %d API writes of both: %v, %v", changes, writes, old.API.ByObject(), young.API.ByObject())
	}
	young.Stop()
	s.changeLocation(db, ada, "the old one again")
	s.Ready(limit)
	old.Settle(t)
	s.Consistent(db)
}

// changeLocation changes a user and waits until the store has it.
func (s *scene) changeLocation(db *sql.DB, user *pbxv1.User, location string) {
	s.t.Helper()
	operator.Change(s.Tenant, user, func(u *pbxv1.User) { u.Spec.Location = pbxv1.Line(location) })
	operator.Await(s.t, limit, "the store has location "+location, func() string {
		got := strings.Join(s.Rows(db, "SELECT location FROM pbx_users WHERE name = $1", user.Name), "; ")
		if got != location {
			return got
		}
		return ""
	})
}

// refusedOnce sees that the first operator was refused, and did not take the store back but for once in a pause.
func (s *scene) refusedOnce(old, young *operator.Operator, db *sql.DB, first int, begun time.Time) {
	s.t.Helper()
	fenced := func(err error) bool { return errors.Is(err, store.ErrFenced) }
	if !slices.ContainsFunc(old.Store.Errors(), fenced) {
		s.t.Errorf("the first operator was not refused: %v", old.Store.Errors())
	}
	took, elapsed := s.epoch(db)-first, time.Since(begun)
	if most := 1 + 2*int(elapsed/fencedPause); took > most {
		s.t.Errorf("within %s the store was opened %d times, want at most %d; the second operator was told %s",
			elapsed, took, most, fmt.Sprint(young.Store.Errors()))
	}
}

func (s *scene) epoch(db *sql.DB) int {
	s.t.Helper()
	epoch, err := strconv.Atoi(strings.Join(s.Rows(db, "SELECT epoch FROM pbx_writer"), ""))
	if err != nil {
		s.t.Fatal(err)
	}
	return epoch
}
