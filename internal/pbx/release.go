package pbx

import (
	"slices"
	"strings"
)

// ReleaseItem is one thing that a reset takes away from the previous holder of an extension.
type ReleaseItem string

// What a reset may take away.
const (
	// ReleaseEmail: the address of the voicemail box.
	ReleaseEmail ReleaseItem = "Email"
	// ReleasePassword: the SIP credentials of the phones that ring the extension.
	ReleasePassword ReleaseItem = "Password"
	// ReleaseVoicemailPIN: the PIN of the box.
	ReleaseVoicemailPIN ReleaseItem = "VoicemailPIN"
	// ReleaseDevices: those phones, but the leaver's primary one.
	ReleaseDevices ReleaseItem = "Devices"
	// ReleasePreferences: the extension's preferences, greetings and recorded name.
	ReleasePreferences ReleaseItem = "Preferences"
)

// Released gives the changes that take a person off an extension who is purged: the reset, if they are its holder, with
// what is personal whatever onRelease says (preferences, greetings and the recorded name), and the address of the box, if it
// is one of their names. Who was written into the store by hand never was the holder: nothing of the one who is gets reset.
func Released(r *Record, user string, names []string) []Change {
	want := r.Clone()
	delete(want.Fields, FieldPIN)
	if want.Fields[FieldHolder] == user {
		want.Fields[FieldHolder] = ""
	}
	var steps []Change
	if !r.HolderByHand() {
		steps, want = release(r.Key.Kind, want, r)
	}
	for i, step := range steps {
		if reset, is := step.(Reset); is && !slices.Contains(reset.Clear, ReleasePreferences) {
			reset.Clear = append(slices.Clone(reset.Clear), ReleasePreferences)
			steps[i] = reset
		}
	}
	email := want.Fields[FieldVoicemailEmail]
	if email != "" && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, email) }) {
		want.Fields[FieldVoicemailEmail], want.Fields[FieldReleasedEmail] = "", fingerprint(email)
	}
	for _, field := range []Field{FieldHolder, FieldVoicemailEmail, FieldReleasedEmail, FieldPIN} {
		if to, managed := want.Fields[field]; managed && to != r.Fields[field] {
			steps = append(steps, Set{Field: field, From: r.Fields[field], To: to})
		}
	}
	return steps
}

// release says what a change of holder takes away, and gives the content without it. What was taken away counts as unset
// until something else is declared, so it is left out from then on as well.
func release(kind Kind, want Content, r *Record) ([]Change, Content) {
	if kind != KindExtension || r == nil {
		return nil, want
	}
	want = want.Clone()
	var steps []Change
	var clear []ReleaseItem
	to, managed := want.Fields[FieldHolder]
	if leaver, leaves := r.leaves(to); leaves && managed {
		clear = releaseItems(want.Fields[FieldOnRelease])
		steps = append(steps, Reset{Leaver: leaver, Number: r.Fields[FieldNumber], Clear: clear})
	}
	if managed && r.HolderByHand() && r.Fields[FieldHolder] == to { // from now on by the spec
		steps = append(steps, Set{Field: FieldHolder, From: to, To: to})
	}
	released := r.Fields[FieldReleasedEmail]
	if email := r.Fields[FieldVoicemailEmail]; email != "" && slices.Contains(clear, ReleaseEmail) {
		released = fingerprint(email)
	}
	if email := want.Fields[FieldVoicemailEmail]; email != "" {
		if fingerprint(email) == released {
			want.Fields[FieldVoicemailEmail] = ""
		} else {
			released = ""
		}
	}
	want.Fields[FieldReleasedEmail] = released
	if _, changed := want.Fields[FieldPIN]; !changed && slices.Contains(clear, ReleaseVoicemailPIN) {
		want.Fields[FieldPIN] = ""
	}
	return steps, want
}

// HolderByHand says that somebody else wrote the holder into the store: they never were one.
func (r *Record) HolderByHand() bool {
	written, known := r.Applied[string(FieldHolder)]
	return known && written != fingerprint(r.Fields[FieldHolder])
}

// leaves says whether another holder, or none, means that one leaves, and who: empty if that is not known, because
// somebody else wrote another holder over theirs.
func (r *Record) leaves(to string) (leaver string, leaves bool) {
	if from := r.Fields[FieldHolder]; !r.HolderByHand() {
		return from, from != "" && from != to
	}
	written := r.Applied[string(FieldHolder)]
	return "", written != fingerprint("") && written != fingerprint(to)
}

func releaseItems(list string) []ReleaseItem {
	if list == "" {
		return nil
	}
	var items []ReleaseItem
	for _, item := range strings.Split(list, ",") {
		items = append(items, ReleaseItem(item))
	}
	return items
}

// losesBox says that the number changes to one that cannot have the voicemail box which the old one had. While it waits
// for a number that another holds, the box waits with it. The messages of one that is turned off are kept with any number.
func (d Desired) losesBox(want Content, o Observation) bool {
	if d.Key.Kind != KindExtension || o.Record == nil {
		return false
	}
	from, to := o.Record.Fields[FieldNumber], want.Fields[FieldNumber]
	enabled := want.Fields[FieldVoicemailEnabled] == flag(true)
	return from != to && to != "" && enabled && len(to) != d.BoxDigits &&
		(o.Record.Fields[FieldMailbox] != "" || o.Facts.Messages > 0 || o.Facts.Greeting)
}

// PasswordReleased says that a SIP password is the one that a reset took away from the previous holder: it counts as
// unset until it is another.
func (r *Record) PasswordReleased(password string) bool {
	return r != nil && password != "" && r.Fields[FieldReleasedPrint] == passwordPrint(password)
}

// passwordPrint recognises a SIP password, whatever the username and the realm are.
func passwordPrint(password string) string { return fingerprint("SIP password " + password) }
