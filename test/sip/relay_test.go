package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// strangersDialog: nobody is let through by saying that they are within a dialog.
func strangersDialog(w *world) {
	s := newStranger(w.t, w.host())
	for _, m := range []message{
		{method: "INVITE", uri: "sip:+4990012345@" + w.gateway.address()},
		{method: "MESSAGE", uri: "sip:x@" + w.gateway.address()},
		{method: "BYE", uri: "sip:x@" + w.gateway.address()},
		{method: "REFER", uri: "sip:x@" + s.address()},
		{method: "UPDATE", uri: "sip:x@127.0.0.1:9;transport=tcp"},
	} {
		m.to = "<" + m.uri + ">;tag=zzz"
		m.headers = []string{"Route: <sip:" + w.kamailio.address + ";lr>", "P-Asserted-Identity: <sip:+4999999@evil.example>"}
		if got := s.final(w.kamailio.address, m); !strings.HasPrefix(got, "481") {
			w.t.Errorf("%s within a dialog of nobody: %q, want 481", m.method, got)
		}
	}
	w.gateway.notCalled()
}

// ownDialog: who has a dialog goes on in it, and sends nothing of it anywhere else.
func ownDialog(w *world) {
	a, b := w.person(), w.person()
	for _, call := range []struct {
		number string
		by     *phone
	}{{"112", w.gateway}, {b.number, b.phone}} {
		got := a.phone.call(call.number)
		if got.status != 200 {
			w.t.Fatalf("%d %s", got.status, got.reason)
		}
		call.by.called()
		invite, answer := got.dialog.InviteRequest, got.dialog.InviteResponse
		route := "Route: " + answer.GetHeader("Record-Route").Value()
		contact := answer.Contact().Address.String()
		from, to := invite.From().Value(), answer.To().Value()
		s := newStranger(w.t, w.host())
		for what, m := range map[string]message{
			"another target":      {uri: "sip:+4990012345@" + w.gateway.address(), to: to},
			"another tag":         {uri: contact, to: "<sip:112@" + w.domain + ">;tag=zzz"},
			"another target, tag": {uri: "sip:+4990012345@" + w.gateway.address(), to: "<sip:112@" + w.domain + ">;tag=zzz"},
			"another Route":       {uri: contact, to: to, headers: []string{"Route: <sip:" + w.gateway.address() + ";lr>"}},
		} {
			m.method, m.from, m.callID, m.cseq = "INVITE", from, invite.CallID().Value(), 50
			if m.headers == nil {
				m.headers = []string{route}
			}
			if got := s.final(w.kamailio.address, m); !strings.HasPrefix(got, "481") {
				w.t.Errorf("%s: a call within the dialog for %s: %q, want 481", call.number, what, got)
			}
		}
		call.by.notCalled()
		w.within(got.dialog, sip.INVITE)
		call.by.called()
		if call.by == w.gateway {
			w.equal("a transfer of an emergency call", fmt.Sprint(w.within(got.dialog, sip.REFER)), "403")
		} else {
			w.within(got.dialog, sip.REFER)
		}
		low := message{method: "BYE", uri: contact, from: from, to: to, callID: invite.CallID().Value(), cseq: 1, headers: []string{route}}
		if got := s.final(w.kamailio.address, low); !strings.HasPrefix(got, "500") {
			w.t.Errorf("%s: a BYE out of order: %q, want 500", call.number, got)
		}
		again := message{method: "INVITE", uri: "sip:9876@" + w.domain, from: from, callID: invite.CallID().Value(), cseq: 60}
		if got := s.final(w.kamailio.address, again); got == "" || strings.HasPrefix(got, "2") {
			w.t.Errorf("%s: another call with its Call-ID and tag: %q", call.number, got)
		}
		call.by.ended(a.phone.hangUp(got))
	}
}

// within sends a request in a dialog, which has to arrive: whatever the other side says of it, it is not 481. It gives the
// answer.
func (w *world) within(dialog *sipgo.DialogClientSession, method sip.RequestMethod) int {
	w.t.Helper()
	req := sip.NewRequest(method, *dialog.InviteResponse.Contact().Address.Clone())
	if method == sip.REFER {
		req.AppendHeader(sip.NewHeader("Refer-To", "<sip:1@"+w.domain+">"))
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), answerLimit)
	defer cancel()
	res, err := dialog.Do(ctx, req)
	if err != nil {
		w.t.Errorf("%s within a dialog: %v", method, err)
		return 0
	}
	server := res.GetHeader("Server")
	if res.StatusCode == 481 || res.StatusCode != sip.StatusForbidden && server != nil && server.Value() == "pbx" {
		w.t.Errorf("%s within a dialog has not arrived: %s", method, res.StartLine())
	}
	return res.StatusCode
}

