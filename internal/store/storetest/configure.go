package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

const settings = `SELECT domain, main_number, deleted_business_unit, voicemail_digits, emergency_numbers, trusted_networks
	FROM pbx_system`

func testConfigure(t *testing.T, b Backend) {
	f := newFixture(t, b) // configured
	equal(t, "settings", f.value(settings), "acme.example|+49300|Gone|4|112,911|10.0.0.0/8")
	f.unchanged("the same", func() { f.configure(system, false) })
	for name, edit := range map[string]func(*pbx.System){
		"domain":                func(s *pbx.System) { s.Domain = "other.example" },
		"main number":           func(s *pbx.System) { s.MainNumber = "+49301" },
		"deleted business unit": func(s *pbx.System) { s.DeletedBusinessUnit = "Former" },
		"voicemail digits":      func(s *pbx.System) { s.VoicemailDigits = 5 },
		"emergency numbers":     func(s *pbx.System) { s.EmergencyNumbers = nil },
		"trusted networks":      func(s *pbx.System) { s.TrustedNetworks = []string{"10.0.0.0/8", "::1/128"} },
		"country":               func(s *pbx.System) { s.Numbering.Country = "49" },
		"area":                  func(s *pbx.System) { s.Numbering.Area = "30" },
		"outside prefix":        func(s *pbx.System) { s.Numbering.Outside = "0" },
		"international prefix":  func(s *pbx.System) { s.Numbering.International = "000" },
		"national prefix":       func(s *pbx.System) { s.Numbering.National = "8" },
		"callback minutes":      func(s *pbx.System) { s.CallbackMinutes = 90 },
		"time zone":             func(s *pbx.System) { s.TimeZone = "Europe/Berlin" },
	} {
		t.Run(name, func(t *testing.T) {
			f := f.in(t)
			changed := system
			edit(&changed)
			rows := len(f.rows("SELECT * FROM audit WHERE kind = 'PhoneSystem'"))
			f.configure(changed, true)
			f.unchanged("again", func() { f.configure(changed, false) })
			f.configure(system, true)
			equal(t, "audit rows", len(f.rows("SELECT * FROM audit WHERE kind = 'PhoneSystem'")), rows+2)
		})
	}
	t.Run("RepairedWhatSomebodyChanged", func(t *testing.T) {
		f := f.in(t)
		for _, byHand := range []string{"UPDATE pbx_system SET domain = 'evil.example'", "DELETE FROM pbx_system"} {
			f.byHand(byHand)
			f.configure(system, true)
			equal(t, "settings", f.value(settings+" WHERE owner_uid = 'mine'"), "acme.example|+49300|Gone|4|112,911|10.0.0.0/8")
		}
	})
	t.Run("AuditNamesTheSystem", func(t *testing.T) {
		rows := f.in(t).rows("SELECT DISTINCT namespace, name, uid, what FROM audit WHERE kind = 'PhoneSystem'")
		equal(t, "rows", rows, []string{"acme|default|mine|settings"})
	})
	t.Run("NothingIsSaidToHaveChangedIfNothingWas", func(t *testing.T) {
		f := f.in(t)
		old := f.store
		f.store = open(t, f.db, mine)
		other := system
		other.Domain = strings.Repeat("x", 10)
		changed, err := old.Configure(t.Context(), other)
		if changed || !errors.Is(err, store.ErrFenced) {
			t.Errorf("changed = %v, error = %v, want false and store.ErrFenced", changed, err)
		}
	})
}

func (f *fixture) configure(s pbx.System, want bool) {
	f.t.Helper()
	if changed, err := f.store.Configure(f.t.Context(), s); err != nil || changed != want {
		f.t.Errorf("Configure = %v, %v, want %v", changed, err, want)
	}
}
