//go:build !linux

package child

import "syscall"

// Only Linux can tie a child to its parent's life: elsewhere a killed parent
// leaves its children behind.
func attributes(spec Spec) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: spec.RunAs}
}
