package controlplane

import (
	"path/filepath"
	"strings"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

// ControllerManager is the name of the program that StartControllerManager runs.
const ControllerManager = "kube-controller-manager"

// controllers are those whose work is missed without pods: namespaces end, garbage goes, and roles are aggregated.
var controllers = []string{"namespace-controller", "garbage-collector-controller", "clusterrole-aggregation-controller"}

// StartControllerManager starts a controller manager beside the API server, with the administrator's kubeconfig. It
// serves nothing, so that it is ready shows in what it does.
func (p *Plane) StartControllerManager(opts Options, kubeconfig string) error {
	process, err := child.Start(child.Spec{
		Path: filepath.Join(opts.Binaries, ControllerManager),
		Args: []string{
			"--kubeconfig=" + kubeconfig,
			"--controllers=" + strings.Join(controllers, ","),
			"--leader-elect=false",
			"--secure-port=0",
		},
		Log: filepath.Join(opts.Logs, ControllerManager+".log"),
	})
	p.Manager = process
	return err
}
