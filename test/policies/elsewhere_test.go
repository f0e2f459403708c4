package policies_test

import (
	"strings"
	"testing"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

func phoneOf(kind pbxv1.ServiceType) func() *pbxv1.PhoneService {
	return func() *pbxv1.PhoneService {
		phone := localPhone()
		phone.Spec.Type = kind
		phone.Spec.Profile.Label = "Desk"
		phone.Spec.Keys = []pbxv1.Key{{Index: 1, Type: "Line", Value: "1"}, {Index: 2, Type: "BLF", Value: "2"}}
		if kind == pbxv1.ServiceForeign {
			url := pbxv1.URL("https://suite.example.com/7")
			phone.Spec.Foreign = &pbxv1.ForeignService{System: "Suite", URL: &url}
		}
		return phone
	}
}

// edits are changes of what a phone is; ours are those of what we do with it.
func edits() map[string]func(*pbxv1.PhoneService) {
	return map[string]func(*pbxv1.PhoneService){
		"another extension": func(p *pbxv1.PhoneService) { p.Spec.ExtensionRef.Name = "f" },
		"no extension":      func(p *pbxv1.PhoneService) { p.Spec.ExtensionRef = nil },
		"a label":           func(p *pbxv1.PhoneService) { p.Spec.Profile.Label = "Other" },
		"no label":          func(p *pbxv1.PhoneService) { p.Spec.Profile = pbxv1.Profile{} },
		"a model":           func(p *pbxv1.PhoneService) { p.Spec.Device.Model = "X" },
		"a SIP user name":   func(p *pbxv1.PhoneService) { p.Spec.SIP.Username = "x" },
		"a password":        func(p *pbxv1.PhoneService) { p.Spec.SIP.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "x"} },
		"a transport":       func(p *pbxv1.PhoneService) { p.Spec.SIP.Transport = "TLS" },
		"an application":    func(p *pbxv1.PhoneService) { p.Spec.Applications = []pbxv1.Line{"x"} },
		"a key":             func(p *pbxv1.PhoneService) { p.Spec.Keys[1].Value = "3" },
		"an attached service": func(p *pbxv1.PhoneService) {
			p.Spec.Attached = []pbxv1.AttachedService{{System: "x", Name: "y"}}
		},
	}
}

func ours() map[string]func(*pbxv1.PhoneService) {
	return map[string]func(*pbxv1.PhoneService){
		"nothing":          func(*pbxv1.PhoneService) {},
		"suspend":          func(p *pbxv1.PhoneService) { p.Spec.Suspend = true },
		"a deletionPolicy": withPolicy[*pbxv1.PhoneService](pbxv1.DeletionPolicyOrphan),
		"adopt":            func(p *pbxv1.PhoneService) { p.Spec.Adopt = pbxv1.AdoptAlways },
		"a finalizer":      func(p *pbxv1.PhoneService) { p.Finalizers = []string{pbxv1.Finalizer} },
		"a label of ours":  func(p *pbxv1.PhoneService) { p.Labels = map[string]string{"a": "b"} },
	}
}

func TestRemotePhones(t *testing.T) {
	f := setUp(t)
	const elsewhere = "the phone service is Remote, and edited where it lives: only suspend, deletionPolicy, adopt may change here"
	const goes = "a Remote phone service is deleted on the node that owns it"
	all := []attempt[*pbxv1.PhoneService]{
		{name: "deleted", refused: "the phone service is Remote, and deleted on the node that owns it: take it out of"},
		{
			name: "deleted, to be purged", is: withPolicy[*pbxv1.PhoneService](pbxv1.DeletionPolicyPurge),
			refused: "the phone service is Remote, and deleted on the node that owns it: take it out of",
		},
		{name: "let go", is: withPolicy[*pbxv1.PhoneService](pbxv1.DeletionPolicyOrphan)},
		{name: "to Deleted", change: toState[*pbxv1.PhoneService](pbxv1.StateDeleted), refused: goes},
		{name: "to Deactivated", change: toState[*pbxv1.PhoneService](pbxv1.StateDeactivated), refused: elsewhere},
	}
	for name, change := range edits() {
		all = append(all, attempt[*pbxv1.PhoneService]{name: name, change: change, refused: elsewhere})
	}
	for name, change := range ours() {
		all = append(all, attempt[*pbxv1.PhoneService]{name: name, change: change})
	}
	try(t, f, phoneOf(pbxv1.ServiceRemote), all)
}

