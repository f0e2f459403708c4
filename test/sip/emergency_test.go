package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const mainNumber = "+49301000"

// claimed is what a phone may say of itself, and nobody is to hear.
var claimed = map[string]string{
	"P-Asserted-Identity": "<sip:+4999999@evil.example>", "P-Preferred-Identity": "<sip:+4999999@evil.example>",
	"Remote-Party-ID": "<sip:+4999999@evil.example>;party=calling", "Privacy": "id",
	"Diversion": "<sip:+4999999@evil.example>", "History-Info": "<sip:+4999999@evil.example>;index=1",
	"Geolocation": "<cid:here@evil.example>", "Geolocation-Routing": "yes",
}

func claimedHeaders() []sip.Header {
	var headers []sip.Header
	for name, value := range claimed {
		headers = append(headers, sip.NewHeader(name, value))
	}
	return headers
}

// german gives the phone system a country, an area, an outside line and a main number, and waits until Kamailio knows.
func (w *world) german() {
	w.t.Helper()
	w.patch("phonesystem", operator.PhoneSystem, fmt.Sprintf(
		`{"mainNumber":%q,"numbering":{"country":"49","area":"30","outside":"0"},"emergencyNumbers":["112","911"]}`, mainNumber))
	probe := newPhoneAt(w.t, w.host(), w.kamailio.address, w.domain, "probe", "")
	w.eventually("Kamailio knows the settings", func() bool {
		got := probe.call("0049112")
		if got.status != 200 {
			return false
		}
		defer probe.hangUp(got)
		return strings.Contains(shownBy(w.gateway.called()), mainNumber)
	})
}

// shownBy is what an INVITE asserts of its caller.
func shownBy(invite *sip.Request) string {
	var all []string
	for _, identity := range invite.GetHeaders("P-Asserted-Identity") {
		all = append(all, identity.Value())
	}
	return strings.Join(all, ", ")
}

// emergency calls an emergency number, and sees what the gateway gets: the number, and who can be called back.
func (w *world) emergency(from *phone, dialled, number, shown string) {
	w.t.Helper()
	got := from.call(dialled, claimedHeaders()...)
	if got.status != 200 {
		w.t.Fatalf("%s calls %s: %d %s", from.username, dialled, got.status, got.reason)
	}
	invite := w.gateway.called()
	id := from.hangUp(got)
	w.gateway.ended(id)
	w.presents(invite, shown)
	if uri := invite.Recipient.String(); uri != "sip:"+number+"@"+w.domain {
		w.t.Errorf("%s dials %s: the request is for %s", from.username, dialled, uri)
	}
	if to := invite.To().Address.String(); to != "sip:"+number+"@"+w.domain {
		w.t.Errorf("%s dials %s: To is %s", from.username, dialled, to)
	}
	w.equal("the record", w.record(id, "src, dst, disposition"), shown+"|"+number+"|ANSWERED")
}

// presents sees that an INVITE shows a number, once, and nothing that the caller claims.
func (w *world) presents(invite *sip.Request, shown string) {
	w.t.Helper()
	if want := "<sip:" + shown + "@" + w.domain + ";user=phone>"; shownBy(invite) != want {
		w.t.Errorf("P-Asserted-Identity is %q, want %q", shownBy(invite), want)
	}
	if from := invite.From(); from.Address.User != shown || from.DisplayName != "" {
		w.t.Errorf("From is %s, want %s", from.Value(), shown)
	}
	for name := range claimed {
		if header := invite.GetHeader(name); header != nil && name != "P-Asserted-Identity" {
			w.t.Errorf("%s is passed on: %s", name, header.Value())
		}
	}
}

// emergencyForms: an emergency number is one however it is dialled, from phones in any state.
func emergencyForms(w *world) {
	w.german()
	a, b, c := w.person(), w.person(), w.person()
	w.state("pbxuser", b.name, pbxv1.StateDeactivated)
	w.state("pbxuser", c.name, pbxv1.StateDeleted)
	for _, form := range []string{"112", "0112", "+112", "+49112", "0049112", "112;phone-context=evil.example", "911", "0911"} {
		number := "112"
		if strings.HasSuffix(form, "911") {
			number = "911"
		}
		w.emergency(a.phone, form, number, a.direct)
	}
	w.emergency(b.phone, "112", "112", b.direct)
	w.emergency(c.phone, "112", "112", c.direct)
	w.state("extension", c.name, pbxv1.StateDeleted)
	w.eventually("the main number stands for a Deleted extension", func() bool {
		got := c.phone.call("112")
		defer c.phone.hangUp(got)
		return strings.Contains(shownBy(w.gateway.called()), mainNumber)
	})
	// 1112 is a number like any other.
	extension := w.Extension("ordinary", "1112", b.name)
	w.Create(extension, w.Phone("ordinary", "ordinary"), w.User("ordinary", "ordinary"))
	w.patch("extension", "ordinary", `{"userRef":{"name":"ordinary"}}`)
	ordinary := w.phone("ordinary")
	if got := ordinary.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	w.completes(a.phone, "1112", ordinary)
}

