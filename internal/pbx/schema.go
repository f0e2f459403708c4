package pbx

import "slices"

// Field is a single value of a record, named as its column.
type Field string

// List is a list of a record, named as what it holds.
type List string

// The fields.
const (
	FieldState Field = "state"

	FieldFirstName        Field = "first_name"
	FieldLastName         Field = "last_name"
	FieldEmail            Field = "email"
	FieldDepartment       Field = "department"
	FieldLocation         Field = "location"
	FieldBusinessUnit     Field = "business_unit"
	FieldRole             Field = "role"
	FieldLogin            Field = "login"
	FieldPrimaryService   Field = "primary_service"
	FieldOffboarding      Field = "offboarding_services"
	FieldPasswordHash     Field = "password_hash"
	FieldPasswordApplied  Field = "password_applied"
	FieldPasswordSecret   Field = "password_secret"
	FieldNumber           Field = "number"
	FieldHolder           Field = "holder"
	FieldDisplayName      Field = "display_name"
	FieldVoicemailEnabled Field = "voicemail_enabled"
	FieldVoicemailEmail   Field = "voicemail_email"
	FieldMailbox          Field = "mailbox"
	FieldReleasedEmail    Field = "released_email"
	FieldOnRelease        Field = "on_release"
	FieldPIN              Field = "pin"
	FieldPINApplied       Field = "pin_applied"
	FieldPINSecret        Field = "pin_secret"
	FieldType             Field = "type"
	FieldExtension        Field = "extension"
	FieldLabel            Field = "label"
	FieldLanguage         Field = "language"
	FieldDeviceType       Field = "device_type"
	FieldDeviceModel      Field = "device_model"
	FieldMAC              Field = "mac"
	FieldSIPUsername      Field = "sip_username"
	FieldTransport        Field = "transport"
	FieldHA1              Field = "ha1"
	FieldHA1B             Field = "ha1b"
	FieldPasswordPrint    Field = "password_print"
	FieldReleasedPrint    Field = "released_print"
	FieldApplications     Field = "applications"
	FieldKeys             Field = "keys"
	FieldForeignSystem    Field = "foreign_system"
	FieldForeignURL       Field = "foreign_url"
	FieldAttached         Field = "attached"
)

// The lists.
const (
	ListGroups        List = "groups"
	ListAgentIDs      List = "agent_ids"
	ListServices      List = "services"
	ListIntegrations  List = "integrations"
	ListDirectNumbers List = "direct_numbers"
)

// FieldSpec says how a field is treated.
type FieldSpec struct {
	Field Field
	// Claim: has one holder in a phone system; empty means that nothing is held.
	Claim bool
	// Fold: compared without case when it is claimed.
	Fold bool
	// Secret: its value is shown nowhere.
	Secret bool
	// Data: its owner may change it, by phone or in a portal, so a difference is no drift.
	Data bool
}

// ListSpec says how a list is treated.
type ListSpec struct {
	List List
	// Claim: every key has one holder in a phone system.
	Claim bool
}

// Schema lists the fields and lists of a kind, in the order in which changes are planned and shown.
type Schema struct {
	Fields []FieldSpec
	Lists  []ListSpec
	// Identity is the field by which a record is recognised when its object is a new one.
	Identity Field
}

var schemas = map[Kind]Schema{
	KindUser: {
		Identity: FieldEmail,
		Fields: []FieldSpec{
			{Field: FieldState},
			{Field: FieldFirstName},
			{Field: FieldLastName},
			{Field: FieldEmail},
			{Field: FieldDepartment},
			{Field: FieldLocation},
			{Field: FieldBusinessUnit},
			{Field: FieldRole},
			{Field: FieldLogin, Claim: true, Fold: true},
			{Field: FieldPrimaryService},
			{Field: FieldOffboarding},
			{Field: FieldPasswordHash, Secret: true, Data: true},
			{Field: FieldPasswordApplied, Secret: true, Data: true},
			{Field: FieldPasswordSecret, Secret: true, Data: true},
		},
		Lists: []ListSpec{
			{List: ListServices}, {List: ListGroups}, {List: ListAgentIDs, Claim: true}, {List: ListIntegrations},
		},
	},
	KindExtension: {
		Identity: FieldNumber,
		Fields: []FieldSpec{
			{Field: FieldState},
			{Field: FieldNumber, Claim: true},
			{Field: FieldHolder},
			{Field: FieldDisplayName},
			{Field: FieldVoicemailEnabled},
			{Field: FieldVoicemailEmail},
			{Field: FieldReleasedEmail, Secret: true, Data: true},
			{Field: FieldMailbox},
			{Field: FieldOnRelease},
			{Field: FieldPIN, Secret: true, Data: true},
			{Field: FieldPINApplied, Secret: true, Data: true},
			{Field: FieldPINSecret, Secret: true, Data: true},
		},
		Lists: []ListSpec{{List: ListDirectNumbers, Claim: true}},
	},
	KindPhoneService: {
		Identity: FieldSIPUsername,
		Fields: []FieldSpec{
			{Field: FieldState},
			{Field: FieldType},
			{Field: FieldExtension},
			{Field: FieldLabel},
			{Field: FieldLanguage},
			{Field: FieldDeviceType},
			{Field: FieldDeviceModel},
			{Field: FieldMAC, Claim: true},
			{Field: FieldSIPUsername, Claim: true, Fold: true},
			{Field: FieldTransport},
			{Field: FieldHA1, Secret: true},
			{Field: FieldHA1B, Secret: true},
			{Field: FieldPasswordPrint, Secret: true, Data: true},
			{Field: FieldReleasedPrint, Secret: true, Data: true},
			{Field: FieldApplications},
			{Field: FieldKeys},
			{Field: FieldForeignSystem},
			{Field: FieldForeignURL},
			{Field: FieldAttached},
		},
	},
}

// SchemaOf gives the schema of a kind of record.
func SchemaOf(kind Kind) Schema { return schemas[kind] }

// Spec gives how a field of the kind is treated.
func (s Schema) Spec(field Field) FieldSpec {
	i := slices.IndexFunc(s.Fields, func(f FieldSpec) bool { return f.Field == field })
	if i < 0 {
		return FieldSpec{Field: field}
	}
	return s.Fields[i]
}

// Claims lists the values of which the desired record wants to be the one holder.
func (d Desired) Claims() []Claim {
	var claims []Claim
	schema := SchemaOf(d.Key.Kind)
	for _, f := range schema.Fields {
		if value := d.Fields[f.Field]; f.Claim && value != "" {
			claims = append(claims, Claim{Field: f.Field, Value: value})
		}
	}
	for _, l := range schema.Lists {
		for _, item := range d.Lists[l.List] {
			if l.Claim {
				claims = append(claims, Claim{List: l.List, Value: item.Key})
			}
		}
	}
	return claims
}
