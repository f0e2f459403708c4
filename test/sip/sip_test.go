package sip

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestCalls lives the life of phones on both kinds of stores. The scenarios share one phone system, and each has people
// of its own.
func TestCalls(t *testing.T) {
	for _, backend := range operator.Backends {
		t.Run(string(backend), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			for _, scenario := range []struct {
				name string
				run  func(*world)
			}{
				{"Register", register},
				{"Call", call},
				{"NobodyAnswers", nobodyAnswers},
				{"SeveralPhones", severalPhones},
				{"Deactivated", deactivated},
				{"SharedPhone", sharedPhone},
				{"DeletedAndRestored", deletedAndRestored},
				{"Recycled", recycled},
				{"Purged", purged},
				{"Rotated", rotated},
				{"OngoingCall", ongoingCall},
				{"Outside", outside},
				{"Registered", registered},
				{"EmergencyForms", emergencyForms},
				{"EmergencyURI", emergencyURI},
				{"ClaimedCaller", claimedCaller},
				{"CalledBack", calledBack},
				{"MainNumberCalledBack", mainNumberCalledBack},
				{"StrangersDialog", strangersDialog},
				{"OwnDialog", ownDialog},
				{"Contact", contactIsNoDestination},
				{"Replay", replayed},
				{"Guessing", guessing},
				{"Identity", identity},
				{"Numbers", numbers},
				{"Case", letterCase},
				{"Untrusted", untrusted},
			} {
				t.Run(scenario.name, func(t *testing.T) { scenario.run(w.in(t)) })
			}
		})
	}
}
