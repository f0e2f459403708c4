package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

// up brings everything up, stays until the context ends or a server does, and
// stops it all: the operator, then the API server, then etcd.
func up(ctx context.Context) error {
	if err := os.MkdirAll(logDir, 0o700); err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()

	c, err := openCluster(ctx)
	if err != nil {
		return err
	}
	defer func() { complain(c.close()) }()
	if err := installAPI(ctx, c.kubectl); err != nil {
		return err
	}
	stamped, err := installStamp(ctx, c.kubectl)
	if err != nil {
		return err
	}
	process, err := startOperator(ctx, c, stamped)
	if err != nil {
		return err
	}
	defer func() { complain(process.Stop(operatorStopGrace)) }()

	// Without the operator nothing becomes Ready, so waiting ends with it.
	busy, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(outcome(busy, c, process)) }()
	if err := tryOut(busy, c); err != nil && busy.Err() == nil {
		return err
	}
	<-busy.Done()
	return context.Cause(busy)
}

func tryOut(ctx context.Context, c *cluster) error {
	first, err := applySample(ctx, c.kubectl)
	if err != nil {
		return err
	}
	objects, err := awaitSample(ctx, c.kubectl, first)
	if err != nil {
		return err
	}
	return welcome(ctx, c, objects)
}

// outcome waits until the caller wants an end, or a server has ended by itself.
func outcome(ctx context.Context, c *cluster, operator *child.Process) error {
	etcd, apiServer := c.ended()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-operator.Done():
		return operatorEnded(operator)
	case <-apiServer:
		return fmt.Errorf("kube-apiserver has ended; the end of %s:\n%s", logOf("kube-apiserver"), tail("kube-apiserver"))
	case <-etcd:
		return fmt.Errorf("etcd has ended; the end of %s:\n%s", logOf("etcd"), tail("etcd"))
	}
}

// complain tells what went wrong while stopping, which is no reason to fail.
func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
