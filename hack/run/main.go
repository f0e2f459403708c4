// Command run tries the operator out: it builds what is missing, starts a
// local control plane and the operator, applies the sample company, and stays
// until Ctrl-C. It needs Go and nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `Usage: run                      what "make run" does
       run build [program ...]  build programs into .local/bin and bin, those that are out of date

"make run" builds the operator, etcd, kube-apiserver, kube-controller-manager and
kubectl, starts them on free ports of 127.0.0.1, installs the CRDs and policies,
applies config/samples/acme and waits until all of it is Ready. Its state is in
.local/: kubeconfig, data/<namespace>/<phonesystem>.db, log/. A second run goes on
where the first stopped; "make clean" forgets. Ctrl-C stops everything, a second
one at once.

Environment:
  KUBECONFIG          use this cluster and start no control plane; what is in it
                      is changed: CRDs, policies and namespace acme are applied.
                      .local/kubeconfig means the local control plane as well.
  KUBEBUILDER_ASSETS  the directory of etcd and kube-apiserver; they are not built.

Programs: operator, etcd, kube-apiserver, kube-controller-manager, kubectl; the
default is all of them.
`

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	ctx, stop := untilSignal()
	err := command(ctx, flag.Args())
	stop()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Println("Stopped.")
	case err != nil:
		fmt.Fprintln(os.Stderr, "\nrun:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if _, err := os.Stat("hack/run"); err != nil {
		return errors.New("start it at the root of the repository, as `make run` does")
	}
	switch {
	case len(args) == 0:
		return up(ctx)
	case args[0] == "build":
		return buildNamed(ctx, args[1:])
	}
	return fmt.Errorf("%q is not a command; see --help", args[0])
}

// untilSignal ends the context at the first signal, and the process, with all
// its children, at the second.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		fmt.Println("\nStopping (once more to stop at once) ...")
		cancel()
		<-signals
		killAll()
		os.Exit(130)
	}()
	return ctx, cancel
}
