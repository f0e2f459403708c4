package controllers

import (
	"fmt"
	"strconv"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/status"
)

// advise tells of a Local phone what keeps nothing from being ready.
func advise(obj *pbxv1.PhoneService, d pbx.Desired, o pbx.Observation) {
	local := obj.Spec.Type == pbxv1.ServiceLocal
	say := func(condition string, holds bool, reason, message string) {
		status.Advise(&obj.Status.Conditions, obj.Generation, condition, local && holds, reason, message)
	}
	ignored := notHonoured(obj)
	say(pbxv1.ConditionNotHonoured, len(ignored) > 0, "NoEngineDoes",
		"no engine that is shipped honours "+strings.Join(ignored, " and ")+": it is kept for engines of your own")
	say(pbxv1.ConditionCallbackIsShared, o.Facts.CallbackIsShared, "NoDirectNumber",
		"an emergency call of this phone shows the main number, since its extension has no direct number: give the extension one, "+
			"so that the emergency centre calls back this phone alone")
	username, another := d.Fields[pbx.FieldSIPUsername], o.NumberOfAnother(d)
	say(pbxv1.ConditionUsernameIsNumber, another != "" && fieldOf(o, pbx.FieldSIPUsername) == username, "OfAnotherExtension",
		fmt.Sprintf("sip.username %s is the number of Extension %q, which the phone does not ring: who reads it may take one for "+
			"the other; give the phone another username", username, another))
}

// notHonoured lists what of a phone's spec no engine that is shipped does.
func notHonoured(obj *pbxv1.PhoneService) (what []string) {
	var keys []string
	for _, key := range obj.Spec.Keys {
		if key.Type == pbxv1.KeyBLF {
			keys = append(keys, strconv.Itoa(int(key.Index)))
		}
	}
	if len(keys) > 0 {
		what = append(what, "keys of type BLF ("+strings.Join(keys, ", ")+")")
	}
	switch obj.Spec.SIP.Transport {
	case "", pbxv1.TransportUDP, pbxv1.TransportTCP:
	default:
		what = append(what, "sip.transport "+string(obj.Spec.SIP.Transport))
	}
	return what
}

// adviceOfPhones are the conditions that a phone may have beside those of readiness.
var adviceOfPhones = []string{pbxv1.ConditionNotHonoured, pbxv1.ConditionCallbackIsShared, pbxv1.ConditionUsernameIsNumber}

// noAdvice takes them from a phone that was purged.
func noAdvice(obj *pbxv1.PhoneService) {
	for _, condition := range adviceOfPhones {
		apimeta.RemoveStatusCondition(&obj.Status.Conditions, condition)
	}
}
