package storetest

import "github.com/pbx-operator/pbx-operator/internal/pbx"

// object is what a manifest declares.
type object struct {
	kind           pbx.Kind
	name, uid      string
	generation     int64
	state          pbx.State
	adopt, release bool
	user           pbx.User
	number         pbx.Number
	phone          pbx.Phone
	// given are further fields, such as the digest of a password.
	given map[pbx.Field]string
}

func (o object) key() pbx.Key { return pbx.Key{Kind: o.kind, Name: o.name} }

func (o object) desired() pbx.Desired {
	d := pbx.Desired{
		Key: o.key(), Owner: pbx.Owner{UID: o.uid, Generation: o.generation}, State: o.state,
		Adopt: o.adopt, Release: o.release, BornPurged: o.generation == 1 && o.state == pbx.Purged, BoxDigits: system.VoicemailDigits,
	}
	switch o.kind {
	case pbx.KindUser:
		d.Content = o.user.Content(o.state)
	case pbx.KindExtension:
		d.Content = o.number.Content(o.state, system)
	default:
		d.Content = o.phone.Content(o.state, system)
	}
	for field, value := range o.given {
		d.Fields[field] = value
	}
	return d
}

// to gives the object in another state, as a later generation.
func (o object) to(state pbx.State) object {
	o.state = state
	o.generation++
	return o
}

// bornPurged gives an object that is created as Purged.
func (o object) bornPurged() object {
	o.state, o.generation = pbx.Purged, 1
	return o
}

// but gives the object with a change of its spec, as a later generation.
func (o object) but(edit func(*object)) object {
	o.generation++
	edit(&o)
	return o
}

// at gives the object as a certain generation.
func (o object) at(generation int64) object {
	o.generation = generation
	return o
}

// of gives another object of the same name.
func (o object) of(uid string) object {
	o.uid, o.generation = uid, 1
	return o
}

func newObject(kind pbx.Kind, name string) object {
	return object{kind: kind, name: name, uid: "uid-" + name, generation: 1, state: pbx.Active}
}

// user is a user with nothing but a login.
func user(name string, services ...string) object {
	o := newObject(pbx.KindUser, name)
	o.user = pbx.User{Login: name, Services: services}
	if len(services) > 0 {
		o.user.PrimaryService = services[0]
	}
	return o
}

// extension is an extension with nothing but a number.
func extension(name, number string) object {
	o := newObject(pbx.KindExtension, name)
	o.number = pbx.Number{Number: number}
	return o
}

// phone is a phone with nothing but an account.
func phone(name string) object {
	o := newObject(pbx.KindPhoneService, name)
	o.phone = pbx.Phone{Type: "Local", SIPUsername: name}
	return o
}

// The full objects have something in every field and list.
var (
	ada = object{
		kind: pbx.KindUser, name: "ada", uid: "uid-ada", generation: 1, state: pbx.Active,
		user: pbx.User{
			FirstName: "Ada", LastName: "Lovelace", Email: "ada@acme.example", Department: "Research", Location: "London",
			BusinessUnit: "Engines", Role: "agent", Login: "ada.l", Groups: []string{"staff", "math"},
			AgentIDs: []string{"7001", "7002"}, Services: []string{"desk", "mobile"}, PrimaryService: "desk",
			Integrations: []pbx.Item{{Key: "zoom", Value: "ada-zoom"}, {Key: "meet"}}, OffboardingServices: "Keep",
		},
		given: map[pbx.Field]string{
			pbx.FieldPasswordHash: "secret-hash", pbx.FieldPasswordApplied: "secret-applied",
			pbx.FieldPasswordSecret: "secret-version",
		},
	}
	line = object{
		kind: pbx.KindExtension, name: "line", uid: "uid-line", generation: 1, state: pbx.Active,
		number: pbx.Number{
			Number: "1001", DirectNumbers: []string{"+49301001", "+49302001"}, Holder: "ada", DisplayName: "Reception",
			Voicemail: pbx.Voicemail{Enabled: true, Email: "box@acme.example"}, OnRelease: []string{"Email", "Password"},
		},
		given: map[pbx.Field]string{
			pbx.FieldPIN: "secret-pin", pbx.FieldPINApplied: "secret-pin-applied", pbx.FieldPINSecret: "secret-pin-version",
		},
	}
	desk = object{
		kind: pbx.KindPhoneService, name: "desk", uid: "uid-desk", generation: 1, state: pbx.Active,
		phone: pbx.Phone{
			Type: "Local", Extension: "line", Label: "Desk", Language: "en", DeviceType: "DeskPhone", DeviceModel: "T54",
			MAC: "00:1A:2B:3C:4D:5E", SIPUsername: "desk-sip", Transport: "TLS", Applications: "fax,door",
			Keys: `[{"index":1}]`, Attached: `[{"system":"crm"}]`, ForeignSystem: "crm", ForeignURL: "https://crm.example/1",
			Password: "secret-password",
		},
	}
	fullObjects = []object{ada, line, desk}
	states      = []pbx.State{pbx.Active, pbx.Deactivated, pbx.Deleted}
)
