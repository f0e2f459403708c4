// Package operator runs the operator inside a test: the real controllers against the real API server and real stores,
// with every write to either side counted.
package operator

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/pbx-operator/pbx-operator/controllers"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// stopLimit bounds how long the operator may take to end.
const stopLimit = 30 * time.Second

// Options of an operator in a test.
type Options struct {
	// Config is the access to the API server.
	Config *rest.Config
	// Namespaces that the operator looks at; tests keep apart by them.
	Namespaces []string
	// DataDir holds the embedded stores.
	DataDir string
	// TrustRequester has the requester of the annotation believed.
	TrustRequester bool
	// WrapStore, if set, sees every store that is opened.
	WrapStore func(store.Store) store.Store
	// WrapTransport, if set, sees what the operator asks the API server for, and what it answers.
	WrapTransport transport.WrapperFunc
}

// Operator is a running operator.
type Operator struct {
	API   *APICounter
	Store *StoreCounter

	activity *activity
	stop     func()
}

// Stop ends the operator and waits until it has ended. Stopping twice is harmless.
func (o *Operator) Stop() { o.stop() }

// Start starts an operator that ends with the test at the latest.
func Start(tb testing.TB, o Options) *Operator {
	tb.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	busy := &activity{}
	running := &Operator{API: &APICounter{activity: busy}, Store: &StoreCounter{activity: busy}, activity: busy}
	cfg := rest.CopyConfig(o.Config)
	cfg.QPS = -1
	cfg.Wrap(o.WrapTransport)
	cfg.Wrap(running.API.wrap)
	ctx, cancel := context.WithCancel(context.Background())
	mgr := newManager(tb, cfg, o.Namespaces)
	wrap := func(s store.Store) store.Store {
		if o.WrapStore != nil {
			s = o.WrapStore(s)
		}
		return &countingStore{Store: s, counter: running.Store}
	}
	stores, err := controllers.SetUp(ctx, mgr, controllers.Options{
		DataDir: o.DataDir, Workers: 16, WrapStore: wrap, TrustRequester: o.TrustRequester,
	})
	if err != nil {
		tb.Fatalf("set the controllers up: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		err := mgr.Start(ctx)
		stores.Close()
		ended <- err
	}()
	running.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				tb.Errorf("the operator ended with: %v", err)
			}
		case <-time.After(stopLimit):
			tb.Errorf("the operator did not end within %s", stopLimit)
		}
	})
	tb.Cleanup(running.stop)
	return running
}

func newManager(tb testing.TB, cfg *rest.Config, namespaces []string) ctrl.Manager {
	tb.Helper()
	scheme, err := controllers.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	options := controllers.CacheOptions()
	options.DefaultNamespaces = map[string]cache.Config{}
	for _, namespace := range namespaces {
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	again := true // controllers of the same name run one after the other in one process
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Cache: options, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &again},
	})
	if err != nil {
		tb.Fatalf("make a manager: %v", err)
	}
	return mgr
}

// Client gives a client without a cache, that knows all kinds.
func Client(tb testing.TB, cfg *rest.Config) client.Client {
	tb.Helper()
	scheme, err := controllers.Scheme()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
