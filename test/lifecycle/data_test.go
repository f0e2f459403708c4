package lifecycle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// row is what another product of the suite, or a phone engine, wrote of a person (and perhaps another), or of a box.
type row struct {
	user, other     int
	box, mark, text string
	greeting        bool
}

// data is what is in the tables of the suite, and in the voicemail boxes, by table.
type data map[string][]row

// The tables.
const (
	preferences = "preferences"
	contacts    = "contacts"
	meetings    = "meetings"
	messages    = "messages"
	mentions    = "mentions"
	billing     = "billing"
	voicemail   = "voicemessages"
)

// removeBox removes the messages of a box.
func (d data) removeBox(box string) {
	d[voicemail] = slices.DeleteFunc(d[voicemail], func(r row) bool { return r.box == box })
}

func (d data) dropPreferencesOf(box string) {
	d[preferences] = slices.DeleteFunc(d[preferences], func(r row) bool { return r.box != "" && r.box == box })
}

// dropGreetings removes the greetings of a box, and the recorded name.
func (d data) dropGreetings(box string) {
	d[voicemail] = slices.DeleteFunc(d[voicemail], func(r row) bool { return r.box == box && r.greeting })
}

// moveBox has messages, greetings and preferences follow a number.
func (d data) moveBox(from, to string) {
	d.dropGreetings(to)
	for _, table := range []string{voicemail, preferences} {
		for i := range d[table] {
			if d[table][i].box == from {
				d[table][i].box = to
			}
		}
	}
}

// purge removes what was the person's own, and unlinks what others need.
func (d data) purge(u *userRecord) {
	for _, table := range []string{preferences, contacts, meetings} {
		d[table] = slices.DeleteFunc(d[table], func(r row) bool { return r.user == u.id })
	}
	for i := range d[voicemail] {
		d[voicemail][i].text = u.blank(d[voicemail][i].text)
	}
	for _, table := range []string{messages, mentions, billing} {
		for i := range d[table] {
			r := &d[table][i]
			if r.user != u.id && r.other != u.id {
				continue
			}
			r.text = u.blank(r.text)
			if r.user == u.id {
				r.user = 0
			}
			if r.other == u.id {
				r.other = 0
			}
		}
	}
}

// blank takes every name that the person ever had out of a text.
func (u *userRecord) blank(text string) string {
	for name := range u.names {
		if name != "" && !strings.Contains(name, "@") {
			text = regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(name)+`\b`).ReplaceAllString(text, "")
		}
	}
	return text
}

// rows shows a table as the store does.
func (d data) rows(table string) []string {
	var all []string
	for _, r := range d[table] {
		cells := []string{idText(r.user)}
		switch table {
		case preferences:
			box := r.box
			if box == "" {
				box = "NULL"
			}
			cells = append(cells, box)
		case messages, mentions:
			cells = append(cells, idText(r.other))
		case voicemail:
			cells = []string{r.box, r.mark}
		}
		all = append(all, strings.Join(append(cells, r.text), "|"))
	}
	return all
}

func idText(id int) string {
	if id == 0 {
		return "NULL"
	}
	return fmt.Sprint("#", id)
}
