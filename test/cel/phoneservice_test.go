package cel

import (
	"strings"
	"testing"
)

const phone = `
apiVersion: pbx-operator.io/v1alpha1
kind: PhoneService
spec:
  extensionRef: {name: ext-1001}
`

func TestPhoneType(t *testing.T) {
	const (
		needsExtension = "spec: a Local phone service needs an extensionRef: the Extension that it rings"
		bothOrNeither  = "spec: foreign belongs to type Foreign, and type Foreign needs it: set both or neither"
		immutable      = "spec.type: type is immutable: create a new PhoneService of the other type"
	)
	onCreate(t, phone,
		change{name: "Local", patch: "spec: {type: Local}"},
		change{name: "Local without an extension", patch: "spec: {extensionRef: null}", refused: needsExtension},
		change{name: "Remote", patch: "spec: {type: Remote}"},
		change{name: "Remote without an extension", patch: "spec: {type: Remote, extensionRef: null}"},
		change{name: "Foreign", patch: "spec: {type: Foreign, foreign: {system: Teams}}"},
		change{name: "Foreign without an extension", patch: "spec: {type: Foreign, extensionRef: null, foreign: {system: Teams}}"},
		change{name: "Foreign without foreign", patch: "spec: {type: Foreign}", refused: bothOrNeither},
		change{name: "Local with foreign", patch: "spec: {foreign: {system: Teams}}", refused: bothOrNeither},
		change{name: "Remote with foreign", patch: "spec: {type: Remote, foreign: {system: Teams}}", refused: bothOrNeither},
		change{name: "Purged Foreign without foreign", patch: "spec: {type: Foreign, state: Purged}"},
		change{name: "unknown", patch: "spec: {type: Cloud}", refused: `spec.type: Unsupported value: "Cloud": supported values: "Local", "Remote", "Foreign"`},
		change{name: "foreign without a system", patch: "spec: {type: Foreign, foreign: {}}", refused: "spec.foreign.system: Required value"},
		change{
			name: "foreign with an empty system", patch: `spec: {type: Foreign, foreign: {system: ""}}`,
			refused: "spec.foreign.system: spec.foreign.system in body should be at least 1 chars long",
		},
	)
	onUpdate(t, phone,
		change{name: "stays", patch: "spec: {type: Local}"},
		change{name: "becomes Remote", patch: "spec: {type: Remote}", refused: immutable},
		change{name: "becomes Foreign", patch: "spec: {type: Foreign, foreign: {system: Teams}}", refused: immutable},
	)
	const notHere = "spec: a Remote phone service is deleted on the node that owns it: take it out of the services of its users, " +
		"or let go of this object with deletionPolicy Orphan"
	onCreate(t, phone+"  type: Remote\n",
		change{name: "Remote, Deactivated", patch: "spec: {state: Deactivated}"},
		change{name: "Remote, Deleted", patch: "spec: {state: Deleted}", refused: notHere},
		change{name: "Remote, Purged", patch: "spec: {state: Purged}", refused: notHere},
	)
	onUpdate(t, phone+"  type: Remote\n",
		change{name: "becomes Deleted", patch: "spec: {state: Deleted}", refused: notHere},
		change{name: "is left out, so becomes Local", patch: "spec: {type: null}", refused: immutable},
	)
}