// emergencyURI: what stands beside the number in a request URI sends the call nowhere else.
func emergencyURI(w *world) {
	w.german()
	for _, uri := range []string{
		"sip:112@evil.example:9999;transport=tcp;maddr=198.51.100.1", "sip:112:secret@" + w.domain, "sip:112@" + w.domain + "?Route=evil.example",
		"urn:service:sos", "urn:service:sos.ambulance", "tel:112;phone-context=+1", "sip:+49112@198.51.100.1",
	} {
		s := newStranger(w.t, w.host())
		answers := s.exchange(w.kamailio.address, message{
			method: "INVITE", uri: uri, to: "<sip:112@evil.example>", headers: []string{"Route: <sip:evil.example;lr>", "P-Asserted-Identity: <sip:+4999@evil>"},
		})
		lines := startLines(answers)
		if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "200") {
			w.t.Errorf("%s: %v, want an answer of the emergency centre", uri, lines)
			continue
		}
		invite := w.gateway.called()
		if got := invite.Recipient.String(); got != "sip:112@"+w.domain {
			w.t.Errorf("%s goes out as %s", uri, got)
		}
		if len(invite.GetHeaders("Route")) > 0 {
			w.t.Errorf("%s goes out with a Route: %v", uri, invite.GetHeaders("Route"))
		}
		w.equal("shown", shownBy(invite), "<sip:"+mainNumber+"@"+w.domain+";user=phone>")
	}
}

// claimedCaller: who has shown no password is nobody in the record, whoever they say they are.
func claimedCaller(w *world) {
	w.german()
	a := w.person()
	other := newPhoneAt(w.t, w.host(), w.kamailio.address, w.domain, a.phone.username, "")
	id := w.completes(other, "112", w.gateway)
	w.equal("the record", w.record(id, "src, channel, src_username"), a.direct+"||NULL")
	if got := w.record(id, "userfield"); !strings.Contains(got, ";From="+a.phone.username) {
		w.t.Errorf("the record does not say who it was claimed to be: %s", got)
	}
	id = w.completes(a.phone, "112", w.gateway)
	w.equal("the record of who is registered", w.record(id, "src, channel, src_username"), a.direct+"|"+a.phone.username+"|"+a.name)
}

// calledBack: the centre calls back from an ordinary number, and reaches the phone that called.
func calledBack(w *world) {
	w.german()
	a, b, stranger := w.person(), w.person(), w.person()
	for _, state := range []pbxv1.State{pbxv1.StateActive, pbxv1.StateDeactivated, pbxv1.StateDeleted} {
		w.state("pbxuser", a.name, state)
		w.completes(a.phone, "112", w.gateway)
		for _, number := range []string{a.direct, strings.TrimPrefix(a.direct, "+"), "00" + a.direct[1:], "0" + a.direct[3:]} {
			got := w.gateway.callFrom("+4930555", number)
			if got.status != 200 {
				w.t.Fatalf("%s: a callback to %s: %d %s", state, number, got.status, got.reason)
			}
			a.phone.called()
			a.phone.ended(w.gateway.hangUp(got))
		}
	}
	// Nobody else reaches it.
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	a.phone.set(picksUp)
	w.completes(stranger.phone, a.direct, w.voicemail)
	pretender := newPhoneAt(w.t, w.host(), w.kamailio.address, w.domain, "pretender", "")
	for _, from := range []string{"+4930555", "112"} {
		got, err := pretender.try(w.t.Context(), from, a.direct, sip.NewHeader("Priority", "psap-callback"))
		if err != nil || got.status != 407 {
			w.t.Errorf("a callback by somebody else: %d %s %v", got.status, got.reason, err)
		}
	}
	a.phone.notCalled()
	// Who is called back and does not answer: as usual.
	a.phone.set(isBusy)
	got := w.gateway.callFrom("+4930555", a.direct)
	a.phone.called()
	w.voicemail.called()
	w.voicemail.ended(w.gateway.hangUp(got))
	// A number without an emergency call is as usual at once.
	got = w.gateway.callFrom("+4930555", b.direct)
	b.phone.called()
	w.gateway.hangUp(got)
}

