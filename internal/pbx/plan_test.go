package pbx_test

import (
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

func TestPlanCreates(t *testing.T) {
	got := mustPlan(t, user(pbx.User{FirstName: "Ada", Login: "ada", Groups: []string{"staff"}}, pbx.Deactivated), pbx.Observation{})
	same(t, "plan", got, pbx.Plan{Changes: []pbx.Change{
		pbx.Create{State: pbx.Deactivated},
		pbx.Set{Field: pbx.FieldState, To: "Deactivated"},
		pbx.Set{Field: pbx.FieldFirstName, To: "Ada"},
		pbx.Set{Field: pbx.FieldLogin, To: "ada"},
		pbx.Add{List: pbx.ListGroups, Item: pbx.Item{Key: "staff"}},
	}})
}

func TestPlanOfWhatIsThereIsEmpty(t *testing.T) {
	for name, d := range map[string]pbx.Desired{
		"user, Active":      user(person(), pbx.Active),
		"user, Deactivated": user(person(), pbx.Deactivated),
		"user, Deleted":     user(person(), pbx.Deleted),
		"extension":         extension(pbx.Number{Number: "1001", DirectNumbers: []string{"+49301"}}, pbx.Active),
		"phone":             phone(pbx.Phone{SIPUsername: "desk", Password: "x"}, pbx.Active),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, "plan", mustPlan(t, d, pbx.Observation{Record: recorded(t, d)}), pbx.Plan{})
		})
	}
}

func TestPlanOfEachMove(t *testing.T) {
	set := func(f pbx.Field, from, to string) pbx.Change { return pbx.Set{Field: f, From: from, To: to} }
	zoom := pbx.Item{Key: "zoom", Value: "ada-zoom"}
	agent := pbx.Item{Key: "7001"}
	tests := map[string]struct {
		from, to pbx.State
		want     []pbx.Change
	}{
		"deactivate": {pbx.Active, pbx.Deactivated, []pbx.Change{
			set("state", "Active", "Deactivated"), pbx.Remove{List: pbx.ListIntegrations, Item: zoom},
		}},
		"activate": {pbx.Deactivated, pbx.Active, []pbx.Change{
			set("state", "Deactivated", "Active"), pbx.Add{List: pbx.ListIntegrations, Item: zoom},
		}},
		"delete": {pbx.Active, pbx.Deleted, []pbx.Change{
			set("state", "Active", "Deleted"), set("role", "agent", ""),
			pbx.Remove{List: pbx.ListAgentIDs, Item: agent},
			pbx.Remove{List: pbx.ListIntegrations, Item: zoom},
		}},
		"restore": {pbx.Deleted, pbx.Active, []pbx.Change{
			set("state", "Deleted", "Active"), set("role", "", "agent"),
			pbx.Add{List: pbx.ListAgentIDs, Item: agent},
			pbx.Add{List: pbx.ListIntegrations, Item: zoom},
		}},
		"purge": {pbx.Deleted, pbx.Purged, []pbx.Change{pbx.Erase{State: pbx.Deleted}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := pbx.Observation{Record: recorded(t, user(person(), tt.from))}
			same(t, "plan", mustPlan(t, user(person(), tt.to), o), pbx.Plan{Changes: tt.want})
		})
	}
}

func TestPlanOfListChanges(t *testing.T) {
	have := user(person(), pbx.Active)
	want := person()
	want.Groups = []string{"math", "board"}                                      // staff goes, board comes
	want.Integrations = []pbx.Item{{Key: "zoom", Value: "other"}, {Key: "meet"}} // one account changes
	got := mustPlan(t, user(want, pbx.Active), pbx.Observation{Record: recorded(t, have)})
	same(t, "plan", got.Changes, []pbx.Change{
		pbx.Remove{List: pbx.ListGroups, Item: pbx.Item{Key: "staff"}},
		pbx.Add{List: pbx.ListGroups, Item: pbx.Item{Key: "board"}},
		pbx.Remove{List: pbx.ListIntegrations, Item: pbx.Item{Key: "zoom", Value: "ada-zoom"}},
		pbx.Add{List: pbx.ListIntegrations, Item: pbx.Item{Key: "zoom", Value: "other"}},
		pbx.Add{List: pbx.ListIntegrations, Item: pbx.Item{Key: "meet"}},
	})
}

func TestPlanIgnoresTheOrderOfAList(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	groups := record.Lists[pbx.ListGroups]
	groups[0], groups[1] = groups[1], groups[0]
	same(t, "plan", mustPlan(t, user(person(), pbx.Active), pbx.Observation{Record: record}), pbx.Plan{})
}

// What a spec does not manage is left alone, such as the digests of a phone whose password is not known.
func TestPlanLeavesWhatIsNotManaged(t *testing.T) {
	with, without := pbx.Phone{SIPUsername: "desk", Password: "x"}, pbx.Phone{SIPUsername: "desk"}
	record := recorded(t, phone(with, pbx.Active))
	same(t, "plan", mustPlan(t, phone(without, pbx.Active), pbx.Observation{Record: record}), pbx.Plan{})

	d := user(person(), pbx.Active)
	delete(d.Lists, pbx.ListGroups)
	other := person()
	other.Groups = []string{"somebody", "else"}
	o := pbx.Observation{Record: recorded(t, user(other, pbx.Active))}
	same(t, "plan", mustPlan(t, d, o), pbx.Plan{})

	held := extension(pbx.Number{Number: "2001", Holder: "ada", OnRelease: []string{"VoicemailPIN"}}, pbx.Active)
	o = pbx.Observation{Record: recorded(t, held)}
	delete(held.Fields, pbx.FieldHolder)
	same(t, "plan of an extension whose holder is not managed", mustPlan(t, held, o), pbx.Plan{})
	o.Record.Fields[pbx.FieldHolder] = "somebody else"
	same(t, "plan of an extension whose holder was changed by hand", mustPlan(t, held, o), pbx.Plan{})
}

func TestPlanOfARecordThatIsNotThere(t *testing.T) {
	purged := user(pbx.User{}, pbx.Purged)
	released := user(person(), pbx.Deleted)
	released.Release = true
	same(t, "purged", mustPlan(t, purged, pbx.Observation{}), pbx.Plan{})
	same(t, "purged, removed by hand", mustPlan(t, purged, pbx.Observation{Known: true, Traces: true}),
		pbx.Plan{Changes: []pbx.Change{pbx.Erase{State: pbx.Purged}}})
	same(t, "purged before", mustPlan(t, purged, pbx.Observation{Known: true, Erased: true}), pbx.Plan{})
	same(t, "released", mustPlan(t, released, pbx.Observation{}), pbx.Plan{})
	same(t, "released, removed by hand", mustPlan(t, released, pbx.Observation{Known: true}), pbx.Plan{})

	_, err := pbx.MakePlan(user(person(), pbx.Active), pbx.Observation{Known: true, Erased: true})
	same(t, "made anew after the purge", err, &pbx.ErasedError{Key: pbx.Key{Kind: pbx.KindUser, Name: "ada"}})
}
