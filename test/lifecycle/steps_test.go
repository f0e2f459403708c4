package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// The names of the world. ghost is never there.
var (
	userNames  = []string{"u1", "u2", "u3"}
	lineNames  = []string{"x1", "x2", "x3"}
	phoneNames = []string{"p1", "p2", "p3", "p4"}
	numbers    = []string{"1001", "1002", "1003", "1004", "205"}
	direct     = []string{"+49301", "+49302"}
	releases   = []string{"Devices", "Email", "Password", "Preferences", "VoicemailPIN"}
)

// moves are those that the API server allows.
var moves = map[string][]string{
	active: {deactivated, deleted}, deactivated: {active, deleted}, deleted: {active, deactivated, purged, purged},
}

// steps are what can happen, the frequent ones more often. Each tells whether it could happen.
func steps() map[string]func(*world) bool {
	return map[string]func(*world) bool{
		"a change": (*world).aChange, "another change": (*world).aChange, "one more change": (*world).aChange,
		"a move": (*world).aMove, "another move": (*world).aMove,
		"kubectl delete": (*world).aDelete, "a creation": (*world).aCreation, "another creation": (*world).aCreation,
		"an edit by hand": (*world).anEdit, "a call": (*world).aCall, "another call": (*world).aCall,
		"data of the suite": (*world).someData, "more data of the suite": (*world).someData,
		"a restart of the operator": (*world).aRestart, "another password": (*world).aPassword,
	}
}

var stepNames = func() []string {
	var names []string
	for name := range steps() {
		names = append(names, name)
	}
	return sorted(names)
}()

func (w *world) step() {
	name := rapid.SampledFrom(stepNames).Draw(w.T, "step")
	if steps()[name](w) {
		w.settle()
	}
}

func (w *world) one(what string, values ...string) string {
	return rapid.SampledFrom(values).Draw(w.T, what)
}

func (w *world) some(what string, least int, values ...string) []string {
	all := rapid.SliceOfNDistinct(rapid.SampledFrom(values), least, len(values), rapid.ID).Draw(w.T, what)
	return sorted(all)
}

// begin has everybody there, each with a number and a phone.
func (w *world) begin() {
	given := w.givenSecret()
	given.StringData = map[string]string{"password": w.model.given}
	w.tenant.Create(given)
	for i := range userNames {
		p := &object{key: key{kindUser, userNames[i]}}
		w.newcomer(p)
		p.person = person{
			first: w.word(p, "F"), last: w.word(p, "L"), email: w.email(p), offboarding: w.one("offboarding", "Keep", "Delete"),
			services: []string{phoneNames[i]}, primary: phoneNames[i], unit: "North", role: "agent",
		}
		l := &object{key: key{kindLine, lineNames[i]}, line: line{number: numbers[i], user: p.name, box: true, clear: releases}}
		w.newcomer(l)
		h := &object{key: key{kindPhone, phoneNames[i]}, phone: phone{line: l.name}}
		w.newcomer(h)
		for _, o := range []*object{p, l, h} {
			w.model.objects[o.key] = o
			w.create(o)
		}
	}
	w.settle()
}

func (w *world) newcomer(o *object) {
	o.serial, o.state, o.policy, o.adopt = w.model.serial(), active, "Delete", "IfSame"
}

// word is a name that only people of that name have.
func (w *world) word(o *object, kind string) string {
	return kind + o.name + w.one("name", "a", "b")
}

// email tells two people of one name apart.
func (w *world) email(o *object) string {
	return w.one("email", o.name+"@acme.example", o.name+"@acme.example", strings.ToUpper(o.name)+"@acme.example",
		o.name+"@other.example", "")
}