// mainNumberCalledBack: where the main number was shown, the phone and the usual target ring together.
func mainNumberCalledBack(w *world) {
	w.german()
	a := w.person()
	w.patch("extension", a.name, fmt.Sprintf(`{"directNumbers":[%q]}`, mainNumber))
	lobby := w.Extension("lobby", "1999", "")
	lobby.Spec.DisplayName = "Lobby"
	w.Create(lobby, w.Phone("lobby", "lobby"))
	w.ready()
	phone := w.phone("lobby")
	if got := phone.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	w.emergency(phone, "112", "112", mainNumber)
	phone.set(ringsOnly)
	got := w.gateway.callFrom("+4930555", mainNumber)
	if got.status != 200 {
		w.t.Fatalf("a callback to the main number: %d %s", got.status, got.reason)
	}
	phone.called()
	a.phone.called()
	a.phone.ended(w.gateway.hangUp(got))
}

// TestCallbackWindow: the window is open for callbackMinutes after the call has ended, also over a restart of Kamailio.
func TestCallbackWindow(t *testing.T) {
	t.Parallel()
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			w.patch("phonesystem", operator.PhoneSystem, `{"emergency":{"callbackMinutes":30}}`)
			a, b := w.person(), w.person()
			for _, p := range []*person{a, b} {
				w.state("pbxuser", p.name, pbxv1.StateDeactivated)
				w.completes(p.phone, "112", w.gateway)
			}
			w.eventually("the calls are in the store", func() bool {
				return len(w.Rows(w.db, "SELECT callid FROM pbx_emergency_calls WHERE ended IS NOT NULL")) == 2
			})
			ended := time.Now().Add(-31 * time.Minute).Unix()
			w.Exec(w.db, "UPDATE pbx_emergency_calls SET began = $1, ended = $2 WHERE shown = $3", ended-60, ended, b.direct)
			w.kamailio.restart(t)
			got := w.gateway.callFrom("+4930555", a.direct)
			if got.status != 200 {
				t.Fatalf("a callback within the window: %d %s", got.status, got.reason)
			}
			a.phone.called()
			a.phone.ended(w.gateway.hangUp(got))
			got = w.gateway.callFrom("+4930555", b.direct)
			w.voicemail.called()
			w.gateway.hangUp(got)
			b.phone.notCalled()
		})
	}
}

// TestEmergencyWays: the next way is tried when one cannot be sent to, refuses, or does not ring within two seconds; and
// the newest of two calls that showed one number is called back.
func TestEmergencyWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, operator.SQLite)
	dumb := newStranger(t, "127.0.0.1")
	go dumb.triesOnly()
	w.kamailio.restart(t, "PBX_EMERGENCY=240.0.0.1:5060,"+dumb.address()+","+w.gateway.address())
	a := w.person()
	w.completes(a.phone, "112", w.gateway)
	w.kamailio.restart(t, "PBX_EMERGENCY=")
	w.patch("phonesystem", operator.PhoneSystem, fmt.Sprintf(`{"mainNumber":%q}`, mainNumber))
	w.patch("extension", a.name, `{"directNumbers":[]}`)
	b := w.person()
	w.patch("extension", b.name, `{"directNumbers":[]}`)
	var calls []outcome
	for _, p := range []*person{a, b} {
		w.eventually("the main number is shown", func() bool {
			got := p.phone.call("112")
			if shownBy(w.gateway.called()) != "<sip:"+mainNumber+"@"+w.domain+";user=phone>" {
				p.phone.hangUp(got)
				return false
			}
			calls = append(calls, got)
			return true
		})
	}
	b.phone.hangUp(calls[1])
	a.phone.hangUp(calls[0]) // the older one ends last
	got := w.gateway.callFrom("+4930555", mainNumber)
	b.phone.called()
	w.gateway.hangUp(got)
	a.phone.notCalled()
}

// TestPoisonedRecords: a text that no statement can hold keeps no other record from being written.
func TestPoisonedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, operator.SQLite)
	a := w.person()
	s := newStranger(t, w.host())
	for _, id := range []string{"nul\x00'quote", "it's", `back\slash'); DROP TABLE cdr; --`} {
		s.answers(w.kamailio.address, message{method: "INVITE", uri: "sip:112@" + w.domain, callID: id, from: "<sip:o'hara@x>;tag=1"})
	}
	id := w.completes(a.phone, "112", w.gateway)
	w.equal("the record", w.record(id, "src_username"), a.name)
}
