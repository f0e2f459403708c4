package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const lockFile = ".local/lock"

// lock makes sure that only one run works on .local. The kernel gives the lock
// up when we end, however we end.
func lock() (unlock func(), err error) {
	file, err := os.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer file.Close()
		pid, _ := os.ReadFile(lockFile)
		return nil, fmt.Errorf("another `make run` (pid %s) is at work in this checkout: use its cluster "+
			"(export KUBECONFIG=$PWD/%s), or stop it first", strings.TrimSpace(string(pid)), kubeconfigFile)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lockFile, err)
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		return nil, err
	}
	return func() {
		_ = file.Truncate(0)
		file.Close()
	}, nil
}

func writePID(file *os.File) error {
	_, err := file.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	return err
}
