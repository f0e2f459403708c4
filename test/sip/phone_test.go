package sip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// answerLimit bounds the wait for an answer of a SIP server, or for a call.
const answerLimit = 30 * time.Second

// behaviour is what a phone does with a call to it.
type behaviour int32

const (
	picksUp behaviour = iota
	ringsOnly
	isBusy
	// isBroken is a server that cannot do anything.
	isBroken
)

// phone is a SIP phone on loopback, or another SIP server of the test: a voicemail server, or a gateway.
type phone struct {
	t                testing.TB
	username, domain string
	userAgent        string
	host             string
	port             int
	proxy            string

	password string
	does     *atomic.Int32
	// contactIs is where the phone says that it is, if that is not true.
	contactIs sip.Uri

	client   *sipgo.Client
	outgoing *sipgo.DialogClientCache
	incoming *sipgo.DialogServerCache
	// calls are the INVITEs that came, answered those that the caller has acknowledged.
	calls    chan *sip.Request
	answered chan *sipgo.DialogServerSession
	// hungUp tells of calls that the other side ended, lastBye how it did.
	hungUp  chan string
	lastBye *atomic.Pointer[sip.Request]
}

// newPhone puts a phone on a free port. It has to register before it can be called.
func newPhone(t testing.TB, proxy, domain, username, password string) *phone {
	t.Helper()
	return newPhoneAt(t, "127.0.0.1", proxy, domain, username, password)
}

// newPhoneAt puts a phone on another address of this machine.
func newPhoneAt(t testing.TB, host, proxy, domain, username, password string) *phone {
	t.Helper()
	conn, err := net.ListenPacket("udp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{
		t: t, username: username, password: password, domain: domain, proxy: proxy, does: new(atomic.Int32), userAgent: "Test/1.0",
		host: host, port: conn.LocalAddr().(*net.UDPAddr).Port,
		calls: make(chan *sip.Request, 64), answered: make(chan *sipgo.DialogServerSession, 64), hungUp: make(chan string, 64),
		lastBye: new(atomic.Pointer[sip.Request]),
	}
	silent := slog.New(slog.DiscardHandler)
	ua, err := sipgo.NewUA(sipgo.WithUserAgent(username), sipgo.WithUserAgentHostname(domain),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(silent)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(silent)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ua.Close(); _ = conn.Close() })
	p.client, err = sipgo.NewClient(ua, sipgo.WithClientConnectionAddr(conn.LocalAddr().String()),
		sipgo.WithClientLogger(silent))
	if err != nil {
		t.Fatal(err)
	}
	contact := sip.ContactHeader{Address: p.contact()}
	p.outgoing = sipgo.NewDialogClientCache(p.client, contact)
	p.incoming = sipgo.NewDialogServerCache(p.client, contact)
	server, err := sipgo.NewServer(ua, sipgo.WithServerLogger(silent))
	if err != nil {
		t.Fatal(err)
	}
	p.serve(server)
	go func() { _ = server.ServeUDP(conn) }()
	operator.Await(t, answerLimit, username+" listens", func() string {
		if c, err := ua.TransportLayer().GetConnection("udp", conn.LocalAddr().String()); err != nil || c == nil {
			return "not yet"
		}
		return ""
	})
	return p
}

func (p *phone) contact() sip.Uri {
	if p.contactIs.Host != "" {
		return p.contactIs
	}
	return sip.Uri{Scheme: "sip", User: p.username, Host: p.host, Port: p.port}
}

func (p *phone) address() string { return net.JoinHostPort(p.host, strconv.Itoa(p.port)) }

// set changes what the phone does with calls from now on.
func (p *phone) set(does behaviour) { p.does.Store(int32(does)) }

func (p *phone) serve(server *sipgo.Server) {
	server.OnInvite(p.ring)
	server.OnAck(func(req *sip.Request, tx sip.ServerTransaction) { _ = p.incoming.ReadAck(req, tx) })
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		if p.incoming.ReadBye(req, tx) != nil && p.outgoing.ReadBye(req, tx) != nil {
			_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
			return
		}
		p.lastBye.Store(req)
		p.hungUp <- req.CallID().Value()
	})
}

