package lifecycle

import (
	"fmt"
	"slices"
	"strings"
)

// claim is a value that one record has.
type claim struct{ what, value string }

// directItem is a direct number with its position.
func directItem(number string, at int) string { return fmt.Sprintf("%s|%d", number, at+1) }

// free gives the value, or nothing if another record has it.
func (m *model) free(c claim, mine key) string {
	if c.value == "" {
		return ""
	}
	if holder := m.holderOf(c); holder != (key{}) && holder != mine {
		return ""
	}
	return c.value
}

// freeOf gives those of several values that no other record has.
func (m *model) freeOf(what string, values []string, mine key) []string {
	var free []string
	for _, value := range values {
		if m.free(claim{what, value}, mine) != "" {
			free = append(free, value)
		}
	}
	return free
}

// holderOf finds the record that has a value.
func (m *model) holderOf(c claim) key {
	for name, r := range m.users {
		if c.what == "login" && strings.EqualFold(r.login, c.value) || c.what == "agent" && slices.Contains(r.agents, c.value) {
			return key{kindUser, name}
		}
	}
	for name, r := range m.lines {
		if c.what == "number" && r.number == c.value || c.what == "direct" && r.hasDirect(c.value) {
			return key{kindLine, name}
		}
	}
	for name, r := range m.phones {
		if c.what == "account" && r.account == c.value || c.what == "mac" && r.mac == c.value {
			return key{kindPhone, name}
		}
	}
	return key{}
}

func (r *lineRecord) hasDirect(number string) bool {
	return slices.ContainsFunc(r.direct, func(item string) bool { return strings.HasPrefix(item, number+"|") })
}

// claims are the values that an object wants to have.
func (o *object) claims() []claim {
	if o.wanted() == purged {
		return nil
	}
	var all []claim
	add := func(what string, values ...string) {
		for _, value := range values {
			if value != "" {
				all = append(all, claim{what, value})
			}
		}
	}
	switch o.kind {
	case kindUser:
		add("login", strings.ToLower(o.login()))
		if o.wanted() != deleted {
			add("agent", o.person.agents...)
		}
	case kindLine:
		add("number", o.line.number)
		add("direct", o.line.direct...)
	default:
		add("account", o.account())
		add("mac", o.phone.mac)
	}
	return all
}

// waiting are the values that an object wants, and another record has.
func (m *model) waiting(o *object) []claim {
	return slices.DeleteFunc(o.claims(), func(c claim) bool { return m.free(c, o.key) != "" })
}

// contested: several wait for one value, so that nobody can tell who gets it.
func (m *model) contested() bool {
	waiters := map[claim]int{}
	for _, o := range m.objects {
		for _, c := range o.claims() {
			if m.holderOf(c) != o.key {
				waiters[c]++
			}
		}
	}
	for _, n := range waiters {
		if n > 1 {
			return true
		}
	}
	return false
}

// contestedBy says that somebody waits for something that the record has.
func (m *model) contestedBy(k key) bool {
	for _, o := range m.objects {
		for _, c := range o.claims() {
			if o.key != k && m.holderOf(c) == k {
				return true
			}
		}
	}
	return false
}

// ready says whether the object is told to be Ready.
func (m *model) ready(o *object) bool {
	if m.held(o) || m.conflict(o) || o.suspend {
		return false
	}
	if o.wanted() == purged {
		return true
	}
	return len(m.waiting(o)) == 0 && !m.missing(o) && !m.locked(o)
}

// locked: the phone waits for another password. A Deleted one does not.
func (m *model) locked(o *object) bool {
	r := m.phones[o.name]
	return o.kind == kindPhone && o.phone.given && r.taken == m.given && r.state != deleted
}

// missing: the object refers to something that was never there.
func (m *model) missing(o *object) bool {
	absent := func(kind, name string, recorded bool) bool {
		return name != "" && m.objects[key{kind, name}] == nil && !recorded
	}
	switch o.kind {
	case kindUser:
		return slices.ContainsFunc(o.person.services, func(name string) bool {
			return absent(kindPhone, name, m.phones[name] != nil || m.users[o.name].gone[name])
		})
	case kindLine:
		held := m.lines[o.name].user
		return absent(kindUser, o.line.user, held != "" && m.users[held] != nil)
	default:
		return absent(kindLine, o.phone.line, m.lines[o.phone.line] != nil)
	}
}

// The texts by which a change of a record is noticed. The owner is not part of it: who takes over without a difference
// writes nothing.
func (r *userRecord) text() string { return fmt.Sprint(r.state, r.person) }

func (r *lineRecord) text() string { return fmt.Sprint(r.state, r.line, r.takenEmail) }

func (r *phoneRecord) text() string { return fmt.Sprint(r.state, r.phone, r.password) }

// boxKey is what the box and the preferences of an extension are under: its number, or, while it waits for one, its id.
func (r *lineRecord) boxKey() string {
	if r.number != "" {
		return r.number
	}
	return fmt.Sprint("#", r.id)
}
