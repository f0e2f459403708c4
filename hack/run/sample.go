package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	namespace  = "acme"
	sampleDir  = "config/samples/acme"
	crdDir     = "config/crd/bases"
	policyDir  = "config/policies"
	stampDir   = "config/policies/requester"
	rolesFile  = "config/rbac/roles.yaml"
	annotation = "pbx-operator.io/sample"

	firstPatience = 2 * time.Minute
	// laterPatience is short: what a reader's own changes keep from being Ready
	// must not keep them from going on.
	laterPatience = 15 * time.Second
)

// installAPI installs what the API server has to know before the operator starts.
func installAPI(ctx context.Context, tool kubectl) error {
	fmt.Println("Installing the CRDs ...")
	if _, err := tool.run(ctx, "apply", "--server-side", "-f", crdDir); err != nil {
		return err
	}
	if _, err := tool.run(ctx, "wait", "--for=condition=Established", "--timeout=60s", "-f", crdDir); err != nil {
		return err
	}
	if !exists(policyDir) {
		return nil
	}
	fmt.Println("Installing the policies and the roles ...")
	if _, err := tool.run(ctx, "apply", "--server-side", "-k", policyDir); err != nil {
		return err
	}
	_, err := tool.run(ctx, "apply", "--server-side", "-f", rolesFile)
	return err
}

// installStamp installs the policy that stamps who changed a spec, if the API server is new enough for it, and says
// whether it is.
func installStamp(ctx context.Context, tool kubectl) (bool, error) {
	const kind = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies?limit=1"
	if _, err := tool.run(ctx, "get", "--raw="+kind); err != nil {
		return false, ctx.Err()
	}
	_, err := tool.run(ctx, "apply", "--server-side", "-k", stampDir)
	return err == nil, err
}

// applySample applies the sample company, once: a later run must not undo what
// the reader has changed since.
func applySample(ctx context.Context, tool kubectl) (first bool, err error) {
	path := "jsonpath={.metadata.annotations." + strings.ReplaceAll(annotation, ".", `\.`) + "}"
	mark, err := tool.run(ctx, "get", "namespace", namespace, "--ignore-not-found", "-o", path)
	if err != nil {
		return false, err
	}
	if mark != "" {
		fmt.Printf("The sample company is there already and left as it is.\n")
		return false, nil
	}
	fmt.Printf("Applying the sample company (%s) ...\n", sampleDir)
	if err := applyUntilServed(ctx, tool); err != nil {
		return false, err
	}
	_, err = tool.run(ctx, "annotate", "namespace", namespace, annotation+"=applied", "--overwrite")
	return true, err
}

// applyUntilServed tries again while the API server does not know our kinds well enough to ask a mutating policy about them:
// it looks for new ones every few seconds.
func applyUntilServed(ctx context.Context, tool kubectl) error {
	ctx, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		_, err := tool.run(ctx, "apply", "-k", sampleDir)
		if err == nil || !strings.Contains(err.Error(), "ServiceUnavailable") {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func awaitSample(ctx context.Context, tool kubectl, first bool) ([]object, error) {
	patience := laterPatience
	if first {
		patience = firstPatience
	}
	objects, missing, err := awaitReady(ctx, tool, patience)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return objects, nil
	}
	text := fmt.Sprintf("%d of %d objects in namespace %s are not Ready, and none has become so for %s:\n%s\nThe logs are in %s/.",
		len(missing), len(objects), namespace, patience, few(missing, 10), logDir)
	if first {
		return nil, fmt.Errorf("%s", text)
	}
	fmt.Println(text)
	return objects, nil
}

// welcome prints a few users and what to try next.
func welcome(ctx context.Context, c *cluster, objects []object) error {
	table, err := c.kubectl.run(ctx, "get", "users.pbx-operator.io", "-n", namespace)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", few(strings.Split(strings.TrimSpace(table), "\n"), 11))

	tool := adviseKubectl(ctx, c)
	fmt.Printf("\nTry next, in another terminal:\n\n")
	if c.plane != nil {
		fmt.Printf("  export KUBECONFIG=$PWD/%s\n", kubeconfigFile)
	}
	fmt.Printf("  %s get pbx -n %s\n", tool, namespace)
	if user := anActiveUser(objects); user != "" {
		fmt.Printf("  %s patch pbxuser %s -n %s --type=merge -p '{\"spec\":{\"state\":\"Deactivated\"}}'\n", tool, user, namespace)
	}
	if store := aStore(c.data); store != "" {
		fmt.Printf("  sqlite3 %s 'SELECT username, number FROM directory LIMIT 5'%s\n", store, hintSQLite())
	}
	if c.plane != nil {
		fmt.Printf("  make phones   # Kamailio on this store, for softphones%s\n", hintKamailio())
	}
	fmt.Printf("\nLogs are in %s/. Ctrl-C stops everything, `make run` goes on from here, `make clean` forgets.\n", logDir)
	return nil
}

// adviseKubectl is what to type: the reader's own kubectl, if it works.
func adviseKubectl(ctx context.Context, c *cluster) string {
	if own, ok := kubectlInPath(c.kubectl.kubeconfig); ok && own.works(ctx) {
		return "kubectl"
	}
	return c.kubectl.path
}

func anActiveUser(objects []object) string {
	i := slices.IndexFunc(objects, func(o object) bool {
		return o.Kind == "User" && len(o.Spec.Services) > 0 && (o.Spec.State == "" || o.Spec.State == "Active")
	})
	if i < 0 {
		return ""
	}
	return objects[i].Metadata.Name
}

func aStore(data string) string {
	// Glob fails only for a bad pattern.
	stores, _ := filepath.Glob(filepath.Join(data, namespace, "*.db"))
	if len(stores) == 0 {
		return ""
	}
	return stores[0]
}

func hintSQLite() string {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		return "   # sqlite3 is a Debian package"
	}
	return ""
}

func hintKamailio() string {
	for _, name := range []string{"kamailio", "/usr/sbin/kamailio"} {
		if _, err := exec.LookPath(name); err == nil {
			return ""
		}
	}
	return "; Debian's packages are kamailio and kamailio-sqlite-modules"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
