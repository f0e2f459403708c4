package controllers

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pbx-operator/pbx-operator/internal/status"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

const (
	// reopenPause is how long a store that does not open is left alone, at least.
	reopenPause = 2 * time.Second
	// maxPause bounds the growing pauses of a store that opens and fails again and again.
	maxPause = 15 * time.Second
	// steady is how long a store has to work until its failures are forgotten.
	steady = time.Minute
	// fencedPause leaves the store to the operator that opened it, for longer than a lease lasts: who is still running
	// then is the leader.
	fencedPause = 30 * time.Second
)

// pause says when a store that did not open is tried again; one that needs a person to decide is tried again when
// something changes.
func pause(err error) time.Duration {
	class := status.Classify(err).Class
	if class == status.Waiting || class == status.Failed || errors.Is(err, store.ErrMissing) {
		return reopenPause + jitter()
	}
	return 0
}

func jitter() time.Duration { return rand.N(reopenPause) } //nolint:gosec // jitter needs no secrecy

// history is how a store has fared.
type history struct {
	// opened is when it was opened, and failures how often it failed soon after that.
	opened   time.Time
	failures int
	// retry is until when it is left alone.
	retry time.Time
}

// backOff says until when a store that was open and failed is left alone. One that has worked for long is tried at once;
// one that fails whenever it is opened would otherwise have all its objects change to and fro.
func (h *history) backOff(err error) {
	now := time.Now()
	if errors.Is(err, store.ErrFenced) {
		h.retry = now.Add(fencedPause)
		return
	}
	if now.Sub(h.opened) > steady {
		h.failures = 0
	}
	h.retry = h.opened.Add(min(reopenPause<<h.failures, maxPause) + jitter())
	h.failures = min(h.failures+1, 10)
}

// leftAlone says whether a store that failed is to be left alone still. Another spec, or another address, is tried at once.
func (o *openStore) leftAlone(wanted *openStore) bool {
	return o.err != nil && o.address == wanted.address && o.generation == wanted.generation && time.Now().Before(o.retry)
}
