package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

// attempts cover a port that somebody took after we had found it free.
const attempts = 3

// server is a program that serves on one port of loopback.
type server struct {
	path, log string
	args      func(port int) []string
	healthy   func(ctx context.Context, port int) error
}

// start returns when the server answers that it is well.
func (s server) start(ctx context.Context) (*child.Process, int, error) {
	var failure error
	for range attempts {
		port, err := child.FreePort()
		if err != nil {
			return nil, 0, err
		}
		process, err := child.Start(child.Spec{Path: s.path, Args: s.args(port), Log: s.log})
		if err != nil {
			return nil, 0, err
		}
		err = s.await(ctx, process, port)
		if err == nil {
			return process, port, nil
		}
		failure = errors.Join(err, process.Stop(stopGrace))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, 0, failure
}

func (s server) await(ctx context.Context, process *child.Process, port int) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.healthy(ctx, port)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-process.Done():
			return fmt.Errorf("%s ended before it served (%s); the end of %s:\n%s",
				filepath.Base(s.path), process.Outcome(), s.log, process.LastLines(5))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%w); the end of %s:\n%s",
				filepath.Base(s.path), err, s.log, process.LastLines(5))
		}
	}
}
