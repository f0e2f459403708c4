package sip

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	corev1 "k8s.io/api/core/v1"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

const emergencyOnly = "This phone may call emergency numbers only"

func register(w *world) {
	a, b := w.person(), w.person()
	password := a.phone.password
	a.phone.password = "wrong"
	a.registers(401)
	a.phone.password = password
	nobody := newPhone(w.t, w.kamailio.address, w.domain, "nobody", password)
	if got := nobody.register(); got.status != 401 {
		w.t.Errorf("an unknown user registers: %d %s", got.status, got.reason)
	}
	// The credentials of one, and the name of another.
	if got := a.phone.callFrom(b.phone.username, b.number); got.status != 403 {
		w.t.Errorf("a call as somebody else: %d %s", got.status, got.reason)
	}
	b.phone.notCalled()
	thief := newPhone(w.t, w.kamailio.address, w.domain, b.phone.username, password)
	if got := thief.register(); got.status != 401 {
		w.t.Errorf("register as somebody else: %d %s", got.status, got.reason)
	}
	w.completes(a.phone, b.number, b.phone)
}

func call(w *world) {
	a, b := w.person(), w.person()
	for _, number := range []string{b.number, b.direct} {
		begun := time.Now().UTC().Truncate(time.Second)
		id := w.completes(a.phone, number, b.phone)
		w.equal("the record", w.record(id, "src, dst, channel, accountcode, dstchannel, disposition, src_username, dst_username, src_service"),
			strings.Join([]string{
				a.number, number, a.phone.username, a.phone.username, b.phone.username, "ANSWERED", a.name, b.name, a.name + "-desk",
			}, "|"))
		if uniqueid := w.record(id, "uniqueid"); uniqueid == "" || strings.Contains(uniqueid, id) {
			w.t.Errorf("uniqueid is %q, and the phone's Call-ID %s", uniqueid, id)
		}
		at, err := time.Parse(time.DateTime, strings.NewReplacer("T", " ", "Z", "").Replace(w.record(id, "calldate")))
		if err != nil || at.Before(begun.Add(-time.Second)) || at.After(time.Now().UTC()) {
			w.t.Errorf("the call is recorded at %s (%v), it was after %s", at, err, begun)
		}
	}
	w.refused(a.phone, "9876", 404, "")
}

// nobodyAnswers: voicemail takes what no phone does, if there is a box.
func nobodyAnswers(w *world) {
	a, b := w.person(), w.person()
	for _, does := range []behaviour{isBusy, ringsOnly} {
		b.phone.set(does)
		id := w.completes(a.phone, b.number, w.voicemail)
		b.phone.called()
		w.equal("the record", w.record(id, "disposition, lastapp, dst, dst_username"), "ANSWERED|VoiceMail|"+b.number+"|"+b.name)
	}
	w.patch("extension", b.name, `{"voicemail":{"enabled":false}}`)
	b.phone.set(ringsOnly)
	w.refused(a.phone, b.number, 480, "")
	w.equal("nobody answered", w.unanswered(a, b), "NO ANSWER|0|1")
	b.phone.set(isBusy)
	w.refused(a.phone, b.number, 486, "")
	w.patch("extension", b.name, `{"voicemail":{"enabled":true}}`)
	if got := b.phone.registerFor(0); got.status != 200 {
		w.t.Errorf("unregister: %d %s", got.status, got.reason)
	}
	w.completes(a.phone, b.number, w.voicemail)
}

// unanswered is the record of the one call between two that nobody answered, and whether it has the time that it rang.
func (w *world) unanswered(a, b *person) string {
	w.t.Helper()
	var rows []string
	w.eventually("the record of a call that nobody answered", func() bool {
		rows = w.Rows(w.db, `SELECT disposition, billsec, CASE WHEN duration >= 1 THEN 1 ELSE 0 END FROM call_history
			WHERE src_username = $1 AND dst_username = $2 AND disposition <> 'ANSWERED'`, a.name, b.name)
		return len(rows) > 0
	})
	return strings.Join(rows, "; ")
}

// severalPhones: a call rings all phones of the extension, and who answers is in the record.
func severalPhones(w *world) {
	a, b := w.person(), w.person()
	w.Create(w.Phone(b.name+"-soft", b.name))
	w.patch("pbxuser", b.name, fmt.Sprintf(`{"services":[{"name":"%[1]s-desk"},{"name":"%[1]s-soft"}]}`, b.name))
	second := w.phone(b.name + "-soft")
	if got := second.register(); got.status != 200 {
		w.t.Fatalf("register: %d %s", got.status, got.reason)
	}
	b.phone.set(ringsOnly)
	id := w.completes(a.phone, b.number, second)
	b.phone.called()
	w.equal("answered by", w.record(id, "dstchannel, dst_username"), second.username+"|"+b.name)
	w.state("phone", b.name+"-soft", pbxv1.StateDeactivated)
	b.phone.set(picksUp)
	w.completes(a.phone, b.number, b.phone)
	second.notCalled()
}

