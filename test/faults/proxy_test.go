package faults

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands before a server, counts who connects, and can stop passing anything on.
type proxy struct {
	listener net.Listener
	target   string
	accepted atomic.Int64
	// hung holds what is passed on while it is locked.
	hung sync.RWMutex
}

// newProxy starts a proxy before the server of a DSN, and gives the DSN that leads through it.
func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: address.Host}
	t.Cleanup(func() { _ = listener.Close() })
	go p.serve()
	address.Host = listener.Addr().String()
	return p, address.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		go p.connect(client)
	}
}

func (p *proxy) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_, _ = client.Read(make([]byte, 1<<10)) // who is cut off while asking is told another reason each time
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	go p.pass(server, client, ended)
	go p.pass(client, server, ended)
	<-ended
}

func (p *proxy) pass(to io.Writer, from io.Reader, ended chan<- struct{}) {
	defer func() { ended <- struct{}{} }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.hung.RLock()
		_, failed := to.Write(buffer[:n])
		p.hung.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}
