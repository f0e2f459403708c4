package controllers_test

import (
	"context"
	"io"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/pbx-operator/pbx-operator/test/kube"
	"github.com/pbx-operator/pbx-operator/test/operator"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

const (
	// suiteLimit bounds all specs together.
	suiteLimit = 10 * time.Minute
	// patience is how long something that has to happen may take on a busy machine.
	patience = 30 * time.Second
	// glance is how often a spec looks whether it has happened.
	glance = 20 * time.Millisecond
	// quiet is how long something that must not happen is watched for, after a sign that it would have.
	quiet = 250 * time.Millisecond
)

// What all specs share: one API server, one operator, and a PhoneSystem on each kind of store.
var (
	suite    testing.TB
	ctx      context.Context
	config   *rest.Config
	api      client.WithWatch
	dataDir  string
	running  *operator.Operator
	logs     = &logBook{}
	embedded = &system{store: "the embedded store", name: "default"}
	postgres = &system{store: "PostgreSQL", name: "default", postgres: true}
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(glance)
	SetDefaultConsistentlyDuration(quiet)
	SetDefaultConsistentlyPollingInterval(glance)
	ctrl.SetLogger(zap.New(zap.WriteTo(io.MultiWriter(logs, GinkgoWriter))))

	var cancel context.CancelFunc
	ctx, cancel = context.WithTimeout(context.Background(), suiteLimit)
	t.Cleanup(cancel)
	suite, dataDir, config = t, t.TempDir(), kube.Start(t)
	pgserver.Start(t)
	embedded.namespace, postgres.namespace = kube.Namespace(t), kube.Namespace(t)
	for _, s := range []*system{embedded, postgres} {
		s.doomed = map[string]string{"first": kube.Namespace(t), "last": kube.Namespace(t)}
	}
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	var err error
	api, err = client.NewWithWatch(config, client.Options{Scheme: scheme()})
	Expect(err).NotTo(HaveOccurred())
	watchConformity(namespaces()...)
	watchSecrets(namespaces()...)
	running = operator.Start(suite, operator.Options{Config: config, Namespaces: namespaces(), DataDir: dataDir})
	for _, s := range []*system{embedded, postgres} {
		s.create()
		Eventually(latest(s.object)).Should(beReady())
		s.connect()
	}
})

// The operator ends before its databases are dropped, and has kept all secrets.
var _ = AfterSuite(func() {
	if running == nil {
		return
	}
	defer running.Stop()
	expectSecrecy()
})

// namespaces are all that the operator of the suite looks at.
func namespaces() (all []string) {
	for _, s := range []*system{embedded, postgres} {
		all = append(all, s.namespace, s.doomed["first"], s.doomed["last"])
	}
	return all
}

// onBothStores makes the same specs for both kinds of stores. Until the specs run, the system is only a name.
func onBothStores(text string, specs func(s *system)) bool {
	return Describe(text, func() {
		for _, s := range []*system{embedded, postgres} {
			Context("on "+s.store, func() { specs(s) })
		}
	})
}

// untilTheEnd fails the spec that runs, and cleans up at the end of the suite, when the operator has ended.
type untilTheEnd struct{ testing.TB }

func (untilTheEnd) Cleanup(f func()) { suite.Cleanup(f) }
