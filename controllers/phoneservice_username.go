package controllers

import (
	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// refusedUsername says why a phone may not sign in with the SIP username that its spec gives it: who calls with it would be
// taken for an emergency centre, or for whoever has the number. A username that the phone has stays when its number goes to
// another extension later.
func refusedUsername(d pbx.Desired, o pbx.Observation, system pbx.System) error {
	username := d.Fields[pbx.FieldSIPUsername]
	if pbx.NumberLike(username) == "" {
		return nil
	}
	if system.IsEmergencyNumber(username) {
		return status.New(status.Invalid, pbxv1.ReasonEmergencyNumber,
			"sip.username %s is an emergency number of the phone system: give the phone another one%s", username, kept(o))
	}
	another := o.NumberOfAnother(d)
	if another == "" || fieldOf(o, pbx.FieldSIPUsername) == username {
		return nil
	}
	return status.New(status.Invalid, pbxv1.ReasonUsernameIsNumber,
		"sip.username %s is the number of Extension %q, which the phone does not ring: give the phone another username, "+
			"or the number of its own extension%s", username, another, kept(o))
}

func kept(o pbx.Observation) string {
	if username := fieldOf(o, pbx.FieldSIPUsername); username != "" {
		return "; until then it keeps " + username
	}
	return ""
}
