package postgres

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and its server, and can lose an answer.
type proxy struct {
	dsn      string
	server   string
	mu       sync.Mutex
	lose, on string
}

func newProxy(t *testing.T, dsn string) *proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{server: u.Host}
	u.Host = listener.Addr().String()
	p.dsn = u.String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// loseAnswerTo loses the answer to a statement on the connection that has sent another one before.
func (p *proxy) loseAnswerTo(statement, after string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.on = statement, after
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	answers := &answers{client: client}
	go answers.pass(server)
	var armed bool
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		armed = armed || p.on != "" && bytes.Contains(buffer[:n], []byte(p.on))
		if armed && bytes.Contains(buffer[:n], []byte(p.lose)) {
			answers.drop()
		}
		p.mu.Unlock()
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// answers pass to the client until they are dropped: the first one after that closes the connection.
type answers struct {
	client  net.Conn
	mu      sync.Mutex
	dropped bool
}

func (a *answers) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dropped = true
}

func (a *answers) pass(server net.Conn) {
	defer a.client.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		a.mu.Lock()
		dropped := a.dropped
		a.mu.Unlock()
		if dropped {
			return
		}
		if _, err := a.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
