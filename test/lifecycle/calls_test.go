package lifecycle

import (
	"slices"
	"strings"
	"time"
)

// call is one record of a call.
type call struct {
	at                                               time.Time
	callerID, src, dst, channel, dstChannel, account string
	app, disposition, unique, mark                   string
	duration, billsec                                int
	// from and to are the persons that it is tagged with, service the phone that called.
	from, to int
	service  string
}

// moment says who held what at a time.
type moment struct {
	at      time.Time
	numbers map[string]int
	callers map[string]caller
	callees map[string]caller
}

// caller is who is taken to call with an account, or is called by it, and the phone.
type caller struct {
	user    int
	service string
}

// calls are all records, and the history of holders.
type calls struct {
	rows    []call
	history []moment
}

// holding is who holds what now.
func (m *model) holding() moment {
	now := moment{numbers: map[string]int{}, callers: map[string]caller{}, callees: map[string]caller{}}
	for _, l := range m.lines {
		if holder := m.serving(l); holder != 0 {
			if l.number != "" {
				now.numbers[l.number] = holder
			}
			for _, item := range l.direct {
				number, _, _ := strings.Cut(item, "|")
				now.numbers[number] = holder
			}
		}
	}
	for name, p := range m.phones {
		if p.state == deleted || p.account == "" {
			continue
		}
		holder := m.serving(m.lines[p.line])
		if holder != 0 {
			now.callees[p.account] = caller{holder, name}
		} else {
			holder = m.onlyUser(name)
		}
		now.callers[p.account] = caller{holder, name}
	}
	return now
}

// serving is the holder whom an extension serves. Neither is Deleted.
func (m *model) serving(l *lineRecord) int {
	if l == nil || l.state == deleted {
		return 0
	}
	if u := m.users[l.user]; u != nil && u.state != deleted {
		return u.id
	}
	return 0
}

// onlyUser is the phone's only user; of several nobody can be told.
func (m *model) onlyUser(phone string) int {
	users := slices.DeleteFunc(m.usersOf(phone), func(u *userRecord) bool { return u.state == deleted })
	if len(users) == 1 {
		return users[0].id
	}
	return 0
}

// tag says whose a call is, by who held the numbers then.
func (c *call) tag(then moment) {
	phone, known := then.callers[accountOf(c.channel)]
	if !known {
		phone, known = then.callers[accountOf(c.account)]
	}
	if known {
		c.from, c.service = phone.user, phone.service
	}
	c.to = then.held(c.dst)
	if answered, rang := then.callees[accountOf(c.dstChannel)]; rang && c.disposition == "ANSWERED" {
		c.to = answered.user
	}
}

func (t moment) held(number string) int {
	if holder := t.numbers[number]; holder != 0 {
		return holder
	}
	return t.numbers["+"+number]
}

// accountOf is the SIP username in PJSIP/desk-00000001, or the channel itself.
func accountOf(channel string) string {
	_, account, asterisk := strings.Cut(channel, "/")
	if !asterisk {
		return channel
	}
	return account[:strings.LastIndex(account, "-")]
}

// purge takes the person out of the calls and out of the history.
func (c *calls) purge(u *userRecord) {
	for i := range c.rows {
		r := &c.rows[i]
		r.callerID = u.blank(r.callerID)
		if r.from == u.id {
			r.from = 0
		}
		if r.to == u.id {
			r.to = 0
		}
	}
	for _, t := range c.history {
		for number, id := range t.numbers {
			if id == u.id {
				delete(t.numbers, number)
			}
		}
	}
	for _, t := range c.history {
		for account, had := range t.callers { // the phone is known still
			if had.user == u.id {
				t.callers[account] = caller{0, had.service}
			}
		}
		for account, had := range t.callees {
			if had.user == u.id {
				delete(t.callees, account)
			}
		}
	}
}

func (c *calls) forgetPhone(name string) {
	c.forget(func(had caller) bool { return had.service == name })
}

func (c *calls) forget(which func(caller) bool) {
	for _, t := range c.history {
		for _, accounts := range []map[string]caller{t.callers, t.callees} {
			for account, had := range accounts {
				if which(had) {
					delete(accounts, account)
				}
			}
		}
	}
}

// shift moves the history into the past.
func (c *calls) shift(by time.Duration) {
	for i := range c.history {
		c.history[i].at = c.history[i].at.Add(-by)
	}
}
