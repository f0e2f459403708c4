package pbx

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEmergencyForms: an emergency number is one however it is dialled, and a number that only ends like one is none.
func TestEmergencyForms(t *testing.T) {
	for name, test := range map[string]struct {
		numbering Numbering
		want      string
	}{
		"no country":     {Numbering{}, "112 110 +112 +110"},
		"Germany":        {Numbering{Country: "49", Outside: "0"}, "112 110 +112 +110 0112 0110 +49112 +49110 0049112 0049110"},
		"North America":  {Numbering{Country: "1", Outside: "9"}, "112 110 +112 +110 9112 9110 +1112 +1110 0111112 0111110"},
		"other prefixes": {Numbering{Country: "7", International: "810"}, "112 110 +112 +110 +7112 +7110 8107112 8107110"},
	} {
		t.Run(name, func(t *testing.T) {
			s := System{Numbering: test.numbering, EmergencyNumbers: []string{"112", "110"}}
			var dialled []string
			for _, form := range s.EmergencyForms() {
				dialled = append(dialled, form.Dialled)
				if !strings.HasSuffix(form.Dialled, form.Number) || !s.IsEmergency(form.Dialled) {
					t.Errorf("%s is a form of %s", form.Dialled, form.Number)
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(dialled, " ")); diff != "" {
				t.Errorf("forms (-want +got):\n%s", diff)
			}
			for _, number := range []string{"", "+", "1112", "1120", "+1", "00112112", "49112"} {
				if s.IsEmergency(number) && !strings.Contains(test.want+" ", number+" ") {
					t.Errorf("%q is an emergency number", number)
				}
			}
		})
	}
}

func TestIsEmergencyNumber(t *testing.T) {
	german := System{EmergencyNumbers: []string{"112"}, Numbering: Numbering{Country: "49", Outside: "0"}}
	for number, want := range map[string]bool{
		"112": true, "+112": true, "0112": true, "49112": true, "+49112": true, "0049112": true, "+0049112": true,
		"1112": false, "1121": false, "": false, "+": false, "+44112": false, "911": false,
	} {
		if got := german.IsEmergencyNumber(number); got != want {
			t.Errorf("%q: %v, want %v", number, got, want)
		}
	}
}