// TestDialogsOverRestart: a call goes on over a restart of Kamailio, and has its record when it ends.
func TestDialogsOverRestart(t *testing.T) {
	t.Parallel()
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			a, b := w.person(), w.person()
			got := a.phone.call(b.number)
			if got.status != 200 {
				t.Fatalf("%d %s", got.status, got.reason)
			}
			b.phone.called()
			w.kamailio.restart(t)
			w.within(got.dialog, sip.INVITE)
			id := a.phone.hangUp(got)
			b.phone.ended(id)
			w.equal("the record", w.record(id, "src_username, dst_username, disposition"), a.name+"|"+b.name+"|ANSWERED")
			if rows := w.Rows(w.db, "SELECT callid FROM dialog"); len(rows) > 0 {
				t.Errorf("dialogs that have been taken from the store are still there: %v", rows)
			}
		})
	}
}

// contactIsNoDestination: a phone is where its REGISTER came from, whatever it calls itself.
func contactIsNoDestination(w *world) {
	a, b := w.person(), w.person()
	a.phone.registerFor(0)
	elsewhere := *a.phone
	elsewhere.contactIs = sip.Uri{Scheme: "sip", User: "+4990077777", Host: w.gateway.host, Port: w.gateway.port}
	if got := elsewhere.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	got := b.phone.call(a.number)
	invite := a.phone.called()
	w.gateway.notCalled()
	if got.status == 200 {
		b.phone.hangUp(got)
	}
	if user := invite.Recipient.User; user != "+4990077777" {
		w.t.Errorf("the request is for %s, want the contact's user", user)
	}
}

// replayed: an answer to a challenge counts once, and for the request that was challenged.
func replayed(w *world) {
	a := w.person()
	register := func(s *stranger, header string) (string, string) {
		m := message{
			method: "REGISTER", uri: "sip:" + w.domain, from: fmt.Sprintf("<sip:%s@%s>;tag=x", a.phone.username, w.domain),
			to: fmt.Sprintf("<sip:%s@%s>", a.phone.username, w.domain), headers: []string{"Expires: 60"},
		}
		if header != "" {
			m.headers = append(m.headers, header)
		}
		all := s.exchange(w.kamailio.address, m)
		if len(all) == 0 {
			return "", ""
		}
		last := all[len(all)-1]
		return startLines([]string{last})[0], last
	}
	s, thief := newStranger(w.t, w.host()), newStranger(w.t, w.host())
	_, challenge := register(s, "")
	answer := func(uri string) string {
		return authorization(w.t, headerOf(challenge, "WWW-Authenticate"), "REGISTER", uri, a.phone.username, a.phone.password)
	}
	if got, _ := register(s, answer("sip:totally@different")); !strings.HasPrefix(got, "403") {
		w.t.Errorf("an answer for another request: %q, want 403", got)
	}
	_, challenge = register(s, "")
	good := answer("sip:" + w.domain)
	if got, _ := register(thief, good); !strings.HasPrefix(got, "401") {
		w.t.Errorf("the answer, stolen before it was used: %q, want 401", got)
	}
	_, challenge = register(s, "")
	good = answer("sip:" + w.domain)
	if got, _ := register(s, good); !strings.HasPrefix(got, "200") {
		w.t.Fatalf("the answer: %q, want 200", got)
	}
	for who, from := range map[string]*stranger{"again": s, "by a thief": thief} {
		if got, _ := register(from, good); !strings.HasPrefix(got, "401") {
			w.t.Errorf("the answer %s: %q, want 401", who, got)
		}
	}
}

// guessing: ten wrong passwords, and nothing from there is heard any more but emergency calls, and who is registered.
func guessing(w *world) {
	a := w.person()
	host := w.host()
	guesser := newPhoneAt(w.t, host, w.kamailio.address, w.domain, a.phone.username, "wrong")
	neighbour := newPhoneAt(w.t, host, w.kamailio.address, w.domain, a.phone.username, a.phone.password)
	if got := neighbour.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	for i := range 10 {
		if got := guesser.register(); got.status != 401 {
			w.t.Fatalf("guess %d: %d %s", i, got.status, got.reason)
		}
	}
	s := newStranger(w.t, host)
	silence := message{method: "REGISTER", uri: "sip:" + w.domain}
	if got := s.answers(w.kamailio.address, silence); len(got) > 0 {
		w.t.Errorf("after ten guesses: %v, want silence", got)
	}
	if got := newStranger(w.t, w.host()).final(w.kamailio.address, silence); !strings.HasPrefix(got, "401") {
		w.t.Errorf("from elsewhere: %q, want a challenge", got)
	}
	if got := neighbour.register(); got.status != 200 {
		w.t.Errorf("who is registered there: %d %s", got.status, got.reason)
	}
	w.completes(guesser, "112", w.gateway)
}

