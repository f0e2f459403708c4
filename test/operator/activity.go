package operator

import (
	"sync"
	"testing"
	"time"
)

const (
	// quiet is how long nothing may happen until an operator counts as settled: longer than a change takes from the API
	// server, or from the feed of a store, to the operator.
	quiet = time.Second
	// settleLimit bounds the wait for it.
	settleLimit = 90 * time.Second
)

// activity knows whether the operator is at work: asks the API server or a store for something.
type activity struct {
	mu      sync.Mutex
	running int
	last    time.Time
}

func (a *activity) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running++
	a.last = time.Now()
}

func (a *activity) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
	a.last = time.Now()
}

// idle is for how long nothing has happened.
func (a *activity) idle() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running > 0 {
		return 0
	}
	return time.Since(a.last)
}

// Settle waits until the operator has nothing left to do. What it has counted then is all that it will do by itself.
func (o *Operator) Settle(tb testing.TB) {
	tb.Helper()
	begun := time.Now()
	Await(tb, settleLimit, "the operator settles", func() string {
		if o.activity.idle() < quiet || time.Since(begun) < quiet {
			return "it is still at work"
		}
		return ""
	})
}

// The pauses between two looks at what is awaited grow, since a look may be work for the API server.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 400 * time.Millisecond
)

// Await waits until nothing is wrong any more; what is said to be wrong is shown when the time is over.
func Await(tb testing.TB, limit time.Duration, what string, wrong func() string) {
	tb.Helper()
	deadline := time.After(limit)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		why := wrong()
		if why == "" {
			return
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			tb.Fatalf("%s: not within %s: %s", what, limit, why)
		}
	}
}
