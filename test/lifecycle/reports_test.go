package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// outcome is what became of one call, or of a person's part in it.
type outcome struct {
	answered, byPerson bool
	duration, billsec  int
	at                 time.Time
}

func (c call) outcome() outcome {
	answered := c.disposition == "ANSWERED"
	return outcome{answered, answered && c.app != "VoiceMail" && (c.app != "Dial" || c.dstChannel != ""), c.duration, c.billsec, c.at}
}

// better: of several records of one call the answered one counts, and before all the one that a person answered.
func (o outcome) better(than outcome) bool {
	switch {
	case o.answered != than.answered:
		return o.answered
	default:
		return o.byPerson && !than.byPerson
	}
}

// total counts calls.
type total struct{ calls, answered, duration, billsec int }

func (t *total) add(o outcome) {
	t.calls++
	if o.answered {
		t.answered++
	}
	t.duration += o.duration
	t.billsec += o.billsec
}

func (t total) text() string {
	return fmt.Sprintf("%d|%d|%d|%d|%d", t.calls, t.answered, t.calls-t.answered, t.duration, t.billsec)
}

// each gives every call once.
func (c *calls) each() map[string]outcome {
	return c.where(func(call) bool { return true })
}

// where gives every call once of whose records some are meant, by those.
func (c *calls) where(meant func(call) bool) map[string]outcome {
	all := map[string]outcome{}
	for _, r := range c.rows {
		if !meant(r) {
			continue
		}
		if before, known := all[r.unique]; !known || r.outcome().better(before) {
			all[r.unique] = r.outcome()
		}
	}
	return all
}

// totals are the overview, and the calls of each day, week and month: everybody's, whatever became of them.
func (m *model) totals(into map[string][]string) {
	var overview total
	periods := map[string]map[string]*total{"calls_by_day": {}, "calls_by_week": {}, "calls_by_month": {}}
	for _, o := range m.calls.each() {
		overview.add(o)
		monday := o.at.AddDate(0, 0, -(int(o.at.Weekday())+6)%7)
		for view, period := range map[string]string{
			"calls_by_day": o.at.Format(time.DateOnly), "calls_by_week": monday.Format(time.DateOnly),
			"calls_by_month": o.at.Format("2006-01"),
		} {
			if periods[view][period] == nil {
				periods[view][period] = &total{}
			}
			periods[view][period].add(o)
		}
	}
	into["calls_overview"] = []string{overview.text()}
	for view, all := range periods {
		for period, t := range all {
			into[view] = append(into[view], period+"|"+t.text())
		}
	}
}

// part is a person's part in calls.
type part struct{ made, received map[string]outcome }

func (m *model) partOf(u *userRecord) part {
	p := part{
		made:     m.calls.where(func(c call) bool { return c.from == u.id }),
		received: m.calls.where(func(c call) bool { return c.to == u.id }),
	}
	// The time of who calls their own number counts once.
	for id, o := range p.received {
		if _, both := p.made[id]; both {
			o.duration, o.billsec = 0, 0
			p.received[id] = o
		}
	}
	return p
}

// byUser is the per-user call table: of active users alone.
func (m *model) byUser() []string {
	var rows []string
	for _, u := range m.users {
		if u.state != active {
			continue
		}
		p, any, answered, duration, billsec := m.partOf(u), map[string]bool{}, 0, 0, 0
		for _, side := range []map[string]outcome{p.made, p.received} {
			for id, o := range side {
				any[id] = true
				duration += o.duration
				billsec += o.billsec
			}
		}
		for _, o := range p.received {
			if o.answered {
				answered++
			}
		}
		rows = append(rows, fmt.Sprintf("%s|%d|%d|%d|%d|%d|%d|%d", u.username(), len(any), len(p.made), len(p.received),
			answered, len(p.received)-answered, duration, billsec))
	}
	return rows
}

// report is the call-centre report: active users on every day with calls and today, others when they called or answered.
func (m *model) report(today time.Time) []string {
	days := []string{today.Format(time.DateOnly)}
	for _, c := range m.calls.rows {
		days = append(days, c.at.Format(time.DateOnly))
	}
	slices.Sort(days)
	var rows []string
	for _, day := range slices.Compact(days) {
		for _, u := range m.users {
			made, received, answered, billsec := m.partOf(u).on(day)
			if u.state == active || made+answered > 0 {
				rows = append(rows, fmt.Sprintf("%s|%s|%s|%d|%d|%d|%d|%d",
					day, u.username(), u.state, made, received, answered, received-answered, billsec))
			}
		}
	}
	return rows
}

func (p part) on(day string) (made, received, answered, billsec int) {
	for _, o := range p.made {
		if o.at.Format(time.DateOnly) == day {
			made++
			billsec += o.billsec
		}
	}
	for _, o := range p.received {
		if o.at.Format(time.DateOnly) != day {
			continue
		}
		received++
		if o.byPerson {
			answered++
			billsec += o.billsec
		}
	}
	return made, received, answered, billsec
}

// callHistory shows names and business units until a purge.
func (m *model) callHistory() []string {
	var rows []string
	for _, c := range m.calls.rows {
		fromName, fromUnit := m.shown(c.from)
		toName, toUnit := m.shown(c.to)
		rows = append(rows, strings.Join([]string{
			c.mark, c.at.Format(time.DateTime), c.callerID, c.src, c.dst, c.disposition, c.unique,
			or(c.service, "NULL"), fromName, toName, fromUnit, toUnit,
		}, "|"))
	}
	return rows
}

func (m *model) shown(id int) (name, unit string) {
	for _, u := range m.users {
		if u.id == id {
			return u.username(), u.shownUnit()
		}
	}
	return "NULL", "NULL"
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
