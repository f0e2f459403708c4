package cel

import (
	"strings"
	"testing"
)

const extension = `
apiVersion: pbx-operator.io/v1alpha1
kind: Extension
spec:
  number: "1001"
`

func TestExtensionNumber(t *testing.T) {
	const notANumber = "spec.number: must be 1 to 15 digits, such as 1001; put an external number such as +4930123456 into directNumbers"
	onCreate(t, extension,
		change{name: "one digit", patch: `spec: {number: "0"}`},
		change{name: "fifteen digits", patch: `spec: {number: "012345678901234"}`},
		change{name: "sixteen digits", patch: `spec: {number: "0123456789012345"}`, refused: "spec.number: Too long: may not be more than 15 bytes"},
		change{name: "none", patch: `spec: {number: null}`, refused: missing["Extension"]},
		change{name: "empty", patch: `spec: {number: ""}`, refused: notANumber},
		change{
			name: "not quoted", patch: `spec: {number: 1001}`,
			refused: `spec.number: spec.number in body must be of type string: "integer"`,
		},
		change{name: "letters", patch: `spec: {number: "10a1"}`, refused: notANumber},
		change{name: "external", patch: `spec: {number: "+4930123456"}`, refused: notANumber},
		change{name: "space at the end", patch: `spec: {number: "1001 "}`, refused: notANumber},
		change{name: "line break at the end", patch: `spec: {number: "1001\n"}`, refused: notANumber},
		change{name: "digits of another script", patch: `spec: {number: "١٠٠١"}`, refused: notANumber},
	)
}

func TestDirectNumbers(t *testing.T) {
	const notE164 = "spec.directNumbers[0]: must be an E.164 number: a plus sign, the country code and at most 15 digits in all, " +
		"without spaces, such as +4930123456"
	onCreate(t, extension,
		change{name: "none", patch: `spec: {directNumbers: []}`},
		change{name: "two digits", patch: `spec: {directNumbers: ["+49"]}`},
		change{name: "one digit", patch: `spec: {directNumbers: ["+4"]}`, refused: notE164},
		change{name: "fifteen digits", patch: `spec: {directNumbers: ["+123456789012345"]}`},
		change{
			name: "sixteen digits", patch: `spec: {directNumbers: ["+1234567890123456"]}`,
			refused: "spec.directNumbers[0]: Too long: may not be more than 16 bytes",
		},
		change{name: "no plus sign", patch: `spec: {directNumbers: ["4930123456"]}`, refused: notE164},
		change{name: "zeros for a plus sign", patch: `spec: {directNumbers: ["004930123456"]}`, refused: notE164},
		change{name: "begins with zero", patch: `spec: {directNumbers: ["+04930123456"]}`, refused: notE164},
		change{name: "spaces", patch: `spec: {directNumbers: ["+49 30 123456"]}`, refused: notE164},
		change{name: "line break at the end", patch: `spec: {directNumbers: ["+4930123456\n"]}`, refused: notE164},
		change{name: "empty", patch: `spec: {directNumbers: [""]}`, refused: notE164},
		change{
			name: "one twice", patch: `spec: {directNumbers: ["+4930123456", "+4930123457", "+4930123456"]}`,
			refused: "spec.directNumbers: a direct number is listed twice: remove one",
		},
		change{name: "32", patch: `spec: {directNumbers: [` + numbered("+4930", 32) + `]}`},
		change{
			name: "33", patch: `spec: {directNumbers: [` + numbered("+4930", 33) + `]}`,
			refused: "spec.directNumbers: Too many: 33: must have at most 32 items",
		},
	)
}

func TestExtensionParts(t *testing.T) {
	onCreate(t, extension,
		change{name: "a holder", patch: `spec: {userRef: {name: ada}}`},
		change{name: "a holder without a name", patch: `spec: {userRef: {}}`, refused: "spec.userRef.name: Required value"},
		change{name: "a holder of 63 characters", patch: `spec: {userRef: {name: ` + strings.Repeat("a", 63) + `}}`},
		change{
			name: "a holder of 64 characters", patch: `spec: {userRef: {name: ` + strings.Repeat("a", 64) + `}}`,
			refused: "spec.userRef.name: Too long: may not be more than 63 bytes",
		},
		change{name: "a box", patch: `spec: {voicemail: {enabled: true, pinSecretRef: {name: ada}, email: ada@example.com}}`},
		change{
			name: "a box with a wrong address", patch: `spec: {voicemail: {email: ada}}`,
			refused: "spec.voicemail.email: must be an e-mail address such as ada@example.com",
		},
		change{name: "a PIN in clear", patch: `spec: {voicemail: {pin: "1234"}}`, refused: unknownField("Extension", "spec.voicemail.pin")},
		change{name: "nothing is cleared", patch: `spec: {onRelease: {clear: []}}`},
		change{name: "one thing is cleared", patch: `spec: {onRelease: {clear: [Devices]}}`},
		change{
			name: "one thing is cleared twice", patch: `spec: {onRelease: {clear: [Devices, Devices]}}`,
			refused: `spec.onRelease.clear[1]: Duplicate value: "Devices"`,
		},
		change{
			name: "messages are not cleared", patch: `spec: {onRelease: {clear: [Messages]}}`,
			refused: `spec.onRelease.clear[0]: Unsupported value: "Messages": supported values: "Email", "Password", "VoicemailPIN", "Devices", "Preferences"`,
		},
	)
}