// identity: the callee sees a number and a name, and reaches the caller by the number.
func identity(w *world) {
	a, b := w.person(), w.person()
	numeric := w.Phone(a.name+"-numeric", a.name)
	numeric.Spec.SIP.Username = a.number
	w.Create(numeric)
	w.patch("pbxuser", a.name, fmt.Sprintf(`{"services":[{"name":"%[1]s-desk"},{"name":"%[1]s-numeric"}]}`, a.name))
	second := w.phone(a.name + "-numeric")
	if got := second.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	sees := func(from *phone, number string) {
		w.t.Helper()
		got := from.call(b.number, claimedHeaders()...)
		invite := b.phone.called()
		b.phone.ended(from.hangUp(got))
		if shown := invite.From(); shown.Address.User != number || shown.DisplayName != a.name+" Example" {
			w.t.Errorf("%s shows %s, want %s and a name", from.username, shown.Value(), number)
		}
		for name := range claimed {
			if header := invite.GetHeader(name); header != nil {
				w.t.Errorf("%s is passed on: %s", name, header.Value())
			}
		}
		if account := from.username; strings.HasSuffix(account, "-desk") && strings.Contains(invite.String(), account) {
			w.t.Errorf("the account is shown:\n%s", invite)
		}
		if bye := b.phone.lastBye.Load(); bye.From().Address.User != number || strings.Contains(bye.String()+invite.String(), "vsf=") {
			w.t.Errorf("the account is shown, or can be read:\n%s\n%s", invite, bye)
		}
		if answer := got.dialog.InviteResponse.String(); strings.Contains(answer, b.phone.username) {
			w.t.Errorf("the account of the callee is shown:\n%s", answer)
		}
		// Who calls back what was shown rings the caller's phones.
		second.set(ringsOnly)
		defer second.set(picksUp)
		got = b.phone.call(number)
		if got.status != 200 {
			w.t.Fatalf("calling back %s: %d %s", number, got.status, got.reason)
		}
		b.phone.hangUp(got)
		a.phone.called()
		second.called()
	}
	sees(a.phone, a.number)
	sees(second, a.number)
	a.number = "7" + a.number[1:]
	w.patch("extension", a.name, fmt.Sprintf(`{"number":%q}`, a.number))
	sees(a.phone, a.number)
	sees(second, a.number)
	// The box hears the same.
	b.phone.set(isBusy)
	got := a.phone.call(b.number)
	b.phone.called()
	if from := w.voicemail.called().From(); from.Address.User != a.number {
		w.t.Errorf("the box hears %s, want %s", from.Value(), a.number)
	}
	a.phone.hangUp(got)
}

// numbers: a number is found however a carrier, or somebody inside, writes it.
func numbers(w *world) {
	w.german()
	a, b := w.person(), w.person()
	e164 := strings.TrimPrefix(b.direct, "+") // 4930…
	for _, dialled := range []string{b.direct, e164, "00" + e164, "0" + e164[2:], e164[2:], b.direct + ";npdi", "+" + e164 + ";isub=1"} {
		got := w.gateway.callFrom("+498955", dialled)
		if got.status != 200 {
			w.t.Errorf("from outside to %s: %d %s", dialled, got.status, got.reason)
			continue
		}
		b.phone.called()
		id := w.gateway.hangUp(got)
		w.equal("the record of "+dialled, w.record(id, "dst, dst_username"), b.direct+"|"+b.name)
	}
	for _, dialled := range []string{b.direct, "00" + e164, "0" + e164[2:], "00" + e164[2:], "0" + b.direct} {
		w.completes(a.phone, dialled, b.phone)
	}
	w.gateway.notCalled()
}

// letterCase: Kamailio's registrar folds usernames; the phone is the same.
func letterCase(w *world) {
	a, b := w.person(), w.person()
	other := w.Phone("Desk7-"+strings.ToLower(a.name), a.name)
	other.Name = strings.ToLower(other.Name)
	other.Spec.SIP.Username = "Desk7." + a.name
	w.Create(other)
	w.patch("pbxuser", a.name, fmt.Sprintf(`{"services":[{"name":"%s-desk"},{"name":%q}]}`, a.name, other.Name))
	desk := w.phone(other.Name)
	if got := desk.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	got := b.phone.call(a.number)
	desk.called()
	a.phone.called()
	b.phone.hangUp(got)
	w.showsService(other.Name, "Test/1.0")
	w.patch("extension", a.name, `{"userRef":{"name":"`+b.name+`"}}`)
	w.showsService(other.Name, "")
}