func (p *phone) ring(req *sip.Request, tx sip.ServerTransaction) {
	dialog, err := p.incoming.ReadInvite(req, tx)
	if err != nil {
		return
	}
	_ = dialog.Respond(180, "Ringing", nil)
	p.calls <- req
	switch behaviour(p.does.Load()) {
	case picksUp:
		if dialog.RespondSDP([]byte(sdp)) == nil {
			p.answered <- dialog
		}
	case isBroken:
		_ = dialog.Respond(503, "Service Unavailable", nil)
	case isBusy:
		_ = dialog.Respond(486, "Busy Here", nil)
	case ringsOnly:
		<-dialog.Context().Done() // until the caller gives up
	}
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// uri is an address in the domain.
func (p *phone) uri(user string) sip.Uri { return sip.Uri{Scheme: "sip", User: user, Host: p.domain} }

// request makes a request that goes to the proxy, from an account.
func (p *phone) request(method sip.RequestMethod, to sip.Uri, from string) *sip.Request {
	req := sip.NewRequest(method, to)
	header := &sip.FromHeader{Address: p.uri(from)}
	header.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(header)
	req.AppendHeader(&sip.ContactHeader{Address: p.contact()})
	req.AppendHeader(sip.NewHeader("User-Agent", p.userAgent))
	req.SetTransport("UDP")
	req.SetDestination(p.proxy)
	return req
}

// register registers for an hour, and gives the answer.
func (p *phone) register() outcome { return p.registerFor(3600) }

func (p *phone) registerFor(seconds int) outcome {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), answerLimit)
	defer cancel()
	req := p.request(sip.REGISTER, sip.Uri{Scheme: "sip", Host: p.domain}, p.username)
	req.AppendHeader(&sip.ToHeader{Address: p.uri(p.username)})
	req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(seconds)))
	res, err := p.client.Do(ctx, req)
	if err == nil && res.StatusCode == sip.StatusUnauthorized {
		res, err = p.client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: p.username, Password: p.password})
	}
	if err != nil {
		p.t.Fatalf("%s: REGISTER: %v", p.username, err)
	}
	return outcome{status: res.StatusCode, reason: res.Reason}
}

// outcome is how a request ended.
type outcome struct {
	status int
	reason string
	// dialog of an answered call.
	dialog *sipgo.DialogClientSession
}

// call calls a number and acknowledges the answer.
func (p *phone) call(number string, headers ...sip.Header) outcome {
	p.t.Helper()
	return p.callFrom(p.username, number, headers...)
}

// callFrom calls with what it says in From.
func (p *phone) callFrom(from, number string, headers ...sip.Header) outcome {
	p.t.Helper()
	got, err := p.try(p.t.Context(), from, number, headers...)
	if err != nil {
		p.t.Fatalf("%s calls %s: %v", from, number, err)
	}
	return got
}

// try is callFrom for who may be cancelled or fail.
func (p *phone) try(ctx context.Context, from, number string, headers ...sip.Header) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	req := p.request(sip.INVITE, p.uri(number), from)
	for _, header := range headers {
		req.AppendHeader(header)
	}
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody([]byte(sdp))
	dialog, err := p.outgoing.WriteInvite(ctx, req)
	if err != nil {
		return outcome{}, err
	}
	err = dialog.WaitAnswer(ctx, sipgo.AnswerOptions{Username: p.username, Password: p.password})
	var refused *sipgo.ErrDialogResponse
	if errors.As(err, &refused) {
		return outcome{status: refused.Res.StatusCode, reason: refused.Res.Reason}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	if err := dialog.Ack(ctx); err != nil {
		return outcome{}, err
	}
	return outcome{status: dialog.InviteResponse.StatusCode, reason: dialog.InviteResponse.Reason, dialog: dialog}, nil
}

// hangUp ends an answered call and gives its Call-ID.
func (p *phone) hangUp(o outcome) string {
	p.t.Helper()
	if o.dialog == nil {
		p.t.Fatalf("%s: there is no call to end: %d %s", p.username, o.status, o.reason)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), answerLimit)
	defer cancel()
	if err := o.dialog.Bye(ctx); err != nil {
		p.t.Fatalf("%s hangs up: %v", p.username, err)
	}
	return o.dialog.InviteRequest.CallID().Value()
}

// called waits for a call to the phone, and gives its INVITE.
func (p *phone) called() *sip.Request {
	p.t.Helper()
	select {
	case req := <-p.calls:
		return req
	case <-time.After(answerLimit):
		p.t.Fatalf("%s: nobody has called within %s", p.username, answerLimit)
		return nil
	}
}

// notCalled sees that no call has come: every call of the test that could has ended by now.
func (p *phone) notCalled() {
	p.t.Helper()
	select {
	case req := <-p.calls:
		p.t.Errorf("%s was called by %s", p.username, req.From().Value())
	default:
	}
}

// ended waits until the other side has ended a call.
func (p *phone) ended(id string) {
	p.t.Helper()
	for deadline := time.After(answerLimit); ; {
		select {
		case got := <-p.hungUp:
			if got == id {
				return
			}
		case <-deadline:
			p.t.Fatalf("%s: the call was not ended within %s", p.username, answerLimit)
		}
	}
}
