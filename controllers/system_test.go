package controllers_test

import (
	"path/filepath"
	"strconv"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/controllers"
	"github.com/pbx-operator/pbx-operator/test/pgserver"
)

// domain is the SIP domain of all phone systems.
const domain = "pbx.example.com"

// system is a PhoneSystem with its store.
type system struct {
	store     string
	postgres  bool
	namespace string
	// doomed are namespaces that specs delete: before the objects in them, and after.
	doomed map[string]string
	name   string
	dsn    string
	object *pbxv1.PhoneSystem
	db     database
}

func scheme() *runtime.Scheme {
	known, err := controllers.Scheme()
	Expect(err).NotTo(HaveOccurred())
	return known
}

// another gives a further phone system on a store of its own of the same kind; neither exists yet.
func (s *system) another() *system {
	return s.anotherIn(s.namespace)
}

func (s *system) anotherIn(namespace string) *system {
	return &system{store: s.store, postgres: s.postgres, namespace: namespace, name: unique("system")}
}

// create creates the PhoneSystem, and on PostgreSQL a database and the Secret that tells of it.
func (s *system) create(with ...func(*pbxv1.PhoneSystemSpec)) {
	GinkgoHelper()
	if s.postgres && s.dsn == "" {
		s.dsn = pgserver.NewDatabase(untilTheEnd{GinkgoTB()})
		create(s.dsnSecret(s.dsn))
	}
	s.object = s.manifest(with...)
	create(s.object)
}

// manifest is the PhoneSystem as a user would write it.
func (s *system) manifest(with ...func(*pbxv1.PhoneSystemSpec)) *pbxv1.PhoneSystem {
	object := &pbxv1.PhoneSystem{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name},
		Spec:       pbxv1.PhoneSystemSpec{Domain: domain, MainNumber: "+49301000"},
	}
	if s.postgres {
		object.Spec.Store.Postgres = &pbxv1.PostgresStore{SecretRef: pbxv1.SecretKeyReference{Name: s.name + "-store"}}
	} else {
		object.Spec.Store.Embedded = &pbxv1.EmbeddedStore{}
	}
	for _, change := range with {
		change(&object.Spec)
	}
	return object
}

func (s *system) dsnSecret(dsn string) *corev1.Secret {
	return s.secret(s.name+"-store", map[string]string{"dsn": dsn})
}

// start creates the PhoneSystem, waits until it is ready, and connects to its store.
func (s *system) start(with ...func(*pbxv1.PhoneSystemSpec)) *system {
	GinkgoHelper()
	s.create(with...)
	Eventually(latest(s.object)).Should(beReady())
	s.connect()
	return s
}

// connect opens the store as an engine or a portal would.
func (s *system) connect() {
	GinkgoHelper()
	if s.postgres {
		s.db = openDatabase("pgx", s.dsn)
		return
	}
	s.db = openDatabase("sqlite", "file:"+s.file()+"?_pragma=busy_timeout(10000)")
}

// file is where an embedded store is.
func (s *system) file() string { return filepath.Join(dataDir, s.namespace, s.name+".db") }

var (
	names   atomic.Int64
	numbers atomic.Int64
)

// unique gives a name that no other object has.
func unique(name string) string { return name + "-" + strconv.FormatInt(names.Add(1), 10) }

// number gives four digits that no other extension has.
func number() pbxv1.Number { return pbxv1.Number(strconv.FormatInt(2000+numbers.Add(1), 10)) }
