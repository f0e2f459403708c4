// Command pbx-operator runs the people and phones of a company from Kubernetes manifests: it brings PBX stores, SQL
// databases that phone engines, portals and analytics read, to the declared state, and keeps them there.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/pbx-operator/pbx-operator/controllers"
)

type flags struct {
	controllers.Options
	metrics, probes string
	leaderElect     bool
	leaderNamespace string
	log             zap.Options
}

func parseFlags() flags {
	var f flags
	flag.StringVar(&f.DataDir, "data-dir", "/var/lib/pbx-operator",
		"Directory of the embedded stores: <data-dir>/<namespace>/<name>.db.")
	flag.IntVar(&f.Workers, "workers", 16, "Number of objects of each kind that are reconciled at once.")
	flag.StringVar(&f.metrics, "metrics-bind-address", ":8080", "Address of the Prometheus metrics; 0 turns them off.")
	flag.StringVar(&f.probes, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz; 0 turns them off.")
	flag.BoolVar(&f.leaderElect, "leader-elect", true, "Elect a leader, so that of several operators one works.")
	flag.StringVar(&f.leaderNamespace, "leader-election-namespace", "",
		"Namespace of the leader election's Lease. Default: the operator's own.")
	f.log.BindFlags(flag.CommandLine)
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "pbx-operator brings PBX stores to the state that PhoneSystem, User, "+
			"Extension and PhoneService objects declare.\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "pbx-operator: unexpected argument %q; see --help\n", flag.Arg(0))
		os.Exit(2)
	}
	return f
}

func main() {
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
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &grace,
		Cache:                         controllers.CacheOptions(),
	})
	if err != nil {
		return err
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
