package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// deletedUnit is the business unit of Deleted users by default.
const deletedUnit = "Deleted Users"

func (u *userRecord) username() string { return or(u.login, "NULL") }

func (u *userRecord) shownUnit() string {
	if u.state == deleted {
		return deletedUnit
	}
	return u.unit
}

// number is the one shown for a user: of the primary service's extension if they hold it, else the lowest they hold.
func (m *model) number(name string, u *userRecord) string {
	if p := m.phones[u.primary]; p != nil {
		if l := m.lines[p.line]; l != nil && l.user == name && l.state != deleted && l.number != "" {
			return l.number
		}
	}
	lowest := "NULL"
	for _, l := range m.lines {
		if l.user == name && l.state != deleted && l.number != "" &&
			(lowest == "NULL" || len(l.number) < len(lowest) || len(l.number) == len(lowest) && l.number < lowest) {
			lowest = l.number
		}
	}
	return lowest
}

// people are the rows of a view of users in some states.
func (m *model) people(numbers bool, states ...string) []string {
	var rows []string
	for name, u := range m.users {
		if !slices.Contains(states, u.state) {
			continue
		}
		cells := []string{u.username(), u.first, u.last, u.email, u.department, u.shownUnit()}
		if numbers {
			cells = append(cells, m.number(name, u))
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}

// effective is the right of a phone: the lower of its own state and the best of its users.
func (m *model) effective(name string) string {
	p, best := m.phones[name], 0
	for _, u := range m.usersOf(name) {
		if !slices.Contains(p.takenFrom, u.id) {
			best = max(best, map[string]int{deactivated: 1, active: 2}[u.state])
		}
	}
	switch {
	case p.state == deleted, best == 0 && (p.hadUsers || len(p.takenFrom) > 0), p.password == "" && p.taken != "":
		return "Blocked"
	case p.state == deactivated, best == 1:
		return "EmergencyOnly"
	default:
		return "Normal"
	}
}

// expected is what every view and table shows.
func (m *model) expected(today time.Time) map[string][]string {
	all := map[string][]string{
		"available_users": m.people(false, active), "deleted_users": m.people(false, deleted),
		"user_search":       m.people(true, active, deactivated),
		"report_conditions": m.people(true, active, deactivated, deleted),
		"calls_by_user":     m.byUser(), "call_center_report": m.report(today), "call_history": m.callHistory(),
	}
	for _, view := range []string{"directory", "mention_suggestions", "seat_map", "live_monitor"} {
		all[view] = m.people(true, active)
	}
	for _, table := range []string{preferences, contacts, meetings, messages, mentions, billing, voicemail} {
		all[table] = m.data.rows(table)
	}
	m.totals(all)
	m.userTables(all)
	m.deviceTables(all)
	return all
}

func (m *model) userTables(into map[string][]string) {
	add := func(table string, cells ...any) {
		into[table] = append(into[table], strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintln(cells...), " ", "|"), "\n"))
	}
	for name, u := range m.users {
		into["pbx_users"] = append(into["pbx_users"], strings.Join([]string{
			idText(u.id), name, u.state, u.first, u.last, u.email, u.department, u.location, u.unit, u.role,
			u.username(), u.primary, u.offboarding,
		}, "|"))
		if u.login != "" {
			allowed := "0"
			if u.state == active {
				allowed = "1"
			}
			add("sign_ins", u.login, allowed)
		}
		for _, group := range u.groups {
			add("group_members", group, u.username(), u.state)
		}
		for _, agent := range u.agents {
			add("pbx_user_agent_ids", name, agent)
		}
		for _, service := range u.services {
			add("pbx_user_services", name, service)
		}
		for _, integration := range u.integrations {
			add("integrations", name, integration)
		}
	}
}

