package sip

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// startup is the version of PostgreSQL's protocol in the message after which typed ones begin.
const startup = 3 << 16

// ear stands between an engine and PostgreSQL and counts what is asked.
type ear struct {
	dsn   string
	count atomic.Int64
	mu    sync.Mutex
	texts []string
}

// newEar listens before a server. The DSN is the server's with the ear's address.
func newEar(t testing.TB, dsn string) *ear {
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
	e, server := &ear{}, u.Host
	u.Host = listener.Addr().String()
	e.dsn = u.String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go e.serve(client, server)
		}
	}()
	return e
}

func (e *ear) serve(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	}()
	for typed := false; ; {
		kind, body, err := e.message(client, upstream, typed)
		if err != nil {
			return
		}
		if !typed {
			typed = len(body) >= 4 && binary.BigEndian.Uint32(body) == startup
			continue
		}
		if kind == 'Q' || kind == 'P' {
			e.count.Add(1)
			e.mu.Lock()
			e.texts = append(e.texts, string(body[:len(body)-1]))
			e.mu.Unlock()
		}
	}
}

// message passes one message on, and gives what kind it is and what it says.
func (e *ear) message(from io.Reader, to io.Writer, typed bool) (kind byte, body []byte, err error) {
	head := make([]byte, 4)
	if typed {
		head = make([]byte, 5)
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return 0, nil, err
	}
	_, err = to.Write(append(head, body...))
	return head[0], body, err
}

// heard gives what was asked so far.
func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.texts...)
}