// deactivated: nothing but emergency calls, and the emergency centre can call back.
func deactivated(w *world) {
	a, b := w.person(), w.person()
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	for _, number := range []string{b.number, b.direct, "9876"} {
		w.refused(a.phone, number, 403, emergencyOnly)
	}
	b.phone.notCalled()
	for _, number := range []string{"112", "911"} {
		id := w.completes(a.phone, number, w.gateway)
		w.equal("the record", w.record(id, "dst, src_username"), number+"|"+a.name)
	}
	// The registration is the one from before.
	for _, number := range []string{a.number, a.direct} {
		got := w.gateway.callFrom("112", number)
		if got.status != 200 {
			w.t.Fatalf("a callback to %s: %d %s", number, got.status, got.reason)
		}
		a.phone.called()
		a.phone.ended(w.gateway.hangUp(got))
	}
	got := w.gateway.callFrom("+4989", a.number, sip.NewHeader("Priority", "psap-callback"))
	a.phone.called()
	w.gateway.hangUp(got)
	w.completes(b.phone, a.number, w.voicemail)
	a.phone.notCalled()
	a.registers(200)
	w.refused(a.phone, b.number, 403, emergencyOnly)
	w.state("pbxuser", a.name, pbxv1.StateActive)
	w.completes(a.phone, b.number, b.phone)
}

// sharedPhone may do what its best user may, unless its own state says less.
func sharedPhone(w *world) {
	a, b := w.person(), w.person()
	w.patch("pbxuser", b.name, fmt.Sprintf(`{"services":[{"name":"%s-desk"},{"name":"%s-desk"}]}`, b.name, a.name))
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	w.completes(a.phone, b.number, b.phone)
	w.state("phone", a.name+"-desk", pbxv1.StateDeactivated)
	w.refused(a.phone, b.number, 403, emergencyOnly)
	w.completes(a.phone, "112", w.gateway)
}

func deletedAndRestored(w *world) {
	a, b := w.person(), w.person()
	w.state("pbxuser", a.name, pbxv1.StateDeleted)
	a.registers(401)
	w.refused(a.phone, b.number, 407, "")
	w.refused(b.phone, a.number, 480, "")
	w.state("extension", a.name, pbxv1.StateDeleted)
	w.refused(b.phone, a.number, 404, "")
	a.phone.notCalled()
	w.completes(a.phone, "112", w.gateway)
	w.state("extension", a.name, pbxv1.StateDeactivated)
	w.refused(b.phone, a.number, 480, "")
	w.state("extension", a.name, pbxv1.StateActive)
	w.state("pbxuser", a.name, pbxv1.StateActive)
	// Its registration has ended, so voicemail answers until it registers again, with the same credentials.
	w.completes(b.phone, a.number, w.voicemail)
	a.registers(200)
	w.completes(b.phone, a.number, a.phone)
	w.completes(a.phone, b.number, b.phone)
}

// recycled: the next holder of a number gets a phone with new credentials, and no calls of the one before.
func recycled(w *world) {
	a, b := w.person(), w.person()
	before := w.completes(a.phone, b.number, b.phone)
	w.record(before, "src")
	heir := a.name + "-heir"
	w.Create(w.User(heir))
	w.patch("extension", a.name, fmt.Sprintf(`{"userRef":{"name":%q}}`, heir))
	a.registers(401)
	w.completes(b.phone, a.number, w.voicemail)
	old := a.phone.password
	if _, a.phone.password = w.credentials(a.name + "-desk"); a.phone.password == old {
		w.t.Error("the password is the old one")
	}
	a.registers(200)
	after := w.completes(a.phone, b.number, b.phone)
	w.equal("the old record", w.record(before, "src_username"), a.name)
	w.equal("the new record", w.record(after, "src_username"), heir)
}

func purged(w *world) {
	a, b := w.person(), w.person()
	made, received := w.completes(a.phone, b.number, b.phone), w.completes(b.phone, a.number, a.phone)
	w.record(made, "src")
	w.record(received, "src")
	w.state("pbxuser", a.name, pbxv1.StateDeleted)
	w.equal("deleted", w.record(made, "src_username"), a.name)
	w.state("pbxuser", a.name, pbxv1.StatePurged)
	w.equal("made", w.record(made, "src, dst, src_user_id, src_username, dst_username"), a.number+"|"+b.number+"|NULL|NULL|"+b.name)
	w.equal("received", w.record(received, "src, dst, src_username, dst_user_id"), b.number+"|"+a.number+"|"+b.name+"|NULL")
	a.registers(401)
}

// rotated: another password in the Secret, and the old one fails at the next request.
func rotated(w *world) {
	a, b := w.person(), w.person()
	secret := &corev1.Secret{ObjectMeta: w.Meta(a.name + "-given"), StringData: map[string]string{"password": "first-password"}}
	w.Create(secret)
	w.patch("phone", a.name+"-desk", fmt.Sprintf(`{"sip":{"passwordSecretRef":{"name":%q}}}`, secret.Name))
	a.registers(401)
	a.phone.password = "first-password"
	a.registers(200)
	w.completes(b.phone, a.number, a.phone)
	secret.StringData = map[string]string{"password": "second-password"}
	if err := w.Client.Update(w.t.Context(), secret); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the old password fails", func() bool { return a.phone.register().status == 401 })
	w.completes(b.phone, a.number, w.voicemail)
	a.phone.notCalled()
	a.phone.password = "second-password"
	a.registers(200)
	w.completes(b.phone, a.number, a.phone)
}

