package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The states.
const (
	active      = "Active"
	deactivated = "Deactivated"
	deleted     = "Deleted"
	purged      = "Purged"
)

// The kinds of objects.
const (
	kindUser  = "User"
	kindLine  = "Extension"
	kindPhone = "PhoneService"
)

// key names an object, or a record.
type key struct{ kind, name string }

// person, line and phone are what a spec says beside what is common.
type person struct {
	first, last, email, department, location, unit, role, login string
	groups, agents, services, integrations                      []string
	primary, offboarding                                        string
}

type line struct {
	number, user, display, boxEmail string
	direct, clear                   []string
	box                             bool
}

// phone: given says that its password is in a Secret of its own, not generated.
type phone struct {
	line, label, account, mac string
	given                     bool
}

// object is what the API server has.
type object struct {
	key
	// serial tells objects of one name apart.
	serial               int
	state, policy, adopt string
	// born is the state that it was created in.
	born string
	// took is the owner whose record it took over without a write, as the running operator knows.
	took *int
	// going: kubectl delete was said.
	going   bool
	suspend bool
	person  person
	line    line
	phone   phone
}

// userRecord is a person in the store; id stays the same through deletion and restore.
type userRecord struct {
	id, owner int
	state     string
	person
	// gone are services that were purged, agentsHeld and loginHeld what nobody else has.
	gone  map[string]bool
	names map[string]bool
}

// lineRecord is an extension in the store.
type lineRecord struct {
	id, owner int
	state     string
	line
	// takenEmail is the box's address that a reset took away.
	takenEmail string
}

// phoneRecord is a phone in the store.
type phoneRecord struct {
	owner int
	state string
	phone
	// takenFrom are the persons whom the phone was taken from; hadUsers: somebody had it with the password that it has.
	takenFrom []int
	hadUsers  bool
	// password that is in force, and the one that a reset took away.
	password, taken string
}

// model is what the contract says of a company.
type model struct {
	objects map[key]*object
	users   map[string]*userRecord
	lines   map[string]*lineRecord
	phones  map[string]*phoneRecord
	serials int
	// given is the content of the Secret of given passwords.
	given string
	data  data
	calls calls
}

func newModel() *model {
	return &model{
		objects: map[key]*object{}, users: map[string]*userRecord{}, lines: map[string]*lineRecord{},
		phones: map[string]*phoneRecord{}, data: data{}, given: "given by hand 0",
	}
}

func (m *model) serial() int {
	m.serials++
	return m.serials
}

// settle brings every object to where the operator brings it. What depends on others may take several rounds.
func (m *model) settle() (settled bool) {
	for range 20 {
		changed := false
		for _, k := range m.keys() {
			changed = m.bring(m.objects[k]) || changed
		}
		if !changed {
			return true
		}
	}
	return false
}

func (m *model) keys() []key {
	return slices.SortedFunc(maps.Keys(m.objects), func(a, b key) int {
		return strings.Compare(a.kind+" "+a.name, b.kind+" "+b.name)
	})
}

// bring does what one object asks for, and tells whether that changed anything.
func (m *model) bring(o *object) bool {
	if o.suspend {
		return false
	}
	if o.going && o.policy == "Orphan" {
		delete(m.objects, o.key)
		return true
	}
	if m.held(o) {
		return false
	}
	changed := false
	switch o.kind {
	case kindUser:
		changed = m.bringUser(o)
	case kindLine:
		changed = m.bringLine(o)
	default:
		changed = m.bringPhone(o)
	}
	if o.going {
		delete(m.objects, o.key)
		return true
	}
	return changed
}

// wanted is the state that the object asks for.
func (o *object) wanted() string {
	switch {
	case !o.going || o.state == purged:
		return o.state
	case o.policy == "Purge":
		return purged
	default:
		return deleted
	}
}

// held: a phone does not go while it is the primary of a user who has others.
func (m *model) held(o *object) bool {
	if o.kind != kindPhone || o.wanted() != deleted && o.wanted() != purged {
		return false
	}
	for _, u := range m.objects {
		if u.kind == kindUser && !u.going && u.state != deleted && u.state != purged &&
			u.person.primary == o.name && len(u.person.services) > 1 {
			return true
		}
	}
	return false
}

// owns says whether the record is the object's, or becomes its own by its identity.
func (o *object) owns(owner int, recorded string) bool {
	if owner == o.serial || o.took != nil && *o.took == owner || o.adopt == "Always" {
		return true
	}
	mine := o.identity()
	if o.born == purged && !o.going && o.unnamed() {
		return true
	}
	return mine != "" && strings.EqualFold(mine, recorded)
}

