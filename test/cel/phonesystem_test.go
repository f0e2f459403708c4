package cel

import (
	"strings"
	"testing"
)

const phoneSystem = `
apiVersion: pbx-operator.io/v1alpha1
kind: PhoneSystem
spec:
  domain: pbx.example.com
  store: {embedded: {}}
`

func TestStore(t *testing.T) {
	const (
		exactlyOne = "spec.store: give exactly one store: embedded or postgres"
		immutable  = "spec.store: the kind of store is immutable: create a new PhoneSystem to move to another kind"
		notAUID    = "spec.store.takeover: must be the metadata.uid of a PhoneSystem, such as 0b5e3a86-6c1f-4c8a-9d0e-2f7a1b3c4d5e"
	)
	onCreate(t, phoneSystem,
		change{name: "embedded", patch: "{}"},
		change{name: "postgres", patch: "spec: {store: {embedded: null, postgres: {secretRef: {name: a}}}}"},
		change{name: "both", patch: "spec: {store: {postgres: {secretRef: {name: a}}}}", refused: exactlyOne},
		change{name: "neither", patch: "spec: {store: {embedded: null}}", refused: exactlyOne},
		change{name: "takeover alone", patch: "spec: {store: {embedded: null, takeover: abc}}", refused: exactlyOne},
		change{name: "none", patch: "spec: {store: null}", refused: "spec.store: Required value"},
		change{name: "postgres without a Secret", patch: "spec: {store: {embedded: null, postgres: {}}}", refused: "spec.store.postgres.secretRef: Required value"},
		change{
			name: "postgres with a DSN in clear", patch: "spec: {store: {embedded: null, postgres: {secretRef: {name: a}, dsn: x}}}",
			refused: unknownField("PhoneSystem", "spec.store.postgres.dsn"),
		},
		change{name: "takeover", patch: "spec: {store: {takeover: 0b5e3a86-6c1f-4c8a-9d0e-2f7a1b3c4d5e}}"},
		change{name: "takeover by name", patch: "spec: {store: {takeover: acme/default}}", refused: notAUID},
		change{name: "takeover with NUL", patch: `spec: {store: {takeover: "a\0"}}`, refused: notAUID},
	)
	onUpdate(t, phoneSystem,
		change{name: "moves to postgres", patch: "spec: {store: {embedded: null, postgres: {secretRef: {name: a}}}}", refused: immutable},
		change{name: "adds postgres", patch: "spec: {store: {postgres: {secretRef: {name: a}}}}", refused: exactlyOne},
		change{name: "is removed", patch: "spec: {store: {embedded: null}}", refused: exactlyOne + "\n" + immutable},
		change{name: "is taken over later", patch: "spec: {store: {takeover: abc}}"},
	)
	onUpdate(t, strings.Replace(phoneSystem, "embedded: {}", "postgres: {secretRef: {name: a}}", 1),
		change{name: "moves to embedded", patch: "spec: {store: {postgres: null, embedded: {}}}", refused: immutable},
		change{name: "moves to another Secret", patch: "spec: {store: {postgres: {secretRef: {name: b, key: url}}}}"},
	)
}

func TestDomain(t *testing.T) {
	const (
		notADomain = "spec.domain: must be a domain name in lower case, such as pbx.example.com"
		immutable  = "spec.domain: domain is immutable: it is the realm of every phone's credentials; create a new PhoneSystem instead"
	)
	onCreate(t, phoneSystem,
		change{name: "one label", patch: "spec: {domain: pbx}"},
		change{name: "dashes and digits", patch: "spec: {domain: 1a-b.c-2.example}"},
		change{name: "253 characters", patch: "spec: {domain: " + strings.Repeat("a.", 126) + "a}"},
		change{name: "254 characters", patch: "spec: {domain: " + strings.Repeat("a.", 126) + "aa}", refused: "spec.domain: Too long: may not be more than 253 bytes"},
		change{name: "none", patch: "spec: {domain: null}", refused: "spec.domain: Required value"},
		change{name: "empty", patch: "spec: {domain: ''}", refused: notADomain},
		change{name: "capitals", patch: "spec: {domain: PBX.example.com}", refused: notADomain},
		change{name: "port", patch: "spec: {domain: 'pbx.example.com:5060'}", refused: notADomain},
		change{name: "dot at the end", patch: "spec: {domain: pbx.example.com.}", refused: notADomain},
		change{name: "label begins with a dash", patch: "spec: {domain: pbx.-a.com}", refused: notADomain},
		change{name: "line break at the end", patch: `spec: {domain: "pbx.example.com\n"}`, refused: notADomain},
	)
	onUpdate(t, phoneSystem,
		change{name: "stays", patch: "spec: {domain: pbx.example.com}"},
		change{name: "changes", patch: "spec: {domain: sip.example.com}", refused: immutable},
	)
}

