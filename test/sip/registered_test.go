package sip

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// registered: the status of a phone tells of its registration, and is written when it comes and goes, not when it is
// refreshed.
func registered(w *world) {
	begun := time.Now().Truncate(time.Second)
	a := w.person()
	first := w.shows(a, "Test/1.0")
	if since := first.Status.Registered.Since.Time; since.Before(begun) || since.After(time.Now()) {
		w.t.Errorf("registered since %s, it was after %s", since, begun)
	}
	w.operator.Settle(w.t)
	before := w.shows(a, "Test/1.0").ResourceVersion
	for range 3 {
		a.registers(200)
	}
	w.operator.Settle(w.t)
	if after := w.shows(a, "Test/1.0").ResourceVersion; after != before {
		w.t.Error("a refreshed registration is written to the status")
	}
	a.phone.userAgent = "Test/2.0"
	a.registers(200)
	again := w.shows(a, "Test/2.0")
	if !again.Status.Registered.Since.Equal(&first.Status.Registered.Since) {
		w.t.Errorf("a refreshed registration is since %s, before %s", again.Status.Registered.Since, first.Status.Registered.Since)
	}
	w.state("pbxuser", a.name, pbxv1.StateDeactivated)
	w.operator.Settle(w.t)
	w.shows(a, "Test/2.0")
	w.state("pbxuser", a.name, pbxv1.StateDeleted)
	w.shows(a, "")
	w.state("pbxuser", a.name, pbxv1.StateActive)
	a.registers(200)
	w.shows(a, "Test/2.0")
	a.phone.registerFor(0)
	w.shows(a, "")
}

// shows waits until the status of a person's phone tells of a registration with a user agent; of none if that is empty.
func (w *world) shows(p *person, agent string) *pbxv1.PhoneService {
	w.t.Helper()
	return w.showsService(p.name+"-desk", agent)
}

func (w *world) showsService(name, agent string) *pbxv1.PhoneService {
	w.t.Helper()
	service := &pbxv1.PhoneService{ObjectMeta: w.Meta(name)}
	operator.Await(w.t, limit, "status.registered of "+service.Name, func() string {
		if err := w.Client.Get(context.Background(), client.ObjectKeyFromObject(service), service); err != nil {
			return err.Error()
		}
		switch got := service.Status.Registered; {
		case agent == "" && got != nil:
			return "it is registered: " + got.UserAgent
		case agent != "" && got == nil:
			return "it is not registered"
		case agent != "" && got.UserAgent != agent:
			return "it is registered as " + got.UserAgent
		}
		return ""
	})
	return service
}
