package child

import (
	"fmt"
	"net"
)

// FreePort finds a port of loopback for a server that cannot choose one itself
// and tell. Somebody else may take it first.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
