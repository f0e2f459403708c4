package pbx_test

import (
	"slices"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// edited is the record of the person, as somebody has changed it by hand.
func edited(t *testing.T, edit func(*pbx.Record)) *pbx.Record {
	t.Helper()
	record := recorded(t, user(person(), pbx.Active))
	edit(record)
	return record
}

func TestDriftIsWhatSomebodyElseChanged(t *testing.T) {
	byHand := func(r *pbx.Record) { r.Fields[pbx.FieldDepartment] = "Sales" }
	tests := map[string]struct {
		edit  func(*pbx.Record)
		spec  func(*pbx.User)
		drift []string
		steps int
	}{
		"nothing": {},
		"a field by hand": {
			edit: byHand, drift: []string{"department"}, steps: 1,
		},
		"a field by the spec": {
			spec: func(u *pbx.User) { u.Department = "Sales" }, steps: 1,
		},
		"a field by hand, to what the spec now says": {
			edit: byHand, spec: func(u *pbx.User) { u.Department = "Sales" },
		},
		"a field by hand and by the spec": {
			edit: byHand, spec: func(u *pbx.User) { u.Department = "Support" }, steps: 1,
		},
		"one by hand, another by the spec": {
			edit: byHand, spec: func(u *pbx.User) { u.Location = "Paris" }, drift: []string{"department"}, steps: 2,
		},
		"the state by hand": {
			edit: func(r *pbx.Record) { r.Fields[pbx.FieldState] = "Deleted" }, drift: []string{"state"}, steps: 1,
		},
		"a value emptied by hand": {
			edit: func(r *pbx.Record) { r.Fields[pbx.FieldLogin] = "" }, drift: []string{"login"}, steps: 1,
		},
		"an item removed by hand": {
			edit:  func(r *pbx.Record) { r.Lists[pbx.ListGroups] = r.Lists[pbx.ListGroups][:1] },
			drift: []string{"groups"}, steps: 1,
		},
		"two items added by hand are one drift": {
			edit: func(r *pbx.Record) {
				r.Lists[pbx.ListGroups] = append(r.Lists[pbx.ListGroups], pbx.Item{Key: "a"}, pbx.Item{Key: "b"})
			},
			drift: []string{"groups"}, steps: 2,
		},
		"an item's value by hand": {
			edit:  func(r *pbx.Record) { r.Lists[pbx.ListIntegrations][0].Value = "eve-zoom" },
			drift: []string{"integrations"}, steps: 2,
		},
		"a list by the spec": {
			spec: func(u *pbx.User) { u.Groups = nil }, steps: 2,
		},
		"the fingerprints by hand": {
			edit: func(r *pbx.Record) { byHand(r); r.Applied = nil }, steps: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			spec := person()
			if tt.spec != nil {
				tt.spec(&spec)
			}
			record := edited(t, func(r *pbx.Record) {
				if tt.edit != nil {
					tt.edit(r)
				}
			})
			plan := mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: record})
			same(t, "drift", plan.Drift(), tt.drift)
			if len(plan.Changes) != tt.steps {
				t.Errorf("%d steps, want %d: %+v", len(plan.Changes), tt.steps, plan.Changes)
			}
		})
	}
}

// A password or a PIN that its owner changed by phone or portal is data.
func TestDataIsNoDrift(t *testing.T) {
	d := user(person(), pbx.Active)
	d.Fields[pbx.FieldPasswordHash] = "given"
	record := recorded(t, d)
	record.Fields[pbx.FieldPasswordHash] = "changed in the portal"
	plan := mustPlan(t, d, pbx.Observation{Record: record})
	if len(plan.Changes) != 1 || len(plan.Drift()) != 0 {
		t.Errorf("plan = %+v, want one step that is no drift", plan)
	}
}

func TestARecordRemovedByHandIsDrift(t *testing.T) {
	plan := mustPlan(t, user(person(), pbx.Active), pbx.Observation{Known: true})
	same(t, "first step", plan.Changes[0], pbx.Change(pbx.Create{State: pbx.Active, Drift: true}))
	same(t, "drift", plan.Drift(), []string{"created"})
	same(t, "without drift", plan.WithoutDrift(), pbx.Plan{})
}

