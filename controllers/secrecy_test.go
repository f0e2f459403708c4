package controllers_test

import (
	"encoding/json"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// secrecy knows every password and every DSN that was in a Secret of the suite.
var secrecy = struct {
	sync.Mutex
	values map[string]bool
}{values: map[string]bool{}}

func watchSecrets(namespaces ...string) {
	GinkgoHelper()
	for _, namespace := range namespaces {
		versions, err := api.Watch(ctx, &corev1.SecretList{}, client.InNamespace(namespace))
		Expect(err).NotTo(HaveOccurred())
		suite.Cleanup(versions.Stop)
		go noteSecrets(versions)
	}
}

func noteSecrets(versions watch.Interface) {
	for version := range versions.ResultChan() {
		secret, ok := version.Object.(*corev1.Secret)
		if !ok {
			continue
		}
		secrecy.Lock()
		for key, value := range secret.Data {
			if key == "password" || key == "dsn" {
				secrecy.values[string(value)] = true
			}
		}
		secrecy.Unlock()
	}
}

// expectSecrecy looks for what is secret in all that others can read: tables, statuses, events and the log.
func expectSecrecy() {
	GinkgoHelper()
	said := map[string]string{"the log": logs.String()}
	for _, s := range []*system{embedded, postgres} {
		said["the tables of "+s.store] = s.dump()
	}
	for _, namespace := range namespaces() {
		for _, list := range []client.ObjectList{
			&pbxv1.PhoneSystemList{}, &pbxv1.UserList{}, &pbxv1.ExtensionList{}, &pbxv1.PhoneServiceList{}, &eventsv1.EventList{},
		} {
			Expect(api.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			text, err := json.Marshal(list)
			Expect(err).NotTo(HaveOccurred())
			said["objects"] += string(text)
		}
	}
	secrecy.Lock()
	defer secrecy.Unlock()
	for where, text := range said {
		Expect(text).NotTo(BeEmpty(), where)
		for value := range secrecy.values {
			if len(value) > 4 && strings.Contains(text, value) {
				Fail("the secret " + value + " is in " + where)
			}
		}
	}
}

// dump is every row of every table.
func (s *system) dump() string {
	GinkgoHelper()
	tables := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if s.postgres {
		tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	var all strings.Builder
	for _, table := range s.db.rows(tables) {
		all.WriteString(strings.Join(s.db.rows("SELECT * FROM "+table), "\n"))
	}
	return all.String()
}