func TestForeignPhones(t *testing.T) {
	f := setUp(t)
	const elsewhere = "the phone service is Foreign, and edited where it lives (https://suite.example.com/7): " +
		"only suspend, deletionPolicy, adopt, state and foreign may change here"
	all := []attempt[*pbxv1.PhoneService]{
		{name: "deleted"},
		{name: "to Deleted", change: toState[*pbxv1.PhoneService](pbxv1.StateDeleted)},
		{name: "another address", change: func(p *pbxv1.PhoneService) { p.Spec.Foreign.URL = nil }},
		{
			name: "a label, without an address", is: func(p *pbxv1.PhoneService) { p.Spec.Foreign.URL = nil },
			change: edits()["a label"], refused: "is Foreign, and edited where it lives: only",
		},
	}
	for name, change := range edits() {
		all = append(all, attempt[*pbxv1.PhoneService]{name: name, change: change, refused: elsewhere})
	}
	for name, change := range ours() {
		all = append(all, attempt[*pbxv1.PhoneService]{name: name, change: change})
	}
	try(t, f, phoneOf(pbxv1.ServiceForeign), all)
}

func TestLocalPhonesAreEdited(t *testing.T) {
	f := setUp(t)
	var all []attempt[*pbxv1.PhoneService]
	for name, change := range edits() {
		if name != "no extension" {
			all = append(all, attempt[*pbxv1.PhoneService]{name: name, change: change})
		}
	}
	try(t, f, phoneOf(pbxv1.ServiceLocal), all)
}

func withAttached() *pbxv1.PhoneService {
	phone, url := localPhone(), pbxv1.URL("https://crm.example.com/a")
	phone.Spec.Attached = []pbxv1.AttachedService{
		{System: "Suite", Name: "fax-7", ManagedHere: true},
		{System: "Suite", Name: "pager", ManagedHere: true, URL: &url},
		{System: "CRM", Name: "popup", URL: &url},
		{System: "Door", Name: "gate"},
	}
	return phone
}

func TestAttachedServices(t *testing.T) {
	f := setUp(t)
	type phone = *pbxv1.PhoneService
	const (
		disabled  = "with the phone service are disabled: fax-7 of Suite, pager of Suite"
		removed   = "with the phone service are removed: fax-7 of Suite, pager of Suite"
		elsewhere = "to be removed elsewhere: popup of CRM (https://crm.example.com/a), gate of Door"
	)
	deleted, purge := pbxv1.StateDeleted, pbxv1.DeletionPolicyPurge
	try(t, f, withAttached, []attempt[phone]{
		{name: "deleted", warned: []string{disabled, elsewhere}},
		{name: "deleted, to be purged", is: withPolicy[phone](purge), warned: []string{removed, elsewhere}},
		{name: "Deleted, deleted, to be purged", is: inState[phone](deleted, purge), warned: []string{removed, elsewhere}},
		{name: "let go", is: withPolicy[phone](pbxv1.DeletionPolicyOrphan)},
		{name: "Deleted, deleted", is: inState[phone](deleted, pbxv1.DeletionPolicyDelete)},
		{name: "to Deleted", change: toState[phone](deleted), warned: []string{disabled, elsewhere}},
		{name: "to Purged", is: toState[phone](deleted), change: toState[phone](pbxv1.StatePurged), warned: []string{removed, elsewhere}},
		{name: "to Deactivated", change: toState[phone](pbxv1.StateDeactivated)},
		{name: "restored", is: toState[phone](deleted), change: toState[phone](pbxv1.StateActive)},
		{name: "Deleted, and still so", is: toState[phone](deleted), change: func(p phone) { p.Spec.Suspend = true }},
		{
			name: "all managed here", is: func(p phone) { p.Spec.Attached = p.Spec.Attached[:2] }, change: toState[phone](deleted),
			warned: []string{disabled},
		},
		{
			name: "none managed here", is: func(p phone) { p.Spec.Attached = p.Spec.Attached[2:] }, change: toState[phone](deleted),
			warned: []string{elsewhere},
		},
		{name: "none", is: func(p phone) { p.Spec.Attached = nil }, change: toState[phone](deleted)},
		{
			name: "more than fits a message", is: manyAttached, change: toState[phone](deleted),
			warned: []string{"to be removed elsewhere, is what spec.attached lists without managedHere"},
		},
	})
}

func manyAttached(p *pbxv1.PhoneService) {
	p.Spec.Attached = nil
	for _, name := range "abcdefghijklmnop" {
		long := strings.Repeat(string(name), 120)
		url := pbxv1.URL("https://" + strings.Repeat("u", 500))
		p.Spec.Attached = append(p.Spec.Attached, pbxv1.AttachedService{System: pbxv1.Line(long), Name: pbxv1.Line(long), URL: &url})
	}
}