func TestWithoutDriftKeepsTheRest(t *testing.T) {
	record := edited(t, func(r *pbx.Record) {
		r.Fields[pbx.FieldDepartment] = "Sales"
		r.Lists[pbx.ListGroups] = nil
	})
	spec := person()
	spec.Location = "Paris"
	holders := map[pbx.Claim]pbx.Holder{{Field: pbx.FieldLogin, Value: "ada"}: {State: pbx.Active}}
	plan := mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: record, Holders: holders})
	same(t, "without drift", plan.WithoutDrift(), pbx.Plan{
		Changes:   []pbx.Change{pbx.Set{Field: pbx.FieldLocation, From: "London", To: "Paris"}, pbx.Set{Field: pbx.FieldLogin, From: "ada"}},
		Conflicts: plan.Conflicts,
	})
}

// Half of a change of services would be refused by the store.
func TestWithoutDriftKeepsServicesTogether(t *testing.T) {
	tests := map[string]struct {
		edit func(*pbx.Record)
		spec func(*pbx.User)
		want []pbx.Change
	}{
		"the primary by hand, the services by the spec": {
			func(r *pbx.Record) { r.Fields[pbx.FieldPrimaryService] = "mobile" },
			func(u *pbx.User) { u.Services = []string{"desk"} },
			[]pbx.Change{
				pbx.Set{Field: pbx.FieldPrimaryService, From: "mobile", To: "desk", Drift: true},
				pbx.Remove{List: pbx.ListServices, Item: pbx.Item{Key: "mobile"}},
			},
		},
		"the services by hand, the primary by the spec": {
			func(r *pbx.Record) { r.Lists[pbx.ListServices] = []pbx.Item{{Key: "desk"}} },
			func(u *pbx.User) { u.PrimaryService = "mobile" },
			[]pbx.Change{
				pbx.Set{Field: pbx.FieldPrimaryService, From: "desk", To: "mobile"},
				pbx.Add{List: pbx.ListServices, Item: pbx.Item{Key: "mobile"}, Drift: true},
			},
		},
		"both by hand": {
			func(r *pbx.Record) {
				r.Fields[pbx.FieldPrimaryService] = "mobile"
				r.Lists[pbx.ListServices] = []pbx.Item{{Key: "mobile"}}
			},
			func(*pbx.User) {},
			nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			spec := person()
			tt.spec(&spec)
			plan := mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: edited(t, tt.edit)})
			same(t, "without drift", plan.WithoutDrift().Changes, tt.want)
		})
	}
}

// A repair leaves the record as one that nobody has touched: the next change by hand is drift again.
func TestFingerprintsAfterARepair(t *testing.T) {
	record := edited(t, func(r *pbx.Record) {
		r.Fields[pbx.FieldDepartment] = "Sales"
		r.Lists[pbx.ListGroups] = nil
	})
	d := user(person(), pbx.Active)
	for range 2 {
		plan := mustPlan(t, d, pbx.Observation{Record: record})
		same(t, "drift", plan.Drift(), []string{"department", "groups"})
		content, prints := record.After(plan.Changes)
		same(t, "prints", prints, record.Applied)
		repaired := &pbx.Record{Key: record.Key, Owner: record.Owner, Content: content, Applied: prints}
		same(t, "second plan", mustPlan(t, d, pbx.Observation{Record: repaired}), pbx.Plan{})
	}
}

// The store gives lists in an order of its own, and the operator may have written them from there.
func TestDriftOfAListInAnyOrder(t *testing.T) {
	record := edited(t, func(r *pbx.Record) { slices.Reverse(r.Lists[pbx.ListGroups]) })
	spec := person()
	spec.Groups = append(spec.Groups, "board")
	content, prints := record.After(mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: record}).Changes)
	now := &pbx.Record{Key: record.Key, Owner: record.Owner, Content: content, Applied: prints}
	now.Lists[pbx.ListGroups] = now.Lists[pbx.ListGroups][1:]
	same(t, "drift", mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: now}).Drift(), []string{"groups"})
}

// After makes a new value: what was observed stays as it was.
func TestAfterLeavesTheRecordAlone(t *testing.T) {
	record, untouched := recorded(t, user(person(), pbx.Active)), recorded(t, user(person(), pbx.Active))
	spec := person()
	spec.Groups, spec.Department = []string{"board"}, "Sales"
	record.After(mustPlan(t, user(spec, pbx.Active), pbx.Observation{Record: record}).Changes)
	same(t, "record", record, untouched)
}

// The values themselves cannot be read from the fingerprints.
func TestFingerprintsTellNoValues(t *testing.T) {
	for name, print := range recorded(t, user(person(), pbx.Active)).Applied {
		if len(print) != 8 {
			t.Errorf("%s: %q is not eight digits", name, print)
		}
	}
}