func (m *model) deviceTables(into map[string][]string) {
	for name, l := range m.lines {
		box := "0"
		if l.box {
			box = "1"
		}
		into["pbx_extensions"] = append(into["pbx_extensions"], strings.Join([]string{
			idText(l.id), name, l.state, or(l.number, "NULL"), l.user, l.display, box, l.boxEmail,
		}, "|"))
		for _, item := range l.direct {
			into["pbx_direct_numbers"] = append(into["pbx_direct_numbers"], name+"|"+item)
		}
	}
	for name, p := range m.phones {
		into["pbx_phones"] = append(into["pbx_phones"], strings.Join([]string{
			name, p.state, p.line, p.label, or(p.account, "NULL"), or(p.mac, "NULL"),
		}, "|"))
		into["pbx_phone_rights"] = append(into["pbx_phone_rights"], name+"|"+m.effective(name))
	}
}

const (
	personColumns = "username, first_name, last_name, email, department, business_unit"
	totalColumns  = "calls, answered, unanswered, duration, billsec"
)

// queries read what is expected.
var queries = map[string]string{
	"available_users":     "SELECT " + personColumns + " FROM available_users",
	"deleted_users":       "SELECT " + personColumns + " FROM deleted_users",
	"directory":           "SELECT " + personColumns + ", number FROM directory",
	"user_search":         "SELECT " + personColumns + ", number FROM user_search",
	"mention_suggestions": "SELECT " + personColumns + ", number FROM mention_suggestions",
	"seat_map":            "SELECT " + personColumns + ", number FROM seat_map",
	"live_monitor":        "SELECT " + personColumns + ", number FROM live_monitor",
	"report_conditions":   "SELECT " + personColumns + ", number FROM report_conditions",
	"sign_ins":            "SELECT username, CASE WHEN allowed THEN 1 ELSE 0 END FROM sign_ins",
	"group_members":       "SELECT group_name, username, state FROM group_members",
	"call_history": "SELECT userfield, CAST(calldate AS TEXT), clid, src, dst, disposition, uniqueid, src_service, " +
		"src_username, dst_username, src_business_unit, dst_business_unit FROM call_history",
	"calls_by_user":      "SELECT username, calls, made, received, answered, missed, duration, billsec FROM calls_by_user",
	"calls_overview":     "SELECT " + totalColumns + " FROM calls_overview",
	"calls_by_day":       "SELECT day, " + totalColumns + " FROM calls_by_day",
	"calls_by_week":      "SELECT week, " + totalColumns + " FROM calls_by_week",
	"calls_by_month":     "SELECT month, " + totalColumns + " FROM calls_by_month",
	"call_center_report": "SELECT day, username, state, made, received, answered, missed, billsec FROM call_center_report",
	"pbx_phone_rights":   "SELECT name, effective FROM pbx_phone_rights",
	"pbx_users": "SELECT id, name, state, first_name, last_name, email, department, location, business_unit, role, login, " +
		"primary_service, offboarding_services FROM pbx_users",
	"pbx_user_agent_ids": "SELECT name, agent_id FROM pbx_user_agent_ids a JOIN pbx_users u ON u.id = a.user_id",
	"pbx_user_services":  "SELECT name, service_name FROM pbx_user_services s JOIN pbx_users u ON u.id = s.user_id",
	"integrations":       "SELECT u.name, i.name FROM integrations i JOIN pbx_users u ON u.id = i.user_id",
	"pbx_extensions": "SELECT id, name, state, number, holder, display_name, voicemail_enabled, voicemail_email " +
		"FROM pbx_extensions",
	"pbx_direct_numbers": "SELECT e.name, d.number, d.position FROM pbx_direct_numbers d JOIN pbx_extensions e ON e.id = d.extension_id",
	"pbx_phones":         "SELECT name, state, extension, label, sip_username, mac FROM pbx_phones",
	preferences:          "SELECT user_id, extension, name FROM preferences",
	contacts:             "SELECT user_id, name FROM contacts",
	meetings:             "SELECT user_id, title FROM meetings",
	messages:             "SELECT user_id, peer_id, body FROM messages",
	mentions:             "SELECT user_id, author_id, comment FROM mentions",
	billing:              "SELECT user_id, description FROM billing",
	voicemail:            "SELECT mailboxuser, msg_id, callerid FROM voicemessages",
}
