package pbx

import (
	"slices"
	"strings"
)

// System holds the settings of a phone system that decide about records and calls.
type System struct {
	Domain              string
	MainNumber          string
	DeletedBusinessUnit string
	VoicemailDigits     int
	Numbering           Numbering
	EmergencyNumbers    []string
	// CallbackMinutes is for how long after an emergency call its callback is let through.
	CallbackMinutes int
	TrustedNetworks []string
	// TimeZone is the IANA name of the zone in which days are counted; empty: the one that the store has.
	TimeZone string
}

// Numbering is how numbers are written in the country of the phone system. Country and Area are codes of E.164, without
// prefixes; Outside, International and National are what is dialled before a number.
type Numbering struct {
	Country, Area, Outside, International, National string
}

// WithDefaults fills the prefixes that are the country's.
func (n Numbering) WithDefaults() Numbering {
	international, national := "00", "0"
	if n.Country == "1" {
		international, national = "011", "1"
	}
	if n.International == "" {
		n.International = international
	}
	if n.National == "" {
		n.National = national
	}
	return n
}

// Form is a way to dial an emergency number.
type Form struct{ Dialled, Number string }

// EmergencyForms lists the ways to dial an emergency number: as it is, and after the outside prefix, a plus, or the own
// country's code with a plus or the international prefix.
func (s System) EmergencyForms() []Form {
	n := s.Numbering.WithDefaults()
	prefixes := []string{"", "+"}
	if n.Outside != "" {
		prefixes = append(prefixes, n.Outside)
	}
	if n.Country != "" {
		prefixes = append(prefixes, "+"+n.Country, n.International+n.Country)
	}
	var forms []Form
	for _, prefix := range prefixes {
		for _, number := range s.EmergencyNumbers {
			form := Form{Dialled: prefix + number, Number: number}
			known := slices.ContainsFunc(forms, func(f Form) bool { return f.Dialled == form.Dialled })
			if !known {
				forms = append(forms, form)
			}
		}
	}
	return forms
}

// IsEmergencyNumber says whether a number, with its plus or without, is an emergency number in any form: it is nobody's.
func (s System) IsEmergencyNumber(number string) bool {
	bare := strings.TrimPrefix(number, "+")
	return slices.ContainsFunc(s.EmergencyForms(), func(f Form) bool { return strings.TrimPrefix(f.Dialled, "+") == bare })
}

// IsEmergency says whether who dials this makes an emergency call.
func (s System) IsEmergency(dialled string) bool {
	return slices.ContainsFunc(s.EmergencyForms(), func(f Form) bool { return f.Dialled == dialled })
}
