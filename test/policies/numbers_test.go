package policies_test

import (
	"testing"

	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

type ext = *pbxv1.Extension

func (f *fixture) system(t *testing.T, name string, digits int32) {
	t.Helper()
	system := phoneSystem()
	system.Namespace, system.Name, system.Spec.Numbering.VoicemailDigits = f.namespace, name, digits
	NewWithT(t).Expect(f.Create(t.Context(), system)).To(Succeed())
}

func phoneSystem() *pbxv1.PhoneSystem {
	return &pbxv1.PhoneSystem{Spec: pbxv1.PhoneSystemSpec{
		Domain: "acme.example", Store: pbxv1.Store{Embedded: &pbxv1.EmbeddedStore{}},
		Numbering: pbxv1.Numbering{VoicemailDigits: 4},
	}}
}

func boxed(messages int64) func(ext) {
	return func(e ext) { e.Status.Mailbox = &pbxv1.Mailbox{Number: string(e.Spec.Number), Messages: messages} }
}

// kept are the messages of a box that is turned off.
func kept(messages int64) func(ext) {
	return func(e ext) { e.Status.Mailbox = &pbxv1.Mailbox{Messages: messages} }
}

func renumbered(number pbxv1.Number) func(ext) {
	return func(e ext) { e.Spec.Number = number }
}

func enabled(e ext) { e.Spec.Voicemail.Enabled = true }

func TestANumberThatLosesItsBox(t *testing.T) {
	f := setUp(t)
	f.system(t, "default", 4)
	f.system(t, "other", 5)
	const lost = "number 10010 has not the 4 digits that a voicemail box needs: the box of number 1001 is removed"
	inOther := func(e ext) { enabled(e); e.Spec.PhoneSystemRef.Name = "other" }
	try(t, f, line("1001"), []attempt[ext]{
		{name: "with three messages", is: enabled, has: boxed(3), change: renumbered("10010"), warned: []string{lost + ", with its 3 message(s)"}},
		{name: "with none", is: enabled, has: boxed(0), change: renumbered("10010"), warned: []string{lost}},
		{name: "before there is a status", is: enabled, change: renumbered("10010"), warned: []string{lost}},
		{name: "shorter", is: enabled, has: boxed(0), change: renumbered("100"), warned: []string{"number 100 has not the 4 digits"}},
		{name: "with messages of a box that is turned off", has: kept(2), change: renumbered("10010"), warned: []string{lost + ", with its 2 message(s)"}},
		{
			name: "with messages of long ago", is: renumbered("10010"), has: kept(2), change: renumbered("10011"),
			warned: []string{"number 10011 has not the 4 digits that a voicemail box needs: the box of number 10010 is removed, with its 2"},
		},
		{name: "without messages of long ago", is: func(e ext) { enabled(e); e.Spec.Number = "10010" }, change: renumbered("10011")},
		{name: "of the same length", is: enabled, has: boxed(3), change: renumbered("1002")},
		{name: "that has none", change: renumbered("10010")},
		{name: "that gets one", is: func(e ext) { enabled(e); e.Spec.Number = "10010" }, change: renumbered("1001")},
		{name: "that could not have one", is: func(e ext) { enabled(e); e.Spec.Number = "10010" }, change: renumbered("100")},
		{name: "that stays", is: enabled, has: boxed(3), change: func(e ext) { e.Spec.DisplayName = "Lobby" }},
		{name: "of another phone system", is: inOther, change: renumbered("10010")},
		{
			name: "of another phone system, with another length", is: func(e ext) { inOther(e); e.Spec.Number = "10010" }, has: boxed(1),
			change: renumbered("1001"), warned: []string{"number 1001 has not the 5 digits"},
		},
	})
}

func TestPurgingABox(t *testing.T) {
	f := setUp(t)
	const lost = "the purge removes the voicemail box of number 1001 with its 2 message(s), for good"
	deleted, purged := pbxv1.StateDeleted, pbxv1.StatePurged
	try(t, f, line("1001"), []attempt[ext]{
		{name: "to Purged", is: toState[ext](deleted), has: boxed(2), change: toState[ext](purged), warned: []string{lost}},
		{name: "deleted, to be purged", is: withPolicy[ext](pbxv1.DeletionPolicyPurge), has: boxed(2), warned: []string{lost}},
		{name: "to Purged, turned off", is: toState[ext](deleted), has: kept(2), change: toState[ext](purged), warned: []string{lost}},
		{name: "to Purged, empty", is: toState[ext](deleted), has: boxed(0), change: toState[ext](purged)},
		{name: "to Purged, without a box", is: toState[ext](deleted), change: toState[ext](purged)},
		{name: "to Deleted", has: boxed(2), change: toState[ext](deleted)},
		{name: "deleted", has: boxed(2)},
		{name: "purged, deleted", is: inState[ext](purged, pbxv1.DeletionPolicyPurge), has: boxed(2)},
		{name: "purged, and still so", is: toState[ext](purged), has: boxed(2), change: func(e ext) { e.Spec.Suspend = true }},
	})
}

func TestVoicemailDigitsWhileThereAreBoxes(t *testing.T) {
	f := setUp(t)
	type system = *pbxv1.PhoneSystem
	boxes := func(s system) { s.Status.HasMailboxes = true }
	five := func(s system) { s.Spec.Numbering.VoicemailDigits = 5 }
	const stays = "numbering.voicemailDigits stays 4 while extensions have voicemail boxes"
	try(t, f, phoneSystem, []attempt[system]{
		{name: "changes", has: boxes, change: five, refused: stays},
		{name: "changes, without boxes", change: five},
		{name: "stays", has: boxes, change: func(s system) { s.Spec.MainNumber = "+4930123456" }},
	})
}
