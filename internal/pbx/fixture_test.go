package pbx_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

var (
	first  = pbx.Owner{UID: "first", Generation: 3}
	second = pbx.Owner{UID: "second", Generation: 1}
)

var acme = pbx.System{Domain: "acme.example", VoicemailDigits: 4}

func person() pbx.User {
	return pbx.User{
		FirstName: "Ada", LastName: "Lovelace", Email: "ada@acme.example", Department: "Research", Location: "London",
		BusinessUnit: "Engines", Role: "agent", Login: "ada",
		Groups: []string{"staff", "math"}, AgentIDs: []string{"7001"}, Services: []string{"desk", "mobile"},
		PrimaryService: "desk", Integrations: []pbx.Item{{Key: "zoom", Value: "ada-zoom"}}, OffboardingServices: "Keep",
	}
}

// user is the desired record of a person.
func user(p pbx.User, state pbx.State) pbx.Desired {
	return pbx.Desired{
		Key: pbx.Key{Kind: pbx.KindUser, Name: "ada"}, Owner: first, State: state, Content: p.Content(state),
	}
}

// extension is the desired record of a number.
func extension(n pbx.Number, state pbx.State) pbx.Desired {
	return pbx.Desired{
		Key: pbx.Key{Kind: pbx.KindExtension, Name: "ext"}, Owner: first, State: state, Content: n.Content(state, acme),
	}
}

// phone is the desired record of a phone.
func phone(p pbx.Phone, state pbx.State) pbx.Desired {
	return pbx.Desired{
		Key: pbx.Key{Kind: pbx.KindPhoneService, Name: "desk"}, Owner: first, State: state, Content: p.Content(state, acme),
	}
}

// recorded is the record that the store holds once the desired one was applied to nothing.
func recorded(t *testing.T, d pbx.Desired) *pbx.Record {
	t.Helper()
	plan := mustPlan(t, d, pbx.Observation{})
	content, prints := (*pbx.Record)(nil).After(plan.Changes)
	return &pbx.Record{
		Key: d.Key, Owner: d.Owner, Content: content, Applied: prints.Complete(d.Key.Kind, content),
	}
}

func mustPlan(t *testing.T, d pbx.Desired, o pbx.Observation) pbx.Plan {
	t.Helper()
	plan, err := pbx.MakePlan(d, o)
	if err != nil {
		t.Fatalf("MakePlan: %v", err)
	}
	return plan
}

// same compares, with nil and empty lists and maps being equal.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}
