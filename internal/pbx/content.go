package pbx

import (
	"crypto/md5" //nolint:gosec // HA1 is MD5 by RFC 2617 and RFC 8760's backward compatible digest.
	"encoding/hex"
	"strconv"
	"strings"
)

// User is a person as declared.
type User struct {
	FirstName, LastName, Email, Department, Location string
	BusinessUnit, Role, Login                        string
	Groups, AgentIDs, Services                       []string
	PrimaryService                                   string
	Integrations                                     []Item
	OffboardingServices                              string
}

// Content gives what the record of the user says in a state.
//
// Deactivation drops the integrations; deletion also unlinks role and agent IDs. Everything else is kept, so that a
// restore gives it back.
func (u User) Content(state State) Content {
	c := NewContent()
	c.Fields = map[Field]string{
		FieldState: string(state), FieldFirstName: u.FirstName, FieldLastName: u.LastName, FieldEmail: u.Email,
		FieldDepartment: u.Department, FieldLocation: u.Location, FieldBusinessUnit: u.BusinessUnit,
		FieldRole: u.Role, FieldLogin: u.Login, FieldPrimaryService: u.PrimaryService,
		FieldOffboarding: u.OffboardingServices,
	}
	c.Lists[ListServices] = items(u.Services)
	c.Lists[ListGroups] = items(u.Groups)
	c.Lists[ListAgentIDs] = items(u.AgentIDs)
	c.Lists[ListIntegrations] = u.Integrations
	if state != Active {
		c.Lists[ListIntegrations] = nil
	}
	if state == Deleted {
		c.Fields[FieldRole] = ""
		c.Lists[ListAgentIDs] = nil
	}
	return c
}

// Voicemail is the box of an extension as declared.
type Voicemail struct {
	Enabled bool
	Email   string
}

// Number is an extension as declared.
type Number struct {
	Number        string
	DirectNumbers []string
	Holder        string
	DisplayName   string
	Voicemail     Voicemail
	OnRelease     []string
}

// Content gives what the record of the extension says in a state. Its number stays reserved until it is purged.
func (n Number) Content(state State, system System) Content {
	c := NewContent()
	c.Fields = map[Field]string{
		FieldState: string(state), FieldNumber: n.Number, FieldHolder: n.Holder, FieldDisplayName: n.DisplayName,
		FieldVoicemailEnabled: flag(n.Voicemail.Enabled), FieldVoicemailEmail: n.Voicemail.Email,
		FieldMailbox: n.mailbox(system), FieldOnRelease: strings.Join(n.OnRelease, ","),
	}
	direct := make([]Item, len(n.DirectNumbers))
	for i, number := range n.DirectNumbers {
		direct[i] = Item{Key: number, Value: strconv.Itoa(i + 1)}
	}
	c.Lists[ListDirectNumbers] = direct
	return c
}

// VoicemailUnavailable says that the extension asks for a box which its number cannot have.
func (n Number) VoicemailUnavailable(system System) bool {
	return n.Voicemail.Enabled && len(n.Number) != system.VoicemailDigits
}

func (n Number) mailbox(system System) string {
	if !n.Voicemail.Enabled || n.VoicemailUnavailable(system) {
		return ""
	}
	return n.Number
}

// Phone is a phone service as declared.
type Phone struct {
	Type, Extension              string
	Label, Language              string
	DeviceType, DeviceModel, MAC string
	SIPUsername, Transport       string
	Applications, Keys, Attached string
	ForeignSystem, ForeignURL    string
	// Password of the SIP account; without one, the digests in the store are left alone.
	Password string
}

// Content gives what the record of the phone service says in a state. The store holds digests, never the password.
func (p Phone) Content(state State, system System) Content {
	c := NewContent()
	c.Fields = map[Field]string{
		FieldState: string(state), FieldType: p.Type, FieldExtension: p.Extension,
		FieldLabel: p.Label, FieldLanguage: p.Language,
		FieldDeviceType: p.DeviceType, FieldDeviceModel: p.DeviceModel, FieldMAC: NormalMAC(p.MAC),
		FieldSIPUsername: p.SIPUsername, FieldTransport: p.Transport,
		FieldApplications: p.Applications, FieldKeys: p.Keys, FieldAttached: p.Attached,
		FieldForeignSystem: p.ForeignSystem, FieldForeignURL: p.ForeignURL,
	}
	if p.Password != "" {
		p.SetPassword(c, system)
	}
	return c
}

// NumberLike gives the digits of a SIP username that looks like a number, with plus or without; empty if it does not.
func NumberLike(username string) string {
	digits := strings.TrimPrefix(username, "+")
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// SetPassword adds what the store holds of the phone's password.
func (p Phone) SetPassword(c Content, system System) {
	c.Fields[FieldHA1] = digest(p.SIPUsername, system.Domain, p.Password)
	c.Fields[FieldHA1B] = digest(p.SIPUsername+"@"+system.Domain, system.Domain, p.Password)
	c.Fields[FieldPasswordPrint] = passwordPrint(p.Password)
}

// NormalMAC gives a MAC address as twelve lower-case hexadecimal digits, so that one device has one spelling.
func NormalMAC(mac string) string {
	return strings.NewReplacer(":", "", "-", "").Replace(strings.ToLower(mac))
}

// digest is HA1 of RFC 2617, section 3.2.2.2: MD5(username ":" realm ":" password) in hexadecimal.
func digest(username, realm, password string) string {
	sum := md5.Sum([]byte(username + ":" + realm + ":" + password)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

func items(keys []string) []Item {
	out := make([]Item, len(keys))
	for i, key := range keys {
		out[i] = Item{Key: key}
	}
	return out
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
