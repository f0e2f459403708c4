package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
	"github.com/pbx-operator/pbx-operator/hack/run/controlplane"
)

const (
	stateDir       = ".local"
	logDir         = ".local/log"
	kubeconfigFile = ".local/kubeconfig"
)

// cluster is where the operator works: the local control plane, or one that
// the caller named.
type cluster struct {
	kubectl kubectl
	// plane is nil for a cluster that is not ours to stop.
	plane *controlplane.Plane
	// data is the directory of the operator's embedded stores.
	data string
}

// openCluster starts the local control plane, or finds the caller's cluster.
func openCluster(ctx context.Context) (*cluster, error) {
	if theirs, err := namesAnother(os.Getenv("KUBECONFIG")); err != nil {
		return nil, err
	} else if theirs {
		return openTheirs(ctx)
	}
	return startLocal(ctx)
}

// namesAnother is true if KUBECONFIG names a cluster that is not our local
// one: who followed our advice to export the local kubeconfig wants that.
func namesAnother(kubeconfig string) (bool, error) {
	if kubeconfig == "" {
		return false, nil
	}
	theirs, err := filepath.Abs(kubeconfig)
	if err != nil {
		return false, err
	}
	ours, err := filepath.Abs(kubeconfigFile)
	if err != nil {
		return false, err
	}
	return theirs != ours && !sameFile(theirs, ours), nil
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func startLocal(ctx context.Context) (*cluster, error) {
	binaries := os.Getenv("KUBEBUILDER_ASSETS")
	if binaries == "" {
		binaries = localBin
		if err := build(ctx, append([]string{operator, "kubectl"}, controlPlane...)...); err != nil {
			return nil, err
		}
	} else if err := build(ctx, operator); err != nil {
		return nil, err
	}
	tool, err := findKubectl(ctx, binaries)
	if err != nil {
		return nil, err
	}

	fmt.Println("Starting the control plane ...")
	rotate(controlPlane...)
	options := controlplane.Options{Binaries: binaries, State: stateDir, Logs: logDir}
	plane, err := controlplane.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	remember(plane.APIServer, plane.Etcd)
	c := &cluster{kubectl: tool, plane: plane, data: filepath.Join(stateDir, "data")}
	if err := plane.WriteKubeconfig(kubeconfigFile); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if err := startManager(plane, options); err != nil {
		return nil, errors.Join(err, c.close())
	}
	fmt.Println("The API server is ready at", plane.URL)
	return c, nil
}

// startManager starts the controller manager, by which deleted namespaces end. Somebody else's programs may lack it.
func startManager(plane *controlplane.Plane, options controlplane.Options) error {
	if !exists(filepath.Join(options.Binaries, controlplane.ControllerManager)) {
		fmt.Printf("There is no %s in %s: namespaces that are deleted stay Terminating.\n",
			controlplane.ControllerManager, options.Binaries)
		return nil
	}
	if err := plane.StartControllerManager(options, kubeconfigFile); err != nil {
		return err
	}
	remember(plane.Manager)
	return nil
}

// findKubectl is for the local control plane.
func findKubectl(ctx context.Context, binaries string) (kubectl, error) {
	if tool, ok := kubectlBeside(binaries, kubeconfigFile); ok {
		return tool, nil
	}
	if err := build(ctx, "kubectl"); err != nil {
		return kubectl{}, err
	}
	tool, _ := kubectlBeside(localBin, kubeconfigFile)
	return tool, nil
}

func openTheirs(ctx context.Context) (*cluster, error) {
	if err := build(ctx, operator); err != nil {
		return nil, err
	}
	tool, ok := kubectlInPath("")
	if !ok || !tool.works(ctx) {
		if err := build(ctx, "kubectl"); err != nil {
			return nil, err
		}
		tool, _ = kubectlBeside(localBin, "")
	}
	name, err := tool.run(ctx, "config", "current-context")
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG is %q, which names no cluster (unset it to use a local one): %w",
			os.Getenv("KUBECONFIG"), err)
	}
	address, err := tool.run(ctx, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	if err != nil {
		return nil, err
	}
	fmt.Printf(`
  KUBECONFIG is set: using YOUR cluster, context %s at %s.
  CRDs, policies and the sample company (namespace acme) are applied there.

`, firstLine(name), firstLine(address))
	id, err := tool.run(ctx, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
	if err != nil {
		return nil, err
	}
	// A store belongs to the objects of one cluster, so each has its own.
	return &cluster{kubectl: tool, data: filepath.Join(stateDir, "data-"+firstLine(id))}, nil
}

func (c *cluster) close() error {
	if c.plane == nil {
		return nil
	}
	return c.plane.Stop()
}

// ended is ready to receive when a part of a local control plane that the rest cannot do without has ended.
func (c *cluster) ended() (etcd, apiServer <-chan struct{}) {
	if c.plane == nil {
		return nil, nil
	}
	return c.plane.Etcd.Done(), c.plane.APIServer.Done()
}

// rotate keeps the logs of the run before and begins new ones.
func rotate(names ...string) {
	for _, name := range names {
		path := filepath.Join(logDir, name+".log")
		_ = os.Rename(path, path+".old") // there is none before the first run
	}
}

func logOf(name string) string { return filepath.Join(logDir, name+".log") }

func tail(name string) string { return child.LastLines(logOf(name), 15) }