func TestNumbering(t *testing.T) {
	const (
		notE164 = "spec.mainNumber: must be an E.164 number: a plus sign, the country code and at most 15 digits in all, " +
			"without spaces, such as +4930123456"
		notANumber = "spec.emergencyNumbers[0]: must be 1 to 15 digits, such as 1001; put an external number such as +4930123456 into directNumbers"
	)
	onCreate(t, phoneSystem,
		change{name: "boxes for one digit", patch: "spec: {numbering: {voicemailDigits: 1}}"},
		change{name: "boxes for fifteen digits", patch: "spec: {numbering: {voicemailDigits: 15}}"},
		change{
			name: "boxes for no digit", patch: "spec: {numbering: {voicemailDigits: 0}}",
			refused: "spec.numbering.voicemailDigits: spec.numbering.voicemailDigits in body should be greater than or equal to 1",
		},
		change{
			name: "boxes for sixteen digits", patch: "spec: {numbering: {voicemailDigits: 16}}",
			refused: "spec.numbering.voicemailDigits: spec.numbering.voicemailDigits in body should be less than or equal to 15",
		},
		change{name: "main number", patch: `spec: {mainNumber: "+442079460000"}`},
		change{name: "main number within", patch: `spec: {mainNumber: "5000"}`, refused: notE164},
		change{name: "empty main number", patch: `spec: {mainNumber: ""}`, refused: notE164},
		change{name: "one emergency number", patch: `spec: {emergencyNumbers: ["112"]}`},
		change{
			name: "no emergency number", patch: "spec: {emergencyNumbers: []}",
			refused: "spec.emergencyNumbers: spec.emergencyNumbers in body should have at least 1 items",
		},
		change{name: "16 emergency numbers", patch: "spec: {emergencyNumbers: [" + numbered("11", 16) + "]}"},
		change{
			name: "17 emergency numbers", patch: "spec: {emergencyNumbers: [" + numbered("11", 17) + "]}",
			refused: "spec.emergencyNumbers: Too many: 17: must have at most 16 items",
		},
		change{name: "emergency number twice", patch: `spec: {emergencyNumbers: ["112", "112"]}`, refused: `spec.emergencyNumbers[1]: Duplicate value: "112"`},
		change{name: "emergency number with letters", patch: `spec: {emergencyNumbers: ["SOS"]}`, refused: notANumber},
	)
}

func TestTrustedNetworks(t *testing.T) {
	const notANetwork = "spec.trustedNetworks[0]: must be a network in CIDR notation, such as 10.0.0.0/8"
	onCreate(t, phoneSystem,
		change{name: "IPv4", patch: "spec: {trustedNetworks: [10.0.0.0/8]}"},
		change{name: "IPv6", patch: "spec: {trustedNetworks: ['fd00::/8']}"},
		change{name: "none", patch: "spec: {trustedNetworks: []}"},
		change{name: "an address", patch: "spec: {trustedNetworks: [10.0.0.1]}", refused: notANetwork},
		change{name: "prefix too long", patch: "spec: {trustedNetworks: [10.0.0.0/33]}", refused: notANetwork},
		change{name: "IPv4, one address", patch: "spec: {trustedNetworks: [255.249.199.99/32]}"},
		change{name: "IPv4, a part too large", patch: "spec: {trustedNetworks: [10.0.256.0/8]}", refused: notANetwork},
		change{name: "IPv4, five parts", patch: "spec: {trustedNetworks: [10.0.0.0.0/8]}", refused: notANetwork},
		change{name: "IPv6, one address", patch: "spec: {trustedNetworks: ['2001:DB8:0:1:2:3:4:5/128', '::1/128']}"},
		change{name: "IPv6, nine parts", patch: "spec: {trustedNetworks: ['1:2:3:4:5:6:7:8:9/64']}", refused: notANetwork},
		change{name: "IPv6, shortened twice", patch: "spec: {trustedNetworks: ['1::2::3/64']}", refused: notANetwork},
		change{name: "IPv6, prefix too long", patch: "spec: {trustedNetworks: ['fd00::/129']}", refused: notANetwork},
		change{name: "a name", patch: "spec: {trustedNetworks: [office]}", refused: notANetwork},
		change{name: "empty", patch: "spec: {trustedNetworks: ['']}", refused: notANetwork},
		change{
			name: "44 characters", patch: "spec: {trustedNetworks: ['" + strings.Repeat("0", 44) + "']}",
			refused: "spec.trustedNetworks[0]: Too long: may not be more than 43 bytes",
		},
		change{name: "one twice", patch: "spec: {trustedNetworks: [10.0.0.0/8, 10.0.0.0/8]}", refused: `spec.trustedNetworks[1]: Duplicate value: "10.0.0.0/8"`},
		change{name: "64", patch: "spec: {trustedNetworks: [" + networks(64) + "]}"},
		change{name: "65", patch: "spec: {trustedNetworks: [" + networks(65) + "]}", refused: "spec.trustedNetworks: Too many: 65: must have at most 64 items"},
	)
}

func TestPolicies(t *testing.T) {
	onCreate(t, phoneSystem,
		change{name: "business unit", patch: "spec: {deletedBusinessUnit: Former}"},
		change{
			name: "empty business unit", patch: "spec: {deletedBusinessUnit: ''}",
			refused: "spec.deletedBusinessUnit: spec.deletedBusinessUnit in body should be at least 1 chars long",
		},
		change{name: "no spec", patch: "spec: null", refused: "spec: Required value"},
		change{name: "drift is reported", patch: "spec: {driftPolicy: Report}"},
		change{
			name: "drift is ignored", patch: "spec: {driftPolicy: Ignore}",
			refused: `spec.driftPolicy: Unsupported value: "Ignore": supported values: "Correct", "Report"`,
		},
		change{name: "name of 63 characters", patch: nameOf(63)},
		change{name: "name of 64 characters", patch: nameOf(64), refused: "<nil>: metadata.name must be at most 63 characters"},
	)
}