func TestPhoneURLs(t *testing.T) {
	const notAURL = "must be an absolute URL such as https://suite.example.com/phones/1"
	onCreate(t, phone+"  attached: [{system: CRM, name: desk}]\n",
		change{name: "none", patch: "{}"},
		change{name: "https", patch: "spec: {attached: [{system: CRM, name: desk, url: 'https://crm.example.com/a?b=c#d'}]}"},
		change{name: "http", patch: "spec: {attached: [{system: CRM, name: desk, url: 'http://crm'}]}"},
		change{name: "512 characters", patch: "spec: {attached: [{system: CRM, name: desk, url: 'https://" + strings.Repeat("a", 504) + "'}]}"},
		change{
			name: "513 characters", patch: "spec: {attached: [{system: CRM, name: desk, url: 'https://" + strings.Repeat("a", 505) + "'}]}",
			refused: "spec.attached[0].url: Too long: may not be more than 512 bytes",
		},
		change{name: "relative", patch: "spec: {attached: [{system: CRM, name: desk, url: /a}]}", refused: "spec.attached[0].url: " + notAURL},
		change{name: "a script", patch: "spec: {attached: [{system: CRM, name: desk, url: 'javascript:alert(1)'}]}", refused: "spec.attached[0].url: " + notAURL},
		change{name: "space", patch: "spec: {attached: [{system: CRM, name: desk, url: 'https://a b'}]}", refused: "spec.attached[0].url: " + notAURL},
		change{name: "line break", patch: `spec: {attached: [{system: CRM, name: desk, url: "https://a\n"}]}`, refused: "spec.attached[0].url: " + notAURL},
		change{name: "empty", patch: "spec: {attached: [{system: CRM, name: desk, url: ''}]}", refused: "spec.attached[0].url: " + notAURL},
		change{name: "foreign", patch: "spec: {type: Foreign, foreign: {system: Teams, url: 'https://teams.example.com'}}"},
		change{name: "foreign and wrong", patch: "spec: {type: Foreign, foreign: {system: Teams, url: teams}}", refused: "spec.foreign.url: " + notAURL},
	)
}

func TestPhoneDevice(t *testing.T) {
	const notAMAC = "spec.device.mac: must be a MAC address, such as 00:1a:2b:3c:4d:5e"
	onCreate(t, phone,
		change{name: "none", patch: "spec: {device: {mac: ''}}"},
		change{name: "colons", patch: "spec: {device: {mac: '00:1a:2b:3c:4d:5e'}}"},
		change{name: "dashes and capitals", patch: "spec: {device: {mac: 00-1A-2B-3C-4D-5E}}"},
		change{name: "plain", patch: "spec: {device: {mac: 001a2b3c4d5e}}"},
		change{name: "mixed", patch: "spec: {device: {mac: '00:1a-2b:3c-4d:5e'}}", refused: notAMAC},
		change{name: "eleven digits", patch: "spec: {device: {mac: 001a2b3c4d5}}", refused: notAMAC},
		change{name: "not hexadecimal", patch: "spec: {device: {mac: '00:1a:2b:3c:4d:5g'}}", refused: notAMAC},
		change{name: "line break at the end", patch: `spec: {device: {mac: "001a2b3c4d5e\n"}}`, refused: notAMAC},
		change{name: "eight bytes", patch: "spec: {device: {mac: '00:1a:2b:3c:4d:5e:6f:70'}}", refused: "spec.device.mac: Too long: may not be more than 17 bytes"},
	)
}

func TestPhoneLanguage(t *testing.T) {
	const notALanguage = "spec.profile.language: must be a BCP 47 language tag, such as de or en-GB"
	onCreate(t, phone,
		change{name: "none", patch: "spec: {profile: {language: ''}}"},
		change{name: "two letters", patch: "spec: {profile: {language: de}}"},
		change{name: "three letters and more", patch: "spec: {profile: {language: gsw-CH-1996}}"},
		change{name: "one letter", patch: "spec: {profile: {language: d}}", refused: notALanguage},
		change{name: "underscore", patch: "spec: {profile: {language: en_GB}}", refused: notALanguage},
		change{name: "dash at the end", patch: "spec: {profile: {language: en-}}", refused: notALanguage},
		change{name: "a sentence", patch: "spec: {profile: {language: de and en}}", refused: notALanguage},
	)
}

func TestPhoneSIP(t *testing.T) {
	const notAUsername = "spec.sip.username: must be letters, digits and . _ + -, beginning with a letter or digit"
	onCreate(t, phone,
		change{name: "empty username", patch: "spec: {sip: {username: ''}}"},
		change{name: "username", patch: "spec: {sip: {username: Ada.1_x+y-z}}"},
		change{name: "username of 63 characters", patch: "spec: {sip: {username: " + strings.Repeat("a", 63) + "}}"},
		change{
			name: "username of 64 characters", patch: "spec: {sip: {username: " + strings.Repeat("a", 64) + "}}",
			refused: "spec.sip.username: Too long: may not be more than 63 bytes",
		},
		change{name: "username with a domain", patch: "spec: {sip: {username: ada@example.com}}", refused: notAUsername},
		change{name: "username with a semicolon", patch: "spec: {sip: {username: ada;x}}", refused: notAUsername},
		change{name: "username begins with a dash", patch: "spec: {sip: {username: -ada}}", refused: notAUsername},
		change{name: "username with a line break", patch: `spec: {sip: {username: "ada\n"}}`, refused: notAUsername},
		change{name: "TLS", patch: "spec: {sip: {transport: TLS}}"},
		change{
			name: "unknown transport", patch: "spec: {sip: {transport: SCTP}}",
			refused: `spec.sip.transport: Unsupported value: "SCTP": supported values: "UDP", "TCP", "TLS", "WS", "WSS"`,
		},
		change{name: "a password in clear", patch: "spec: {sip: {password: secret}}", refused: unknownField("PhoneService", "spec.sip.password")},
	)
}

