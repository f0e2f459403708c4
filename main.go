// Command pbx-operator runs the people and phones of a company from Kubernetes manifests: it brings PBX stores, SQL
// databases that phone engines, portals and analytics read, to the declared state, and keeps them there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // the image has no files but the operator

	"k8s.io/client-go/tools/leaderelection"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/pbx-operator/pbx-operator/controllers"
	"github.com/pbx-operator/pbx-operator/internal/receipts"
)

// podNamespace is where a pod finds the name of its namespace.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

type flags struct {
	controllers.Options
	metrics, probes string
	leaderElect     bool
	leaderNamespace string
	// lease, renew and retry time the leader election.
	lease, renew, retry time.Duration
	log                 zap.Options
}

func parseFlags() flags {
	var f flags
	flag.StringVar(&f.DataDir, "data-dir", "/var/lib/pbx-operator",
		"Directory of the embedded stores: <data-dir>/<namespace>/<name>.db.")
	flag.IntVar(&f.Workers, "workers", 16, "Number of objects of each kind that are reconciled at once.")
	flag.BoolVar(&f.TrustRequester, "trust-requester-annotation", false, "Note in the audit as requester who the annotation "+
		"pbx-operator.io/requester names. Only where the policy pbx-requester is installed: elsewhere anybody can write it.")
	flag.StringVar(&f.metrics, "metrics-bind-address", ":8080", "Address of the Prometheus metrics; 0 turns them off.")
	flag.StringVar(&f.probes, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz; 0 turns them off.")
	flag.BoolVar(&f.leaderElect, "leader-elect", true, "Elect a leader, so that of several operators one works.")
	flag.StringVar(&f.leaderNamespace, "leader-election-namespace", "",
		"Namespace of the leader election's Lease. Default: the operator's own.")
	flag.DurationVar(&f.lease, "leader-election-lease-duration", 15*time.Second,
		"How long after the leader's last renewal another operator takes over: whole seconds.")
	flag.DurationVar(&f.renew, "leader-election-renew-deadline", 10*time.Second,
		"How long the leader tries to renew the Lease before it gives up and ends: less than the lease duration.")
	flag.DurationVar(&f.retry, "leader-election-retry-period", 2*time.Second,
		"Pause between two tries to get or renew the Lease.")
	f.log.BindFlags(flag.CommandLine)
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "pbx-operator brings PBX stores to the state that PhoneSystem, User, "+
			"Extension and PhoneService objects declare.\n\n"+
			"pbx-operator "+receipts.Name+" --help tells of the command that checks the receipts of purges.\n\nFlags:\n")
		flag.PrintDefaults()
	}
	version := flag.Bool("version", false, "Print the version, and end.")
	flag.Parse()
	if *version {
		fmt.Fprintln(os.Stdout, versionOf(debug.ReadBuildInfo()))
		os.Exit(0)
	}
	if err := f.check(); err != nil {
		fmt.Fprintf(os.Stderr, "pbx-operator: %v; see --help\n", err)
		os.Exit(2)
	}
	return f
}

// check says what is wrong with the command line.
func (f flags) check() error {
	tries := time.Duration(leaderelection.JitterFactor * float64(f.retry))
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case f.Workers < 1:
		return fmt.Errorf("--workers=%d has to be 1 or more", f.Workers)
	case f.lease%time.Second != 0:
		return fmt.Errorf("--leader-election-lease-duration=%s has to be whole seconds", f.lease)
	case f.lease <= f.renew:
		return fmt.Errorf("--leader-election-lease-duration=%s has to be longer than --leader-election-renew-deadline=%s",
			f.lease, f.renew)
	case f.retry <= 0:
		return fmt.Errorf("--leader-election-retry-period=%s has to be longer than nothing", f.retry)
	case f.renew <= tries:
		return fmt.Errorf("--leader-election-renew-deadline=%s has to be longer than %s, --leader-election-retry-period with its jitter",
			f.renew, tries)
	}
	return nil
}

// versionOf tells what the program was built from: the version of the module, and the commit where Git had one.
func versionOf(info *debug.BuildInfo, known bool) string {
	if !known {
		return "pbx-operator, of an unknown version"
	}
	version := "pbx-operator " + info.Main.Version
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			version += ", commit " + setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			version += " with changes"
		}
	}
	return version + ", " + info.GoVersion
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == receipts.Name {
		os.Exit(receipts.Command(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	f := parseFlags()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&f.log)))
	if err := run(f); err != nil {
		ctrl.Log.Error(err, "pbx-operator ends")
		os.Exit(1)
	}
}

func run(f flags) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("there is no cluster to work on; give --kubeconfig, or KUBECONFIG: %w", err)
	}
	if _, err := os.Stat(podNamespace); err != nil && f.leaderElect && f.leaderNamespace == "" {
		return errors.New("outside of a pod the election of a leader needs a namespace: give --leader-election-namespace, " +
			"or, if no other operator runs, --leader-elect=false")
	}
	// The API server's own fairness decides how fast we may be.
	config.QPS = -1
	scheme, err := controllers.Scheme()
	if err != nil {
		return err
	}
	grace := 20 * time.Second
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: f.metrics},
		HealthProbeBindAddress:        f.probes,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              "pbx-operator.pbx-operator.io",
		LeaderElectionNamespace:       f.leaderNamespace,
		LeaseDuration:                 &f.lease,
		RenewDeadline:                 &f.renew,
		RetryPeriod:                   &f.retry,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &grace,
		Cache:                         controllers.CacheOptions(),
	})
	if err != nil {
		return fmt.Errorf("cannot work with the cluster at %s: %w", config.Host, err)
	}
	for name, add := range map[string]func(string, healthz.Checker) error{
		"healthz": mgr.AddHealthzCheck, "readyz": mgr.AddReadyzCheck,
	} {
		if err := add(name, healthz.Ping); err != nil {
			return err
		}
	}
	ctx := ctrl.SetupSignalHandler()
	stores, err := controllers.SetUp(ctx, mgr, f.Options)
	if err != nil {
		return err
	}
	defer stores.Close()
	return mgr.Start(ctx)
}