// unnamed: who was created as Purged need not say whose record it means.
func (o *object) unnamed() bool {
	return o.identity() == "" || o.kind == kindPhone && o.phone.account == ""
}

func (o *object) identity() string {
	switch o.kind {
	case kindUser:
		return o.person.email
	case kindLine:
		return o.line.number
	default:
		return o.account()
	}
}

// login and account are by default the name.
func (o *object) login() string {
	if o.person.login != "" {
		return o.person.login
	}
	return o.name
}

func (o *object) account() string {
	if o.phone.account != "" {
		return o.phone.account
	}
	return o.name
}

// conflict: the record of that name is another's.
func (m *model) conflict(o *object) bool {
	switch o.kind {
	case kindUser:
		r := m.users[o.name]
		return r != nil && !o.owns(r.owner, r.email)
	case kindLine:
		r := m.lines[o.name]
		return r != nil && !o.owns(r.owner, r.number)
	default:
		r := m.phones[o.name]
		return r != nil && !o.owns(r.owner, r.account)
	}
}

func (m *model) bringUser(o *object) bool {
	r, state := m.users[o.name], o.wanted()
	switch {
	case m.conflict(o), r == nil && (o.going || state == purged):
		return false
	case state == purged:
		m.purgeUser(o.name)
		return true
	case r == nil:
		r = &userRecord{id: m.serial(), owner: o.serial, gone: map[string]bool{}, names: map[string]bool{}}
		m.users[o.name] = r
	}
	before := r.text()
	old, primary, was := r.services, r.primary, r.state
	login, agents := m.free(claim{"login", o.login()}, o.key), m.freeOf("agent", o.person.agents, o.key)
	r.state, r.person = state, o.person
	r.login, r.agents = login, agents
	if state != active {
		r.integrations = nil
	}
	if state == deleted {
		r.role, r.agents = "", nil
		if was != "" && !slices.Equal(sorted(old), sorted(r.services)) { // the services of a Deleted user are frozen
			r.services, r.primary = old, primary
		}
	}
	m.give(r, old)
	if was != state {
		m.had(r.services)
	}
	for _, name := range []string{o.name, r.first, r.last, r.email, r.login} {
		r.names[name] = true
	}
	if r.text() == before {
		o.took = new(int)
		*o.took = r.owner
		return false
	}
	r.owner = o.serial
	return true
}

// give: a phone that comes to somebody is no longer one that was taken away.
func (m *model) give(r *userRecord, old []string) {
	for name := range r.gone {
		if !slices.Contains(r.services, name) {
			delete(r.gone, name)
		}
	}
	for _, name := range r.services {
		if p := m.phones[name]; p != nil && !slices.Contains(old, name) {
			p.takenFrom = nil
			p.hadUsers = true
		}
	}
}

// had: whoever has the phones knows their passwords.
func (m *model) had(phones []string) {
	for _, name := range phones {
		if p := m.phones[name]; p != nil {
			p.hadUsers = true
		}
	}
}

func (m *model) bringLine(o *object) bool {
	r, state := m.lines[o.name], o.wanted()
	switch {
	case m.conflict(o), r == nil && (o.going || state == purged):
		return false
	case state == purged:
		m.data.removeBox(r.boxKey())
		m.data.dropPreferencesOf(r.boxKey())
		delete(m.lines, o.name)
		return true
	}
	created := r == nil
	if created {
		r = &lineRecord{id: m.serial(), owner: o.serial}
		m.lines[o.name] = r
	}
	before, was := r.text(), *r
	number, direct := m.free(claim{"number", o.line.number}, o.key), m.freeOf("direct", o.line.direct, o.key)
	r.state, r.line = state, o.line
	r.user, r.number, r.direct = m.holder(o, was.user), number, nil
	for _, number := range direct {
		r.direct = append(r.direct, directItem(number, slices.Index(o.line.direct, number)))
	}
	if !created {
		m.handOver(o.name, was, r)
	}
	r.keepEmail(was)
	if r.text() == before {
		o.took = new(int)
		*o.took = r.owner
		return false
	}
	r.owner = o.serial
	return true
}

// holder: who has no object cannot become one, and who was purged is none.
func (m *model) holder(o *object, now string) string {
	user := m.objects[key{kindUser, o.line.user}]
	switch {
	case o.line.user == "", user != nil && user.state == purged, user == nil && o.line.user != now:
		return ""
	default:
		return o.line.user
	}
}

