package cel

import (
	"strings"
	"testing"
)

const user = `
apiVersion: pbx-operator.io/v1alpha1
kind: User
spec:
  firstName: Ada
  lastName: Lovelace
`

const (
	needsPrimary   = "spec: a user with services needs exactly one primary: set primaryService to the name of one of the services"
	primaryUnknown = "spec: primaryService must be the name of one of the services: add it to services, or remove primaryService"
	needsNames     = "spec: a user needs a firstName and a lastName, unless state is Purged"
)

func TestUserServices(t *testing.T) {
	rows := []change{
		{name: "none", patch: "spec: {services: []}"},
		{name: "one", patch: "spec: {services: [{name: desk}], primaryService: desk}"},
		{name: "the last as primary", patch: "spec: {services: [{name: desk}, {name: app}], primaryService: app}"},
		{name: "one without a primary", patch: "spec: {services: [{name: desk}]}", refused: needsPrimary},
		{name: "one with an empty primary", patch: `spec: {services: [{name: desk}], primaryService: ""}`, refused: needsPrimary},
		{name: "another as primary", patch: "spec: {services: [{name: desk}], primaryService: app}", refused: primaryUnknown},
		{name: "primary in capitals", patch: "spec: {services: [{name: desk}], primaryService: Desk}", refused: primaryUnknown},
		{name: "primary without services", patch: "spec: {primaryService: desk}", refused: primaryUnknown},
		{name: "primary with an empty list", patch: "spec: {services: [], primaryService: desk}", refused: primaryUnknown},
		{name: "empty primary without services", patch: `spec: {primaryService: ""}`},
		{name: "eight", patch: services("a", "b", "c", "d", "e", "f", "g", "h")},
		{
			name: "nine", patch: services("a", "b", "c", "d", "e", "f", "g", "h", "i"),
			refused: "spec.services: Too many: 9: must have at most 8 items",
		},
		{name: "one twice", patch: services("a", "a"), refused: `spec.services[1]: Duplicate value: {"name":"a"}`},
		{
			name: "name with a line break", patch: `spec: {services: [{name: "a\nb"}], primaryService: "a\nb"}`,
			refused: "spec.services[0].name: must be the name of an object in this namespace: lower-case letters, digits, - and ., such as ada-desk",
		},
	}
	t.Run("create", func(t *testing.T) { onCreate(t, user, rows...) })
	t.Run("update", func(t *testing.T) { onUpdate(t, user, rows...) })
}

// services lists the names, with the first as primary.
func services(names ...string) string {
	return "spec: {services: [{name: " + strings.Join(names, "}, {name: ") + "}], primaryService: " + names[0] + "}"
}

// TestUserGivesPrimaryAway changes users that have services.
func TestUserGivesPrimaryAway(t *testing.T) {
	onUpdate(t, user+"  services: [{name: desk}, {name: app}]\n  primaryService: desk\n",
		change{name: "primary leaves the list", patch: "spec: {services: [{name: app}]}", refused: primaryUnknown},
		change{name: "primary leaves, another is chosen", patch: "spec: {services: [{name: app}], primaryService: app}"},
		change{name: "primary is removed", patch: "spec: {primaryService: null}", refused: needsPrimary},
		change{name: "all are removed", patch: "spec: {services: null}", refused: primaryUnknown},
		change{name: "all are removed with the primary", patch: "spec: {services: null, primaryService: null}"},
		change{name: "another leaves the list", patch: "spec: {services: [{name: desk}]}"},
	)
}

