package faults

import "time"

const (
	// lasting is how long a fault lasts while it is counted how often the operator tries.
	lasting = 3 * time.Second
	// reopenPause is how long a store that failed is left alone, at least.
	reopenPause = 2 * time.Second
	// maxAsked bounds how often a store is asked for one user: a failed reconcile, of up to five tries, is repeated after
	// pauses that double.
	maxAsked = 60
)

// mostOpened bounds how often a store is opened within a time.
func mostOpened(within time.Duration) int { return 1 + int(within/reopenPause) }

// patient sees that the operator does not try again in a hot loop.
func (s *scene) patient(what string, script *script) {
	s.t.Helper()
	begun := time.Now()
	openedBefore, askedBefore := script.counts()
	<-time.After(lasting)
	opened, asked := script.counts()
	within := time.Since(begun)
	if opened -= openedBefore; opened > mostOpened(within) {
		s.t.Errorf("%s: within %s the store was opened %d times, want at most %d", what, within, opened, mostOpened(within))
	}
	if asked -= askedBefore; asked > maxAsked {
		s.t.Errorf("%s: within %s the store was asked %d times, want at most %d", what, within, asked, maxAsked)
	}
}
