package faults

import (
	"fmt"
	"strings"
	"testing"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// lineLength is the longest text that a line may have, in characters.
const lineLength = 128

// texts are what people are called, and what breaks software that does not expect it.
var texts = []string{
	`O'Brien "Bob" \ %s ; DROP TABLE pbx_users; --`,
	"👩‍👩‍👧‍👦 Zoë Łukasz ẞ ñ İ ﬁ",
	"\u202e שלום مرحبا \u202d abc",
	"e\u0301 \u200b zero\u200dwidth \ufeff",
	"${jndi:ldap://x} {{.}} <script>alert(1)</script> $1 ? :name",
	"NULL",
	strings.Repeat("長", lineLength),
	strings.Repeat("💥", lineLength),
}

// TestText: what a manifest says comes back letter by letter, in the tables and in the views.
func TestText(t *testing.T) { onEach(t, testText) }

func testText(t *testing.T, b operator.Backend) {
	s := newScene(t, b)
	running := operator.Start(t, s.Options())
	for i, text := range texts {
		s.Create(s.wordy(fmt.Sprintf("user-%d", i), text))
	}
	s.longest()
	s.Ready(limit)
	running.Settle(t)
	db := s.SQL()
	for i, text := range texts {
		name := fmt.Sprintf("user-%d", i)
		for _, view := range []string{"available_users", "directory", "user_search"} {
			s.equal(view+" of "+name, s.Rows(db, "SELECT first_name, last_name, department, business_unit FROM "+view+
				" WHERE username = $1", name), []string{strings.Join([]string{text, text, text, text}, "|")})
		}
		s.equal("groups of "+name, s.Rows(db, "SELECT group_name FROM group_members WHERE username = $1", name), []string{text})
		s.equal("integrations of "+name, s.Rows(db, `SELECT i.name, account_id FROM integrations i
			JOIN pbx_users u ON u.id = i.user_id WHERE u.name = $1`, name), []string{text + "|" + text})
	}
	s.seeLongest()
	restarted := s.restart(running)
	s.equal("written again after a restart", len(restarted.Store.Applied()), 0)
	s.Consistent(db)
}

// wordy is a user with a text in every free field.
func (s *scene) wordy(name, text string) *pbxv1.User {
	user, line := s.User(name), pbxv1.Line(text)
	user.Spec.FirstName, user.Spec.LastName, user.Spec.Department, user.Spec.Location = line, line, line, line
	user.Spec.BusinessUnit, user.Spec.Role, user.Spec.Groups = line, line, []pbxv1.Line{line}
	user.Spec.Integrations = []pbxv1.Integration{{Name: line, AccountID: line}}
	return user
}

// longest makes an object of each kind with values as long as they may be.
func (s *scene) longest() {
	name, line := strings.Repeat("n", 63), pbxv1.Line(strings.Repeat("ł", lineLength))
	url := pbxv1.URL("https://" + strings.Repeat("u", 512-len("https://")))
	user, extension, phone := s.wordy(name, string(line)), s.Extension(name, strings.Repeat("9", 15), name), s.Phone(name, name)
	user.Spec.Email = pbxv1.EmailAddress(strings.Repeat("é", 240) + "@acme.example")
	user.Spec.Login.Username = strings.Repeat("L", 64)
	for i := range 16 {
		user.Spec.AgentIDs = append(user.Spec.AgentIDs, fmt.Sprintf("%032d", i))
	}
	operator.SetServices(user, name)
	extension.Spec.DirectNumbers = []pbxv1.E164Number{pbxv1.E164Number("+" + strings.Repeat("4", 15))}
	extension.Spec.DisplayName = line
	phone.Spec.SIP.Username, phone.Spec.Profile.Label = strings.Repeat("S", 63), line
	for i := range 128 {
		phone.Spec.Keys = append(phone.Spec.Keys, pbxv1.Key{Index: int32(i + 1), Type: "BLF", Value: line, Label: line})
	}
	for i := range 16 {
		phone.Spec.Attached = append(phone.Spec.Attached,
			pbxv1.AttachedService{System: line, Name: pbxv1.Line(fmt.Sprint(i)), URL: &url})
	}
	s.Create(user, extension, phone)
}

func (s *scene) seeLongest() {
	s.t.Helper()
	db, name := s.SQL(), strings.Repeat("n", 63)
	s.equal("the longest user", s.Rows(db, "SELECT length(email), length(login), length(role) FROM pbx_users WHERE name = $1", name),
		[]string{"253|64|128"})
	s.equal("their agent IDs", s.Rows(db, "SELECT count(*), max(length(agent_id)) FROM pbx_user_agent_ids"), []string{"16|32"})
	s.equal("the longest extension", s.Rows(db,
		"SELECT length(number), length(display_name), holder FROM pbx_extensions WHERE name = $1", name), []string{"15|128|" + name})
	s.equal("the longest phone", s.Rows(db, "SELECT length(sip_username), length(label) FROM pbx_phones WHERE name = $1", name),
		[]string{"63|128"})
	s.equal("the directory", s.Rows(db, "SELECT number FROM directory WHERE username = $1", strings.Repeat("L", 64)),
		[]string{strings.Repeat("9", 15)})
}

// restart starts the operator anew, and waits until it has looked at everything.
func (s *scene) restart(running *operator.Operator) *operator.Operator {
	s.t.Helper()
	running.Stop()
	again := operator.Start(s.t, s.Options())
	want := len(s.Objects()) - 1 // the PhoneSystem is no record
	operator.Await(s.t, limit, "all records are looked at", func() string {
		if seen := len(again.Store.Observed()); seen < want {
			return fmt.Sprintf("%d of %d", seen, want)
		}
		return ""
	})
	again.Settle(s.t)
	return again
}