func TestUserNames(t *testing.T) {
	rows := []change{
		{name: "one letter each", patch: "spec: {firstName: A, lastName: B}"},
		{name: "no first name", patch: "spec: {firstName: null}", refused: needsNames},
		{name: "no last name", patch: "spec: {lastName: null}", refused: needsNames},
		{name: "empty first name", patch: `spec: {firstName: ""}`, refused: needsNames},
		{name: "first name of spaces", patch: `spec: {firstName: "  "}`, refused: needsNames},
		{name: "last name of spaces", patch: `spec: {lastName: "\u3000"}`, refused: needsNames},
		{name: "empty last name", patch: `spec: {lastName: ""}`, refused: needsNames},
	}
	t.Run("create", func(t *testing.T) { onCreate(t, user, rows...) })
	t.Run("update", func(t *testing.T) { onUpdate(t, user, rows...) })
	t.Run("purge", func(t *testing.T) {
		onUpdate(t, user+"  state: Deleted\n  email: ada@example.com\n",
			change{name: "empties the personal fields", patch: `spec: {state: Purged, firstName: "", lastName: "", email: ""}`},
			change{name: "removes the personal fields", patch: "spec: {state: Purged, firstName: null, lastName: null, email: null}"},
			change{name: "not before it is Purged", patch: "spec: {firstName: null}", refused: needsNames},
		)
	})
	t.Run("purged", func(t *testing.T) {
		onUpdate(t, user+"  state: Purged\n",
			change{name: "empties the personal fields later", patch: `spec: {firstName: "", lastName: null}`},
			change{name: "may keep them", patch: "spec: {department: Sales}"},
		)
	})
}

func TestUserEmail(t *testing.T) {
	const notAnAddress = "spec.email: must be an e-mail address such as ada@example.com"
	onCreate(t, user,
		change{name: "none", patch: "spec: {email: null}"},
		change{name: "empty", patch: `spec: {email: ""}`},
		change{name: "plain", patch: "spec: {email: ada@example.com}"},
		change{name: "apostrophe and plus", patch: `spec: {email: "o'brien+pbx@example.com"}`},
		change{name: "other script", patch: "spec: {email: אדה@דוגמה.example}"},
		change{name: "capitals", patch: "spec: {email: Ada@Example.COM}"},
		change{name: "254 characters", patch: "spec: {email: " + strings.Repeat("a", 242) + "@example.com}"},
		change{
			name: "255 characters", patch: "spec: {email: " + strings.Repeat("a", 243) + "@example.com}",
			refused: "spec.email: Too long: may not be more than 254 bytes",
		},
		change{name: "no at sign", patch: "spec: {email: ada.example.com}", refused: notAnAddress},
		change{name: "two at signs", patch: "spec: {email: ada@example@com}", refused: notAnAddress},
		change{name: "nothing before", patch: `spec: {email: "@example.com"}`, refused: notAnAddress},
		change{name: "nothing behind", patch: `spec: {email: "ada@"}`, refused: notAnAddress},
		change{name: "with a name", patch: `spec: {email: "Ada <ada@example.com>"}`, refused: notAnAddress},
		change{name: "space", patch: `spec: {email: "ada @example.com"}`, refused: notAnAddress},
		change{name: "line break at the end", patch: `spec: {email: "ada@example.com\n"}`, refused: notAnAddress},
		change{name: "no-break space at the end", patch: `spec: {email: "ada@example.com\u00a0"}`, refused: notAnAddress},
		change{name: "NUL", patch: `spec: {email: "ada\0@example.com"}`, refused: notAnAddress},
	)
}

func TestUserLogin(t *testing.T) {
	const (
		notALogin  = "spec.login.username: must be letters, digits and . _ @ + -, beginning with a letter or digit"
		notASecret = "spec.login.passwordSecretRef.name: must be the name of a Secret in this namespace: " +
			"lower-case letters, digits, - and ., such as ada-login"
	)
	onCreate(t, user,
		change{name: "empty", patch: `spec: {login: {username: ""}}`},
		change{name: "an e-mail address", patch: "spec: {login: {username: Ada.L_1+x-y@example.com}}"},
		change{name: "64 characters", patch: "spec: {login: {username: " + strings.Repeat("a", 64) + "}}"},
		change{
			name: "65 characters", patch: "spec: {login: {username: " + strings.Repeat("a", 65) + "}}",
			refused: "spec.login.username: Too long: may not be more than 64 bytes",
		},
		change{name: "begins with a dot", patch: "spec: {login: {username: .ada}}", refused: notALogin},
		change{name: "space", patch: "spec: {login: {username: ada l}}", refused: notALogin},
		change{name: "other script", patch: "spec: {login: {username: адa}}", refused: notALogin},
		change{name: "password by reference", patch: "spec: {login: {passwordSecretRef: {name: ada, key: tls.Key_1-a}}}"},
		change{
			name: "Secret without a name", patch: "spec: {login: {passwordSecretRef: {key: a}}}",
			refused: "spec.login.passwordSecretRef.name: Required value",
		},
		change{name: "Secret with an empty name", patch: `spec: {login: {passwordSecretRef: {name: ""}}}`, refused: notASecret},
		change{name: "Secret that cannot exist", patch: "spec: {login: {passwordSecretRef: {name: Ada_1}}}", refused: notASecret},
		change{
			name: "key that cannot exist", patch: "spec: {login: {passwordSecretRef: {name: ada, key: a/b}}}",
			refused: "spec.login.passwordSecretRef.key: must be a key of a Secret: letters, digits and - . _",
		},
		change{name: "a password in clear", patch: "spec: {login: {password: secret}}", refused: unknownField("User", "spec.login.password")},
	)
}

