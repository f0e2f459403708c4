package pbx_test

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func TestClaims(t *testing.T) {
	tests := map[string]struct {
		desired pbx.Desired
		want    []pbx.Claim
	}{
		"user": {
			user(person(), pbx.Active),
			[]pbx.Claim{{Field: pbx.FieldLogin, Value: "ada"}, {List: pbx.ListAgentIDs, Value: "7001"}},
		},
		"a deleted user keeps the login and lets the agent IDs go": {
			user(person(), pbx.Deleted), []pbx.Claim{{Field: pbx.FieldLogin, Value: "ada"}},
		},
		"a deleted extension keeps its numbers": {
			extension(pbx.Number{Number: "1001", DirectNumbers: []string{"+4930111"}}, pbx.Deleted),
			[]pbx.Claim{{Field: pbx.FieldNumber, Value: "1001"}, {List: pbx.ListDirectNumbers, Value: "+4930111"}},
		},
		"phone": {
			phone(pbx.Phone{SIPUsername: "desk", MAC: "00:1A:2B:3C:4D:5E"}, pbx.Active),
			[]pbx.Claim{{Field: pbx.FieldMAC, Value: "001a2b3c4d5e"}, {Field: pbx.FieldSIPUsername, Value: "desk"}},
		},
		"an empty value claims nothing": {phone(pbx.Phone{}, pbx.Active), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { same(t, "claims", tt.desired.Claims(), tt.want) })
	}
}

func TestClaimIsNamedByItsColumn(t *testing.T) {
	for claim, want := range map[pbx.Claim]string{
		{Field: pbx.FieldNumber, Value: "1001"}:   "number",
		{List: pbx.ListAgentIDs, Value: "7001"}:   "agent_ids",
		{Field: pbx.FieldSIPUsername, Value: "x"}: "sip_username",
	} {
		if got := claim.What(); got != want {
			t.Errorf("What() = %q, want %q", got, want)
		}
	}
}

// What the audit and events must not show.
func TestSecretFields(t *testing.T) {
	secret := map[pbx.Field]bool{
		pbx.FieldPasswordHash: true, pbx.FieldPasswordApplied: true, pbx.FieldPasswordSecret: true, pbx.FieldPIN: true,
		pbx.FieldPINApplied: true, pbx.FieldPINSecret: true, pbx.FieldHA1: true, pbx.FieldHA1B: true,
		pbx.FieldReleasedEmail: true, pbx.FieldPasswordPrint: true, pbx.FieldReleasedPrint: true,
	}
	for _, kind := range []pbx.Kind{pbx.KindUser, pbx.KindExtension, pbx.KindPhoneService} {
		for _, f := range pbx.SchemaOf(kind).Fields {
			if f.Secret != secret[f.Field] {
				t.Errorf("%s, %s: Secret is %v", kind, f.Field, f.Secret)
			}
		}
	}
}