// pick chooses an object that can still be changed; nil if there is none.
func (w *world) pick(which func(*object) bool) *object {
	var keys []key
	for _, k := range w.model.keys() {
		if o := w.model.objects[k]; !o.going && which(o) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return w.model.objects[rapid.SampledFrom(keys).Draw(w.T, "object")]
}

// try writes a change, unless nobody could tell who gets what several would wait for.
func (w *world) try(o *object, change func(*object), write func(*object)) bool {
	before := *o
	change(o)
	if w.model.contested() {
		*o = before
		return false
	}
	write(o)
	return true
}

func (w *world) aChange() bool {
	o := w.pick(func(o *object) bool { return o.state != purged })
	if o == nil {
		return false
	}
	return w.try(o, func(o *object) {
		switch {
		case w.one("part", "own", "own", "own", "common") == "common":
			o.policy = w.one("deletionPolicy", "Delete", "Purge", "Orphan")
			o.adopt = w.one("adopt", "IfSame", "Always")
			o.suspend = w.one("suspend", "no", "no", "yes") == "yes"
		case o.kind == kindUser:
			w.changePerson(o)
		case o.kind == kindLine:
			w.changeLine(o)
		default:
			w.changePhone(o)
		}
	}, w.change)
}

func (w *world) changePerson(o *object) {
	p := &o.person
	switch w.one("field", "name", "email", "department", "unit", "role", "login", "groups", "agents", "services",
		"services", "integrations", "offboarding") {
	case "name":
		p.first, p.last = w.word(o, "F"), w.word(o, "L")
	case "email":
		p.email = w.email(o)
	case "department":
		p.department, p.location = w.one("department", "", "Sales"), w.one("location", "", "London")
	case "unit":
		p.unit = w.one("unit", "", "North", "South")
	case "role":
		p.role = w.one("role", "", "agent", "boss")
	case "login":
		p.login = w.one("login", "", "l1", "L1", "l2")
	case "groups":
		p.groups = w.some("groups", 0, "g1", "g2")
	case "agents":
		p.agents = w.some("agents", 0, "7001", "7002")
	case "services":
		w.changeServices(p)
	case "integrations":
		p.integrations = w.some("integrations", 0, "Teams", "Zoom")
	default:
		p.offboarding = w.one("offboarding", "Keep", "Delete")
	}
}

func (w *world) changeServices(p *person) {
	p.services, p.primary = w.some("services", 0, append([]string{"ghost"}, phoneNames...)...), ""
	if len(p.services) > 0 {
		p.primary = rapid.SampledFrom(p.services).Draw(w.T, "primary")
	}
}

func (w *world) changeLine(o *object) {
	l := &o.line
	switch w.one("field", "number", "direct", "user", "user", "display", "box", "email", "clear") {
	case "number":
		l.number = w.one("number", numbers...)
	case "direct":
		l.direct = w.some("direct", 0, direct...)
	case "user":
		l.user = w.one("user", append([]string{"", "ghost"}, userNames...)...)
	case "display":
		l.display = w.one("display", "", "Lobby")
	case "box":
		l.box = rapid.Bool().Draw(w.T, "box")
	case "email":
		l.boxEmail = w.one("box email", "", o.name+".1@acme.example", o.name+".2@acme.example")
	default:
		l.clear = w.some("clear", 1, releases...)
	}
}

func (w *world) changePhone(o *object) {
	p := &o.phone
	switch w.one("field", "line", "line", "label", "account", "mac", "password") {
	case "line":
		p.line = w.one("line", append([]string{"ghost"}, lineNames...)...)
	case "label":
		p.label = w.one("label", "", "Desk")
	case "account":
		p.account = w.one("account", "", "a1", "a2")
	case "password":
		p.given = rapid.Bool().Draw(w.T, "given")
	default:
		p.mac = w.one("mac", "", "00000000000a")
	}
}

func (w *world) aMove() bool {
	o := w.pick(func(o *object) bool { return o.state != purged })
	if o == nil {
		return false
	}
	return w.try(o, func(o *object) { o.state = w.one("state", moves[o.state]...) }, w.change)
}

func (w *world) aDelete() bool {
	o := w.pick(func(*object) bool { return true })
	if o == nil {
		return false
	}
	policy := w.one("deletionPolicy", "Delete", "Delete", "Purge", "Orphan")
	w.try(o, func(o *object) { o.policy = policy }, w.change)
	o.going = true
	w.remove(o.key)
	return true
}

// aCreation creates what is not there, or not there any more: the same again, or a namesake.
func (w *world) aCreation() bool {
	var absent []key
	for kind, names := range map[string][]string{kindUser: userNames, kindLine: lineNames, kindPhone: phoneNames} {
		for _, name := range names {
			if k := (key{kind, name}); w.model.objects[k] == nil {
				absent = append(absent, k)
			}
		}
	}
	if len(absent) == 0 {
		return false
	}
	slices.SortFunc(absent, func(a, b key) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	o := &object{key: rapid.SampledFrom(absent).Draw(w.T, "created")}
	w.newcomer(o)
	o.state = w.one("state", active, active, active, active, deactivated, deleted, purged)
	o.adopt = w.one("adopt", "IfSame", "IfSame", "Always")
	o.born = o.state
	w.specify(o)
	w.model.objects[o.key] = o
	if w.model.contested() {
		delete(w.model.objects, o.key)
		return false
	}
	w.create(o)
	return true
}

// specify says all that an object may say; most people come back as they were.
func (w *world) specify(o *object) {
	switch o.kind {
	case kindUser:
		o.person = person{
			first: w.word(o, "F"), last: w.word(o, "L"), email: w.email(o), offboarding: w.one("offboarding", "Keep", "Delete"),
			unit: w.one("unit", "North", "South"), role: w.one("role", "", "agent"), agents: w.some("agents", 0, "7001", "7002"),
			groups: w.some("groups", 0, "g1", "g2"), integrations: w.some("integrations", 0, "Teams", "Zoom"),
		}
		if r := w.model.users[o.name]; r != nil && r.email != "" && w.one("who", "same", "same", "any") == "same" {
			o.person.email = r.email
		}
		w.changeServices(&o.person)
	case kindLine:
		o.line = line{
			number: w.one("number", numbers...), direct: w.some("direct", 0, direct...), user: w.one("user", userNames...),
			box: true, clear: w.some("clear", 1, releases...),
		}
		if r := w.model.lines[o.name]; r != nil && r.number != "" && w.one("which", "same", "same", "any") == "same" {
			o.line.number = r.number
		}
	default:
		o.phone = phone{line: w.one("line", lineNames...), given: rapid.Bool().Draw(w.T, "given")}
		if r := w.model.phones[o.name]; r != nil && r.account != "" && r.account != o.name {
			o.phone.account = w.one("account", r.account, r.account, "")
		}
	}
}

// aRestart has the operator be away, perhaps while something happens.
func (w *world) aRestart() bool {
	w.running.Stop()
	for _, o := range w.model.objects {
		o.took = nil
	}
	meanwhile := w.one("meanwhile", "nothing", "a change", "a move", "kubectl delete", "an edit by hand", "a creation", "a call")
	if do, is := steps()[meanwhile]; is {
		do(w)
	}
	w.running = operator.Start(w.bench, w.tenant.Options())
	return true
}

// aPassword changes the content of the Secret of given passwords.
func (w *world) aPassword() bool {
	w.model.given = w.one("password", "given by hand 0", "given by hand 1", "given by hand 2")
	operator.Change(w.tenant, w.givenSecret(), func(s *corev1.Secret) {
		s.Data = map[string][]byte{"password": []byte(w.model.given)}
	})
	return true
}
