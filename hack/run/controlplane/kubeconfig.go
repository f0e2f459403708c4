package controlplane

import (
	"encoding/base64"
	"fmt"
	"os"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: admin
  user:
    token: %s
contexts:
- name: local
  context:
    cluster: local
    user: admin
current-context: local
`

// WriteKubeconfig writes an administrator's kubeconfig that only we may read.
func (p *Plane) WriteKubeconfig(path string) error {
	text := fmt.Sprintf(kubeconfig, p.URL, base64.StdEncoding.EncodeToString(p.CA), p.Token)
	half := path + ".new"
	if err := os.WriteFile(half, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return os.Rename(half, path)
}
