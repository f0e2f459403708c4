package pbx_test

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func TestWhatOthersHoldIsWaitedFor(t *testing.T) {
	n := pbx.Number{
		Number: "1001", DirectNumbers: []string{"+49301", "+49302"}, DisplayName: "Lobby",
		Voicemail: pbx.Voicemail{Enabled: true},
	}
	number := pbx.Claim{Field: pbx.FieldNumber, Value: "1001"}
	direct := pbx.Claim{List: pbx.ListDirectNumbers, Value: "+49301"}
	holder := pbx.Holder{Key: pbx.Key{Kind: pbx.KindExtension, Name: "other"}, State: pbx.Deleted}
	d := extension(n, pbx.Active)

	got := mustPlan(t, d, pbx.Observation{Holders: map[pbx.Claim]pbx.Holder{number: holder, direct: holder}})
	same(t, "plan", got, pbx.Plan{
		Changes: []pbx.Change{
			pbx.Create{State: pbx.Active},
			pbx.Set{Field: pbx.FieldState, To: "Active"},
			pbx.Set{Field: pbx.FieldDisplayName, To: "Lobby"},
			pbx.Set{Field: pbx.FieldVoicemailEnabled, To: "1"},
			pbx.Add{List: pbx.ListDirectNumbers, Item: pbx.Item{Key: "+49302", Value: "2"}},
		},
		Conflicts: []pbx.Conflict{{Claim: number, Holder: holder}, {Claim: direct, Holder: holder}},
	})
	// The desired record is as it was.
	same(t, "desired", d, extension(n, pbx.Active))
}

// What a spec no longer claims goes even while what it claims instead is held by somebody: swaps converge.
func TestTheOldValueGoesWhileTheNewOneIsHeld(t *testing.T) {
	record := recorded(t, extension(pbx.Number{Number: "1001"}, pbx.Active))
	claim := pbx.Claim{Field: pbx.FieldNumber, Value: "1002"}
	holder := pbx.Holder{Key: pbx.Key{Kind: pbx.KindExtension, Name: "other"}, State: pbx.Active}
	got := mustPlan(t, extension(pbx.Number{Number: "1002"}, pbx.Active),
		pbx.Observation{Record: record, Holders: map[pbx.Claim]pbx.Holder{claim: holder}})
	same(t, "plan", got, pbx.Plan{
		Changes:   []pbx.Change{pbx.Set{Field: pbx.FieldNumber, From: "1001"}},
		Conflicts: []pbx.Conflict{{Claim: claim, Holder: holder}},
	})
}

func TestTheValueComesWhenItsHolderLetsGo(t *testing.T) {
	d := extension(pbx.Number{Number: "1001", Voicemail: pbx.Voicemail{Enabled: true}}, pbx.Active)
	claim := pbx.Claim{Field: pbx.FieldNumber, Value: "1001"}
	waiting := mustPlan(t, d, pbx.Observation{Holders: map[pbx.Claim]pbx.Holder{claim: {}}})
	content, prints := (*pbx.Record)(nil).After(waiting.Changes)
	record := &pbx.Record{Key: d.Key, Owner: first, Content: content, Applied: prints.Complete(d.Key.Kind, content)}

	got := mustPlan(t, d, pbx.Observation{Record: record})
	same(t, "plan", got, pbx.Plan{Changes: []pbx.Change{
		pbx.Set{Field: pbx.FieldNumber, To: "1001"}, pbx.Set{Field: pbx.FieldMailbox, To: "1001"},
	}})
}

func TestAgentIDsAreWaitedForOneByOne(t *testing.T) {
	p := person()
	p.AgentIDs = []string{"7001", "7002", "7003"}
	claim := pbx.Claim{List: pbx.ListAgentIDs, Value: "7002"}
	holder := pbx.Holder{Key: pbx.Key{Kind: pbx.KindUser, Name: "eve"}, State: pbx.Active}
	record := recorded(t, user(person(), pbx.Active))
	got := mustPlan(t, user(p, pbx.Active), pbx.Observation{Record: record, Holders: map[pbx.Claim]pbx.Holder{claim: holder}})
	same(t, "plan", got, pbx.Plan{
		Changes:   []pbx.Change{pbx.Add{List: pbx.ListAgentIDs, Item: pbx.Item{Key: "7003"}}},
		Conflicts: []pbx.Conflict{{Claim: claim, Holder: holder}},
	})
}