func TestPhoneLists(t *testing.T) {
	onCreate(t, phone,
		change{name: "32 applications", patch: "spec: {applications: [" + numbered("a", 32) + "]}"},
		change{
			name: "33 applications", patch: "spec: {applications: [" + numbered("a", 33) + "]}",
			refused: "spec.applications: Too many: 33: must have at most 32 items",
		},
		change{name: "application twice", patch: "spec: {applications: [a, a]}", refused: `spec.applications[1]: Duplicate value: "a"`},
		change{
			name: "empty application", patch: "spec: {applications: ['']}",
			refused: "spec.applications[0]: spec.applications[0] in body should be at least 1 chars long",
		},
		change{name: "128 keys", patch: "spec: {keys: [" + keys(128) + "]}"},
		change{name: "129 keys", patch: "spec: {keys: [" + keys(129) + "]}", refused: "spec.keys: Too many: 129: must have at most 128 items"},
		change{name: "key twice", patch: "spec: {keys: [{index: 1, type: BLF}, {index: 1, type: Line}]}", refused: `spec.keys[1]: Duplicate value: {"index":1}`},
		change{
			name: "key 0", patch: "spec: {keys: [{index: 0, type: Line}]}",
			refused: "spec.keys[0].index: spec.keys[0].index in body should be greater than or equal to 1",
		},
		change{name: "key 256", patch: "spec: {keys: [{index: 256, type: Line}]}"},
		change{
			name: "key 257", patch: "spec: {keys: [{index: 257, type: Line}]}",
			refused: "spec.keys[0].index: spec.keys[0].index in body should be less than or equal to 256",
		},
		change{name: "key without a type", patch: "spec: {keys: [{index: 1}]}", refused: "spec.keys[0].type: Required value"},
		change{name: "key without an index", patch: "spec: {keys: [{type: Line}]}", refused: "spec.keys[0].index: Required value"},
		change{
			name: "unknown key type", patch: "spec: {keys: [{index: 1, type: Park}]}",
			refused: `spec.keys[0].type: Unsupported value: "Park": supported values: "Line", "BLF", "SpeedDial"`,
		},
		change{name: "16 attached", patch: "spec: {attached: [{system: s, name: " + strings.ReplaceAll(numbered("a", 16), ", ", "}, {system: s, name: ") + "}]}"},
		change{
			name: "17 attached", patch: "spec: {attached: [{system: s, name: " + strings.ReplaceAll(numbered("a", 17), ", ", "}, {system: s, name: ") + "}]}",
			refused: "spec.attached: Too many: 17: must have at most 16 items",
		},
		change{name: "attached with the same name in two systems", patch: "spec: {attached: [{system: s, name: a}, {system: t, name: a}]}"},
		change{
			name: "attached twice", patch: "spec: {attached: [{system: s, name: a}, {system: s, name: a, managedHere: true}]}",
			refused: `spec.attached[1]: Duplicate value: {"name":"a","system":"s"}`,
		},
		change{name: "attached without a system", patch: "spec: {attached: [{name: a}]}", refused: "spec.attached[0].system: Required value"},
		change{name: "attached without a name", patch: "spec: {attached: [{system: s}]}", refused: "spec.attached[0].name: Required value"},
		change{
			name: "attached with an empty system", patch: "spec: {attached: [{system: '', name: a}]}",
			refused: "spec.attached[0].system: spec.attached[0].system in body should be at least 1 chars long",
		},
		change{
			name: "attached with an empty name", patch: "spec: {attached: [{system: s, name: ''}]}",
			refused: "spec.attached[0].name: spec.attached[0].name in body should be at least 1 chars long",
		},
	)
}