// ongoingCall: no change of state ends a call.
func ongoingCall(w *world) {
	a, b := w.person(), w.person()
	got := a.phone.call(b.number)
	begun := time.Now()
	if got.status != 200 {
		w.t.Fatalf("%d %s", got.status, got.reason)
	}
	// For long enough that the record can tell it from no time at all.
	for time.Since(begun) < 3*time.Second {
		for _, state := range []pbxv1.State{pbxv1.StateDeactivated, pbxv1.StateActive, pbxv1.StateDeleted} {
			w.state("pbxuser", a.name, state)
			w.state("pbxuser", b.name, state)
			w.state("extension", b.name, state)
		}
	}
	select {
	case <-b.phone.hungUp:
		w.t.Error("the call has ended by itself")
	default:
	}
	id := a.phone.hangUp(got)
	lasted := int(time.Since(begun).Seconds())
	b.phone.ended(id)
	w.equal("the record", w.record(id, "src_username, dst_username, dstchannel, disposition"),
		a.name+"|"+b.name+"|"+b.phone.username+"|ANSWERED")
	for _, column := range []string{"duration", "billsec"} {
		seconds, err := strconv.Atoi(w.record(id, column))
		if err != nil || seconds < lasted-1 || seconds > lasted+1 {
			w.t.Errorf("%s = %d (%v), the call lasted %d seconds", column, seconds, err, lasted)
		}
	}
}

// outside: to and from the public network, with the direct number as the caller's.
func outside(w *world) {
	a := w.person()
	got := a.phone.call("+498912345")
	if got.status != 200 {
		w.t.Fatalf("a call to the public network: %d %s", got.status, got.reason)
	}
	invite := w.gateway.called()
	a.phone.hangUp(got)
	if identity := invite.GetHeader("P-Asserted-Identity"); identity == nil || !strings.Contains(identity.Value(), a.direct) {
		w.t.Errorf("P-Asserted-Identity is %v, want %s", identity, a.direct)
	}
	in := w.gateway.callFrom("+498912345", a.direct)
	if in.status != 200 {
		w.t.Fatalf("a call from the public network: %d %s", in.status, in.reason)
	}
	a.phone.called()
	id := w.gateway.hangUp(in)
	w.equal("the record", w.record(id, "src, dst, src_username, dst_username"), "+498912345|"+a.direct+"|NULL|"+a.name)
	if got := w.gateway.callFrom("+498912345", "+498999999"); got.status != 404 {
		w.t.Errorf("from outside to outside: %d %s", got.status, got.reason)
	}
}

// untrusted: from a network that is not trusted, an emergency call needs the credentials of a phone, and nobody else can
// pass for the emergency centre.
func untrusted(w *world) {
	a, b := w.person(), w.person()
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	w.patch("phonesystem", operator.PhoneSystem, `{"trustedNetworks":["192.0.2.0/24"]}`)
	stranger := newPhone(w.t, w.kamailio.address, w.domain, "stranger", "")
	w.eventually("a stranger's emergency call is challenged", func() bool {
		got := stranger.call("112")
		if got.status == 200 {
			w.gateway.called()
			stranger.hangUp(got)
		}
		return got.status == 407
	})
	w.completes(a.phone, "112", w.gateway)
	w.refused(a.phone, b.number, 403, emergencyOnly)
	if got := stranger.callFrom("112", a.number); got.status != 407 {
		w.t.Errorf("a callback from anywhere: %d %s", got.status, got.reason)
	}
	a.phone.notCalled()
	w.patch("phonesystem", operator.PhoneSystem, `{"emergencyNumbers":["112","999"]}`)
	w.eventually("999 is an emergency number", func() bool {
		got := a.phone.call("999")
		if got.status == 200 {
			w.gateway.called()
			a.phone.hangUp(got)
		}
		return got.status == 200
	})
}

// TestGatewayByName: a gateway may be a name, and there may be several: the next one is tried.
func TestGatewayByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, operator.SQLite)
	dead := newPhone(t, "", "gateway.example", "dead", "")
	dead.set(isBroken)
	plain := newStranger(t, w.host())
	w.kamailio.restart(t, "PBX_GATEWAY="+dead.address()+", localhost:"+strconv.Itoa(w.gateway.port)+","+plain.address())
	a := w.person()
	if got := plain.final(w.kamailio.address, message{method: "INVITE", uri: "tel:" + a.direct}); got != "200 OK" {
		t.Errorf("a call from a gateway to a tel URI: %q", got)
	}
	a.phone.called()
	for _, number := range []string{"112", "+498912345"} {
		w.completes(a.phone, number, w.gateway)
		dead.called()
	}
	got := w.gateway.callFrom("+498912345", a.direct)
	if got.status != 200 {
		t.Fatalf("a call from the gateway: %d %s", got.status, got.reason)
	}
	a.phone.called()
	w.gateway.hangUp(got)
}
