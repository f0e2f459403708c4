package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

const (
	fighters = 16
	rounds   = 12
)

// testServicesContended has sixteen fight for the services of the same users, half of them by hand. Nobody sees a
// commit after which a user breaks the rule.
func testServicesContended(t *testing.T, b Backend) {
	f := newFixture(t, b)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	users := []string{"u", "v"}
	for _, name := range users {
		f.apply(user(name, "a", "b", "c"))
	}
	f.together(fighters, func(i int) error {
		dice := rand.New(rand.NewPCG(seed, uint64(i)))
		for range rounds {
			name := users[dice.IntN(len(users))]
			if err := f.fight(b, dice, name, i%2 == 0); err != nil {
				return err
			}
			rows, err := readRows(t.Context(), f.sql, broken)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return fmt.Errorf("users who break the rule: %q", rows)
			}
		}
		return nil
	})
	f.servicesKept("in the end")
	for _, name := range users {
		// The fighters' generations are all the same, so the last word is a newer one's.
		o := user(name, "a", "b", "c")
		o.generation = 1000
		f.converge(o)
		f.quiet(o)
	}
}

func (f *fixture) fight(b Backend, dice *rand.Rand, name string, byHand bool) error {
	if !byHand {
		_, err := reconcile(f.t.Context(), f.store, user(name, someServices(dice)...))
		return err
	}
	var opts *sql.TxOptions
	if b.Postgres {
		levels := []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
		opts = &sql.TxOptions{Isolation: levels[dice.IntN(len(levels))]}
	}
	err := inTransaction(f.t.Context(), f.sql, opts, someStatements(dice), "uid-"+name)
	if errors.Is(err, context.Canceled) {
		return err
	}
	return nil // what is refused, or waits too long, is the other one's business
}

func someServices(dice *rand.Rand) []string {
	all := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:dice.IntN(9)]
}

func someStatements(dice *rand.Rand) (statements []string) {
	for range 1 + dice.IntN(3) {
		service := string(rune('a' + dice.IntN(10)))
		switch dice.IntN(4) {
		case 0:
			statements = append(statements, insert(service, 1+dice.IntN(9)))
		case 1:
			statements = append(statements, remove(service))
		case 2:
			statements = append(statements, choose(service))
		default:
			// A swap that is consistent in the end, if the service is there.
			statements = append(statements, choose(service), remove(string(rune('a'+dice.IntN(10)))))
		}
	}
	return statements
}
