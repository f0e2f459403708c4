package sip

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pbx-operator/pbx-operator/test/engines"
)

// agent speaks just enough SIP to load a server. A phone of sipgo takes more of a machine's time than Kamailio does, so
// that it would be measured instead.
type agent struct {
	conn    *net.UDPConn
	server  *net.UDPAddr
	replies chan string

	mu sync.Mutex
	// came and answered are when an INVITE came and when it was answered, by Call-ID.
	came, answered map[string]time.Time
}

var errNoAnswer = errors.New("no answer")

func newAgent(t testing.TB, server string) *agent {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	a := &agent{
		conn: conn, server: to, replies: make(chan string, 1024), came: map[string]time.Time{}, answered: map[string]time.Time{},
	}
	go a.read()
	return a
}

func (a *agent) address() string { return a.conn.LocalAddr().String() }

// read answers requests, each with 200, and hands replies on.
func (a *agent) read() {
	buffer := make([]byte, 65536)
	for {
		n, from, err := a.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		now, message := time.Now(), string(buffer[:n])
		if strings.HasPrefix(message, "SIP/2.0 ") {
			select {
			case a.replies <- message:
			default: // nobody waits for so many
			}
			continue
		}
		if !strings.HasPrefix(message, "ACK ") {
			a.answer(message, from, now)
		}
	}
}

func (a *agent) answer(request string, to *net.UDPAddr, now time.Time) {
	reply := "SIP/2.0 200 OK\r\n"
	for _, name := range []string{"Via", "Record-Route", "From"} {
		for _, value := range headers(request, name) {
			reply += name + ": " + value + "\r\n"
		}
	}
	tag, body := "", ""
	if !strings.Contains(header(request, "To"), "tag=") {
		tag = ";tag=answered"
	}
	if strings.HasPrefix(request, "INVITE ") {
		body = sdp
	}
	reply += "To: " + header(request, "To") + tag + "\r\nCall-ID: " + header(request, "Call-ID") + "\r\nCSeq: " + header(request, "CSeq") +
		"\r\nContact: <sip:answers@" + a.address() + ">\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if body != "" {
		a.note(header(request, "Call-ID"), now)
	}
	_, _ = a.conn.WriteToUDP([]byte(reply), to)
}

// note takes down when an INVITE came for the first time, and that it is answered now.
func (a *agent) note(id string, came time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.came[id].IsZero() {
		a.came[id], a.answered[id] = came, time.Now()
	}
}

// times gives when an INVITE came and was answered.
func (a *agent) times(id string) (came, answered time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.came[id], a.answered[id]
}

// headers are the values of all headers of a name.
func headers(message, name string) (all []string) {
	for line := range strings.SplitSeq(message, "\r\n") {
		if line == "" {
			break
		}
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			all = append(all, strings.TrimSpace(value))
		}
	}
	return all
}