func TestUserLists(t *testing.T) {
	onCreate(t, user,
		change{name: "64 groups", patch: "spec: {groups: [" + numbered("g", 64) + "]}"},
		change{name: "65 groups", patch: "spec: {groups: [" + numbered("g", 65) + "]}", refused: "spec.groups: Too many: 65: must have at most 64 items"},
		change{name: "empty group", patch: `spec: {groups: [""]}`, refused: "spec.groups[0]: spec.groups[0] in body should be at least 1 chars long"},
		change{name: "group twice", patch: "spec: {groups: [a, a]}", refused: `spec.groups[1]: Duplicate value: "a"`},
		change{name: "16 agent IDs", patch: "spec: {agentIDs: [" + numbered("a", 16) + "]}"},
		change{name: "17 agent IDs", patch: "spec: {agentIDs: [" + numbered("a", 17) + "]}", refused: "spec.agentIDs: Too many: 17: must have at most 16 items"},
		change{name: "agent ID twice", patch: "spec: {agentIDs: [a, a]}", refused: `spec.agentIDs[1]: Duplicate value: "a"`},
		change{name: "agent ID of 32 characters", patch: "spec: {agentIDs: [" + strings.Repeat("a", 32) + "]}"},
		change{
			name: "agent ID of 33 characters", patch: "spec: {agentIDs: [" + strings.Repeat("a", 33) + "]}",
			refused: "spec.agentIDs[0]: Too long: may not be more than 32 bytes",
		},
		change{name: "agent ID with a space", patch: "spec: {agentIDs: [a b]}", refused: "spec.agentIDs[0]: must be letters, digits and . _ -"},
		change{name: "empty agent ID", patch: `spec: {agentIDs: [""]}`, refused: "spec.agentIDs[0]: must be letters, digits and . _ -"},
		change{name: "16 integrations", patch: "spec: {integrations: [{name: " + strings.ReplaceAll(numbered("i", 16), ", ", "}, {name: ") + "}]}"},
		change{
			name: "17 integrations", patch: "spec: {integrations: [{name: " + strings.ReplaceAll(numbered("i", 17), ", ", "}, {name: ") + "}]}",
			refused: "spec.integrations: Too many: 17: must have at most 16 items",
		},
		change{
			name: "integration twice", patch: "spec: {integrations: [{name: Zoom}, {name: Zoom, accountID: a}]}",
			refused: `spec.integrations[1]: Duplicate value: {"name":"Zoom"}`,
		},
		change{name: "integration without a name", patch: "spec: {integrations: [{accountID: a}]}", refused: "spec.integrations[0].name: Required value"},
		change{
			name: "integration with an empty name", patch: "spec: {integrations: [{name: ''}]}",
			refused: "spec.integrations[0].name: spec.integrations[0].name in body should be at least 1 chars long",
		},
		change{name: "offboarding Delete", patch: "spec: {offboarding: {services: Delete}}"},
		change{
			name: "unknown offboarding", patch: "spec: {offboarding: {services: Purge}}",
			refused: `spec.offboarding.services: Unsupported value: "Purge": supported values: "Keep", "Delete"`,
		},
	)
}