// handOver does what a change of the holder and of the number means.
func (m *model) handOver(name string, was lineRecord, r *lineRecord) {
	if was.user != "" && was.user != r.user {
		m.reset(name, &was, r.clear)
		r.takenEmail = was.takenEmail
	}
	if now := m.users[r.user]; now != nil && was.user != r.user {
		for _, p := range m.phones {
			if p.line == name {
				p.takenFrom = slices.DeleteFunc(p.takenFrom, func(id int) bool { return id == now.id })
			}
		}
	}
	from, to := was.boxKey(), r.boxKey()
	if from == to {
		return
	}
	if r.box && r.number != "" && len(r.number) != boxDigits {
		m.data.removeBox(from)
	}
	m.data.moveBox(from, to)
}

// boxDigits is the number of digits that a number with a voicemail box has.
const boxDigits = 4

// reset takes from an extension what its holder had with it.
func (m *model) reset(name string, r *lineRecord, clear []string) {
	leaver := m.users[r.user]
	if slices.Contains(clear, "Preferences") {
		m.data.dropPreferencesOf(r.boxKey())
		m.data.dropGreetings(r.boxKey())
	}
	if slices.Contains(clear, "Email") && r.boxEmail != "" {
		r.takenEmail = r.boxEmail
	}
	for phoneName, p := range m.phones {
		if p.line != name {
			continue
		}
		if slices.Contains(clear, "Password") && p.password != "" {
			p.taken, p.password = p.password, ""
		}
		if slices.Contains(clear, "Devices") && leaver.primary != phoneName {
			p.takenFrom = append(p.takenFrom, leaver.id)
		}
	}
	r.user = ""
}

// keepEmail leaves an address out that a reset took away, until another is declared.
func (r *lineRecord) keepEmail(was lineRecord) {
	if r.takenEmail == "" {
		r.takenEmail = was.takenEmail
	}
	if r.boxEmail == r.takenEmail {
		r.boxEmail = ""
	} else if r.boxEmail != "" {
		r.takenEmail = ""
	}
}

func (m *model) bringPhone(o *object) bool {
	r, state := m.phones[o.name], o.wanted()
	switch {
	case m.conflict(o), r == nil && (o.going || state == purged):
		return false
	case state == purged:
		delete(m.phones, o.name)
		m.calls.forgetPhone(o.name)
		for _, u := range m.users {
			if slices.Contains(u.services, o.name) {
				u.gone[o.name] = true
			}
		}
		return true
	case r == nil:
		r = &phoneRecord{owner: o.serial, hadUsers: len(m.usersOf(o.name)) > 0}
		m.phones[o.name] = r
		for _, u := range m.users {
			delete(u.gone, o.name)
		}
	}
	if state != deleted && m.offboarded(o.name) {
		state = deleted
	}
	before := r.text()
	account, mac := m.free(claim{"account", o.account()}, o.key), m.free(claim{"mac", o.phone.mac}, o.key)
	r.state, r.phone = state, o.phone
	r.account, r.mac = account, mac
	if !o.going {
		had := r.password // none, if a reset took it
		m.credentials(o, r)
		if had != "" && r.password != "" && r.password != had && !m.inUse(o.name) {
			r.hadUsers = false
		}
	}
	if r.text() == before {
		o.took = new(int)
		*o.took = r.owner
		return false
	}
	r.owner = o.serial
	return true
}

// credentials: a password that a reset took away does not count. A generated one is made anew.
func (m *model) credentials(o *object, r *phoneRecord) {
	switch {
	case o.phone.given && m.given == r.taken:
		r.password = ""
	case o.phone.given:
		r.password = m.given
	case !strings.HasPrefix(r.password, "generated") && (r.state != deleted || r.taken != "" || r.password != ""):
		r.password = fmt.Sprint("generated ", m.serial())
	}
}

// inUse: somebody who is not Deleted has the phone.
func (m *model) inUse(name string) bool {
	return slices.ContainsFunc(m.usersOf(name), func(u *userRecord) bool { return u.state != deleted })
}

// offboarded: all users of the phone are Deleted, and took it with them.
func (m *model) offboarded(name string) bool {
	users := m.usersOf(name)
	for _, u := range users {
		if u.state != deleted || u.offboarding != "Delete" {
			return false
		}
	}
	return len(users) > 0
}

func (m *model) usersOf(phone string) []*userRecord {
	var users []*userRecord
	for _, u := range m.users {
		if slices.Contains(u.services, phone) {
			users = append(users, u)
		}
	}
	return users
}

// purgeUser leaves nothing of a person: their numbers are reset.
func (m *model) purgeUser(name string) {
	r := m.users[name]
	for lineName, l := range m.lines {
		if l.user == name {
			m.reset(lineName, l, append([]string{"Email", "Preferences"}, l.clear...)) // what is personal goes anyway
			l.keepEmail(*l)
		}
	}
	delete(m.users, name)
	m.data.purge(r)
	m.calls.purge(r)
}
