package child

import "syscall"

func attributes(spec Spec) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: spec.DeathSignal, Credential: spec.RunAs}
}
