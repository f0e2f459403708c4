package kube_test

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

func TestOurKindsAreServed(t *testing.T) {
	client, err := discovery.NewDiscoveryClientForConfig(kube.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.ServerResourcesForGroupVersion("pbx-operator.io/v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, resource := range list.APIResources {
		served[resource.Name] = true
	}
	for _, name := range []string{"phonesystems", "users", "users/status", "extensions", "phoneservices"} {
		if !served[name] {
			t.Errorf("%s is not served", name)
		}
	}
}

func TestEveryTestHasANamespaceOfItsOwn(t *testing.T) {
	first, second := kube.Namespace(t), kube.Namespace(t)
	if first == second {
		t.Errorf("both are %s", first)
	}
	out, err := kube.Kubectl(t, "get", "namespace", first, second, "-o", "name")
	if err != nil || len(strings.Fields(out)) != 2 {
		t.Errorf("kubectl finds %q (%v), want both", out, err)
	}
}

func TestImpersonation(t *testing.T) {
	config := kube.Start(t)
	config.Impersonate.UserName = "nobody-in-particular"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Secrets("default").List(context.Background(), metav1.ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "nobody-in-particular") {
		t.Errorf("error = %v, want one that forbids nobody-in-particular to list secrets", err)
	}
}
