package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

// rawLimit bounds the wait for an answer to a request that may get none.
const rawLimit = 3 * time.Second

// stranger sends SIP as text, so that it may be anything.
type stranger struct {
	t    testing.TB
	conn *net.UDPConn
}

// newStranger sends from an address of this machine.
func newStranger(t testing.TB, host string) *stranger {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &stranger{t: t, conn: conn}
}

func (s *stranger) address() string { return s.conn.LocalAddr().String() }

// message is a request as its parts; what is left out is made up.
type message struct {
	method, uri, from, to, callID string
	cseq                          int
	headers                       []string
}

// answers sends a request to a server and gives the start lines of all answers until a final one, or until none comes.
func (s *stranger) answers(server string, m message) []string {
	s.t.Helper()
	return startLines(s.exchange(server, m))
}

// final is the status of the final answer, with its reason; empty if there is none.
func (s *stranger) final(server string, m message) string {
	s.t.Helper()
	lines := s.answers(server, m)
	if len(lines) == 0 || strings.HasPrefix(lines[len(lines)-1], "1") {
		return ""
	}
	return lines[len(lines)-1]
}

func startLines(responses []string) []string {
	var lines []string
	for _, response := range responses {
		line, _, _ := strings.Cut(response, "\r\n")
		lines = append(lines, strings.TrimPrefix(line, "SIP/2.0 "))
	}
	return lines
}

// exchange gives the whole answers.
func (s *stranger) exchange(server string, m message) []string {
	s.t.Helper()
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		s.t.Fatal(err)
	}
	if m.callID == "" {
		m.callID = rand.Text()
	}
	if m.cseq == 0 {
		m.cseq = 1
	}
	if m.from == "" {
		m.from = "<sip:stranger@elsewhere.example>;tag=" + rand.Text()[:8]
	}
	if m.to == "" {
		m.to = "<" + m.uri + ">"
	}
	lines := []string{
		m.method + " " + m.uri + " SIP/2.0", "Via: SIP/2.0/UDP " + s.address() + ";branch=z9hG4bK" + rand.Text() + ";rport",
		"From: " + m.from, "To: " + m.to, "Call-ID: " + m.callID, fmt.Sprintf("CSeq: %d %s", m.cseq, m.method), "Max-Forwards: 70",
		"Contact: <sip:stranger@" + s.address() + ">",
	}
	lines = append(append(lines, m.headers...), "Content-Length: 0", "", "")
	if _, err := s.conn.WriteToUDP([]byte(strings.Join(lines, "\r\n")), to); err != nil {
		s.t.Fatal(err)
	}
	return s.read(m.callID)
}

// read gives the answers to a call until a final one.
func (s *stranger) read(callID string) []string {
	s.t.Helper()
	var all []string
	ctx, cancel := context.WithTimeout(s.t.Context(), rawLimit)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		s.t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	for {
		n, err := s.conn.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		if err != nil {
			s.t.Fatal(err)
		}
		text := string(buffer[:n])
		if !strings.HasPrefix(text, "SIP/2.0 ") || !strings.Contains(text, callID) {
			continue
		}
		all = append(all, text)
		if text[8] != '1' {
			return all
		}
	}
}

// headerOf is the value of the first header of that name in a message; empty if it has none.
func headerOf(message, name string) string {
	for line := range strings.SplitSeq(message, "\r\n") {
		if key, value, found := strings.Cut(line, ":"); found && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// authorization answers a challenge for a request.
func authorization(t testing.TB, challenge, method, uri, username, password string) string {
	t.Helper()
	parsed, err := digest.ParseChallenge(challenge)
	if err != nil {
		t.Fatalf("the challenge %q: %v", challenge, err)
	}
	answer, err := digest.Digest(parsed, digest.Options{Method: method, URI: uri, Username: username, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + answer.String()
}

// triesOnly answers what comes with 100 and nothing more, until its socket is closed.
func (s *stranger) triesOnly() {
	buffer := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		answer := "SIP/2.0 100 Trying\r\n"
		for line := range strings.SplitSeq(string(buffer[:n]), "\r\n") {
			for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
				if strings.HasPrefix(line, name) {
					answer += line + "\r\n"
				}
			}
		}
		_, _ = s.conn.WriteToUDP([]byte(answer+"Content-Length: 0\r\n\r\n"), from)
	}
}
