package operator

import (
	"context"
	"sync"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// StoreCounter counts what the operator asks of its stores. Observe is one read transaction and Apply one write
// transaction, as the stores' own tests prove.
type StoreCounter struct {
	mu        sync.Mutex
	observed  map[pbx.Key]int
	applied   map[pbx.Key]int
	configure int
	errs      []error
	activity  *activity
}

// Applied gives the number of write transactions for each record so far.
func (c *StoreCounter) Applied() map[pbx.Key]int { return c.copyOf(&c.applied) }

// Observed gives the number of read transactions for each record so far.
func (c *StoreCounter) Observed() map[pbx.Key]int { return c.copyOf(&c.observed) }

// Configured gives the number of times that the settings of a phone system were written so far.
func (c *StoreCounter) Configured() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.configure
}

// Errors gives what the store answered that was an error, so far.
func (c *StoreCounter) Errors() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error(nil), c.errs...)
}

// Reset forgets what was counted.
func (c *StoreCounter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observed, c.applied, c.configure, c.errs = nil, nil, 0, nil
}

func (c *StoreCounter) copyOf(counts *map[pbx.Key]int) map[pbx.Key]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[pbx.Key]int{}
	for key, n := range *counts {
		out[key] = n
	}
	return out
}

func (c *StoreCounter) count(counts *map[pbx.Key]int, key pbx.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *counts == nil {
		*counts = map[pbx.Key]int{}
	}
	(*counts)[key]++
}

// note keeps an error for Errors, and gives it back.
func (c *StoreCounter) note(err error) error {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.errs = append(c.errs, err)
	}
	return err
}

type countingStore struct {
	store.Store
	counter *StoreCounter
}

// Observe implements store.Store.
func (s *countingStore) Observe(ctx context.Context, d pbx.Desired) (pbx.Observation, error) {
	s.counter.activity.begin()
	defer s.counter.activity.end()
	s.counter.count(&s.counter.observed, d.Key)
	seen, err := s.Store.Observe(ctx, d)
	return seen, s.counter.note(err)
}

// Apply implements store.Store.
func (s *countingStore) Apply(ctx context.Context, t store.Transition) error {
	s.counter.activity.begin()
	defer s.counter.activity.end()
	s.counter.count(&s.counter.applied, t.Desired.Key)
	return s.counter.note(s.Store.Apply(ctx, t))
}

// Configure implements store.Store.
func (s *countingStore) Configure(ctx context.Context, system pbx.System) (bool, error) {
	s.counter.activity.begin()
	defer s.counter.activity.end()
	changed, err := s.Store.Configure(ctx, system)
	if changed {
		s.counter.mu.Lock()
		s.counter.configure++
		s.counter.mu.Unlock()
	}
	return changed, s.counter.note(err)
}