func header(message, name string) string {
	if all := headers(message, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func status(reply string) int {
	if len(reply) < 12 {
		return 0
	}
	code, _ := strconv.Atoi(reply[8:11])
	return code
}

// exchange is a dialog, or what may become one.
type exchange struct {
	a                    *agent
	user, to, id, branch string
	sequence             int
}

func (a *agent) exchange(user, to string) *exchange {
	return &exchange{a: a, user: user, to: "<sip:" + to + "@" + engines.Domain + ">", id: rand.Text() + "@load"}
}

// send sends a request within the exchange, with further lines.
func (x *exchange) send(method, uri string, lines ...string) {
	if method != "ACK" {
		x.sequence++
	}
	if method != "ACK" || len(lines) > 0 {
		x.branch = "z9hG4bK" + rand.Text()
	}
	body := ""
	if method == "INVITE" {
		body = sdp
		lines = append(lines, "Content-Type: application/sdp")
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=%s\r\nTo: %s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\nUser-Agent: Load/1.0\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, x.a.address(), x.branch, x.user, engines.Domain, x.id[:8], x.to, x.id, x.sequence, method, x.user, x.a.address(),
		joined(lines), len(body), body)
	_, _ = x.a.conn.WriteToUDP([]byte(text), x.a.server)
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// final waits for the last reply to the request that was sent last.
func (x *exchange) final(limit time.Duration) (string, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		select {
		case reply := <-x.a.replies:
			sequence, _, _ := strings.Cut(header(reply, "CSeq"), " ")
			if header(reply, "Call-ID") == x.id && sequence == strconv.Itoa(x.sequence) && status(reply) >= 200 {
				return reply, nil
			}
		case <-deadline.C:
			return "", errNoAnswer
		}
	}
}

// authenticated sends a request, and once more with the password if it is asked for.
func (x *exchange) authenticated(method, uri, password string, limit time.Duration, lines ...string) (string, error) {
	x.send(method, uri, lines...)
	reply, err := x.final(limit)
	if err != nil {
		return "", err
	}
	challenge, answer := header(reply, "WWW-Authenticate"), "Authorization: "
	if status(reply) == 407 {
		challenge, answer = header(reply, "Proxy-Authenticate"), "Proxy-Authorization: "
	}
	if method == "INVITE" && status(reply) >= 300 {
		x.acknowledge(uri, reply)
	}
	if challenge == "" {
		return reply, nil
	}
	x.send(method, uri, append(lines, answer+md5Of(challenge, x.user, password, method, uri))...)
	reply, err = x.final(limit)
	if err == nil && method == "INVITE" && status(reply) >= 300 {
		x.acknowledge(uri, reply)
	}
	return reply, err
}

// acknowledge ends the transaction of a refused INVITE: it has the To of the answer, which later requests have not.
func (x *exchange) acknowledge(uri, reply string) {
	to := x.to
	x.to = header(reply, "To")
	x.send("ACK", uri)
	x.to = to
}

// md5Of answers a challenge as RFC 2617 has it.
func md5Of(challenge, user, password, method, uri string) string {
	hash := func(parts ...string) string {
		sum := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum[:])
	}
	value := func(name string) string {
		_, rest, _ := strings.Cut(challenge, name+`="`)
		text, _, _ := strings.Cut(rest, `"`)
		return text
	}
	ha1, ha2 := hash(user, value("realm"), password), hash(method, uri)
	response, more := hash(ha1, value("nonce"), ha2), ""
	if value("qop") != "" || strings.Contains(challenge, "qop=auth") {
		more = `, qop=auth, nc=00000001, cnonce="load"`
		response = hash(ha1, value("nonce"), "00000001", "load", "auth", ha2)
	}
	if value("opaque") != "" {
		more += `, opaque="` + value("opaque") + `"`
	}
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5%s`,
		user, value("realm"), value("nonce"), uri, response, more)
}

// established is an answered call: where requests within it go, and by which way.
type established struct {
	*exchange
	target string
	routes []string
}

func (x *exchange) establish(reply string) established {
	x.to = header(reply, "To")
	contact := header(reply, "Contact")
	e := established{exchange: x, target: strings.Trim(contact[:strings.Index(contact, ">")+1], "<>")}
	routes := headers(reply, "Record-Route")
	slices.Reverse(routes)
	for _, route := range routes {
		e.routes = append(e.routes, "Route: "+route)
	}
	e.send("ACK", e.target, append(e.routes, "X-Load: 1")...)
	return e
}

// register registers a person's phone at the agent's address.
func (a *agent) register(p engines.Person, limit time.Duration) error {
	x := a.exchange(p.Username(), p.Username())
	reply, err := x.authenticated("REGISTER", "sip:"+engines.Domain, p.Password(), limit, "Expires: 3600")
	return wrong("REGISTER", 200, reply, err)
}

// call calls a number as a person, and hangs up.
func (a *agent) call(p engines.Person, number string, limit time.Duration) error {
	x := a.exchange(p.Username(), number)
	reply, err := x.authenticated("INVITE", "sip:"+number+"@"+engines.Domain, p.Password(), limit)
	if err := wrong("INVITE", 200, reply, err); err != nil {
		return err
	}
	e := x.establish(reply)
	e.send("BYE", e.target, e.routes...)
	reply, err = e.final(limit)
	return wrong("BYE", 200, reply, err)
}

// stranger sends one request without a password, and takes note of the answer.
func (a *agent) stranger(method, user, number string, limit time.Duration) error {
	x, uri := a.exchange(user, number), "sip:"+engines.Domain
	if method == "INVITE" {
		uri = "sip:" + number + "@" + engines.Domain
	}
	x.send(method, uri)
	reply, err := x.final(limit)
	if err != nil {
		return err
	}
	if method == "INVITE" && status(reply) >= 300 {
		x.acknowledge(uri, reply)
	}
	return nil
}

func wrong(what string, want int, reply string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if status(reply) != want {
		line, _, _ := strings.Cut(reply, "\r\n")
		return fmt.Errorf("%s: %s", what, line)
	}
	return nil
}
