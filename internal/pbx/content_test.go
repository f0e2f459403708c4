package pbx_test

import (
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func TestContentOfUserByState(t *testing.T) {
	tests := map[pbx.State]struct {
		role         string
		agentIDs     []pbx.Item
		integrations []pbx.Item
	}{
		pbx.Active: {
			"agent", []pbx.Item{{Key: "7001"}}, []pbx.Item{{Key: "zoom", Value: "ada-zoom"}},
		},
		pbx.Deactivated: {"agent", []pbx.Item{{Key: "7001"}}, nil},
		pbx.Deleted:     {"", nil, nil},
	}
	for state, want := range tests {
		t.Run(string(state), func(t *testing.T) {
			got := person().Content(state)
			same(t, "fields", got.Fields, map[pbx.Field]string{
				pbx.FieldState: string(state), pbx.FieldFirstName: "Ada", pbx.FieldLastName: "Lovelace",
				pbx.FieldEmail: "ada@acme.example", pbx.FieldDepartment: "Research", pbx.FieldLocation: "London",
				pbx.FieldBusinessUnit: "Engines", pbx.FieldRole: want.role, pbx.FieldLogin: "ada",
				pbx.FieldPrimaryService: "desk", pbx.FieldOffboarding: "Keep",
			})
			same(t, "lists", got.Lists, map[pbx.List][]pbx.Item{
				pbx.ListServices: {{Key: "desk"}, {Key: "mobile"}}, pbx.ListGroups: {{Key: "staff"}, {Key: "math"}},
				pbx.ListAgentIDs: want.agentIDs, pbx.ListIntegrations: want.integrations,
			})
		})
	}
}

// A list that is left out is not managed; an emptied one is. So every list is there in every state.
func TestContentManagesEveryList(t *testing.T) {
	contents := map[pbx.Kind]func(pbx.State) pbx.Content{
		pbx.KindUser:         func(s pbx.State) pbx.Content { return pbx.User{}.Content(s) },
		pbx.KindExtension:    func(s pbx.State) pbx.Content { return pbx.Number{}.Content(s, acme) },
		pbx.KindPhoneService: func(s pbx.State) pbx.Content { return pbx.Phone{}.Content(s, acme) },
	}
	for kind, content := range contents {
		for _, state := range []pbx.State{pbx.Active, pbx.Deactivated, pbx.Deleted} {
			got := content(state)
			for _, list := range pbx.SchemaOf(kind).Lists {
				if _, managed := got.Lists[list.List]; !managed {
					t.Errorf("%s, %s: %s is not managed", kind, state, list.List)
				}
			}
			for field := range got.Fields {
				if pbx.SchemaOf(kind).Spec(field) == (pbx.FieldSpec{Field: field}) && !listed(kind, field) {
					t.Errorf("%s: %s is not in the schema", kind, field)
				}
			}
		}
	}
}

func listed(kind pbx.Kind, field pbx.Field) bool {
	for _, f := range pbx.SchemaOf(kind).Fields {
		if f.Field == field {
			return true
		}
	}
	return false
}

func TestContentOfExtension(t *testing.T) {
	n := pbx.Number{
		Number: "1001", DirectNumbers: []string{"+4930111", "+4930112"}, Holder: "ada", DisplayName: "Lobby",
		Voicemail: pbx.Voicemail{Enabled: true, Email: "box@acme.example"}, OnRelease: []string{"Email", "Password"},
	}
	for _, state := range []pbx.State{pbx.Active, pbx.Deactivated, pbx.Deleted} {
		got := n.Content(state, acme)
		same(t, "fields", got.Fields, map[pbx.Field]string{
			pbx.FieldState: string(state), pbx.FieldNumber: "1001", pbx.FieldHolder: "ada", pbx.FieldDisplayName: "Lobby",
			pbx.FieldVoicemailEnabled: "1", pbx.FieldVoicemailEmail: "box@acme.example", pbx.FieldMailbox: "1001",
			pbx.FieldOnRelease: "Email,Password",
		})
		same(t, "direct numbers", got.Lists[pbx.ListDirectNumbers],
			[]pbx.Item{{Key: "+4930111", Value: "1"}, {Key: "+4930112", Value: "2"}})
	}
}

func TestMailboxNeedsTheRightNumberOfDigits(t *testing.T) {
	tests := []struct {
		number, mailbox      string
		enabled, unavailable bool
	}{
		{"1001", "1001", true, false},
		{"100", "", true, true},
		{"10011", "", true, true},
		{"", "", true, true},
		{"1001", "", false, false},
		{"100", "", false, false},
	}
	for _, tt := range tests {
		n := pbx.Number{Number: tt.number, Voicemail: pbx.Voicemail{Enabled: tt.enabled}}
		if got := n.Content(pbx.Active, acme).Fields[pbx.FieldMailbox]; got != tt.mailbox {
			t.Errorf("mailbox of %q, enabled %v = %q, want %q", tt.number, tt.enabled, got, tt.mailbox)
		}
		if got := n.VoicemailUnavailable(acme); got != tt.unavailable {
			t.Errorf("VoicemailUnavailable of %q, enabled %v = %v", tt.number, tt.enabled, got)
		}
	}
}

func TestContentOfPhone(t *testing.T) {
	p := pbx.Phone{
		Type: "Local", Extension: "ext", Label: "Desk", Language: "en", DeviceType: "Desk", DeviceModel: "T54",
		MAC: "00-1A-2B-3C-4D-5E", SIPUsername: "desk", Transport: "TLS", Applications: "fax", Keys: "[]", Attached: "[]",
		ForeignSystem: "crm", ForeignURL: "https://crm.example",
	}
	want := map[pbx.Field]string{
		pbx.FieldState: "Active", pbx.FieldType: "Local", pbx.FieldExtension: "ext", pbx.FieldLabel: "Desk",
		pbx.FieldLanguage: "en", pbx.FieldDeviceType: "Desk", pbx.FieldDeviceModel: "T54",
		pbx.FieldMAC: "001a2b3c4d5e", pbx.FieldSIPUsername: "desk", pbx.FieldTransport: "TLS",
		pbx.FieldApplications: "fax", pbx.FieldKeys: "[]", pbx.FieldAttached: "[]",
		pbx.FieldForeignSystem: "crm", pbx.FieldForeignURL: "https://crm.example",
	}
	// Without a password the digests in the store are left alone.
	same(t, "without a password", p.Content(pbx.Active, acme).Fields, want)

	p.Password = "s3cret"
	for field, value := range p.Content(pbx.Active, acme).Fields {
		if strings.Contains(value, p.Password) {
			t.Errorf("%s holds the password", field)
		}
	}
}

// The vector is the example of RFC 2617, section 3.5, and RFC 7616, section 3.9.1: MD5 of user, realm and password.
func TestDigestIsThatOfTheStandard(t *testing.T) {
	system := pbx.System{Domain: "testrealm@host.com"}
	got := pbx.Phone{SIPUsername: "Mufasa", Password: "Circle Of Life"}.Content(pbx.Active, system).Fields
	if want := "939e7578ed9e3c518a452acee763bce9"; got[pbx.FieldHA1] != want {
		t.Errorf("ha1 = %s, want %s", got[pbx.FieldHA1], want)
	}
	// ha1b is the same with the user's name as user@realm, so it is the ha1 of a user of that name.
	named := pbx.Phone{SIPUsername: "Mufasa@testrealm@host.com", Password: "Circle Of Life"}.Content(pbx.Active, system)
	if want := named.Fields[pbx.FieldHA1]; got[pbx.FieldHA1B] != want {
		t.Errorf("ha1b = %s, want %s", got[pbx.FieldHA1B], want)
	}
}

func TestNormalMAC(t *testing.T) {
	for given, want := range map[string]string{
		"":                  "",
		"00:1A:2B:3C:4D:5E": "001a2b3c4d5e",
		"00-1a-2b-3c-4d-5e": "001a2b3c4d5e",
		"001A2B3C4D5E":      "001a2b3c4d5e",
		"001a2b3c4d5e":      "001a2b3c4d5e",
	} {
		if got := pbx.NormalMAC(given); got != want {
			t.Errorf("NormalMAC(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestNumberLike(t *testing.T) {
	for username, want := range map[string]string{
		"1001": "1001", "+49301": "49301", "": "", "+": "", "ada": "", "1001a": "", "10-01": "", "++1": "", "1+1": "", "١٢": "",
	} {
		if got := pbx.NumberLike(username); got != want {
			t.Errorf("%q: %q, want %q", username, got, want)
		}
	}
}
