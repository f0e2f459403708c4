package pbx_test

import (
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// another gives the desired record to another object of the same name.
func another(d pbx.Desired) pbx.Desired {
	d.Owner = second
	return d
}

func renamed(email string) pbx.User {
	p := person()
	p.Email = email
	return p
}

func TestWhoseARecordIs(t *testing.T) {
	phoneOf := func(sip string) pbx.Phone { return pbx.Phone{SIPUsername: sip} }
	tests := map[string]struct {
		have, want pbx.Desired
		taken      bool
	}{
		"user, same email": {user(person(), pbx.Active), another(user(person(), pbx.Deactivated)), true},
		"user, same email in another case": {
			user(person(), pbx.Active), another(user(renamed("ADA@Acme.Example"), pbx.Active)), true,
		},
		"user, another email":         {user(person(), pbx.Active), another(user(renamed("eve@acme.example"), pbx.Active)), false},
		"user, no email in the spec":  {user(person(), pbx.Active), another(user(renamed(""), pbx.Active)), false},
		"user, no email in the store": {user(renamed(""), pbx.Active), another(user(person(), pbx.Active)), false},
		"user, no email anywhere":     {user(renamed(""), pbx.Active), another(user(renamed(""), pbx.Active)), false},
		"extension, same number": {
			extension(pbx.Number{Number: "1001"}, pbx.Deleted), another(extension(pbx.Number{Number: "1001"}, pbx.Active)), true,
		},
		"extension, another number": {
			extension(pbx.Number{Number: "1001"}, pbx.Deleted), another(extension(pbx.Number{Number: "1002"}, pbx.Active)), false,
		},
		"phone, same SIP username": {
			phone(phoneOf("desk"), pbx.Deleted), another(phone(phoneOf("desk"), pbx.Active)), true,
		},
		"phone, another SIP username": {
			phone(phoneOf("desk"), pbx.Active), another(phone(phoneOf("desk2"), pbx.Active)), false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			record := recorded(t, tt.have)
			plan, err := pbx.MakePlan(tt.want, pbx.Observation{Record: record})
			if !tt.taken {
				same(t, "error", err, error(&pbx.OwnedError{
					Key: tt.want.Key, Owner: first, State: record.State(), Identity: pbx.SchemaOf(tt.want.Key.Kind).Identity,
					Unknown: strings.Contains(name, "no email"),
				}))
				same(t, "plan", plan, pbx.Plan{})
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "first step", plan.Changes[0], pbx.Change(pbx.TakeOver{From: first, To: second}))
		})
	}
}

func TestTakingOverWhatIsTheSameIsNoChange(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	same(t, "plan", mustPlan(t, another(user(person(), pbx.Active)), pbx.Observation{Record: record}), pbx.Plan{})
}

func TestAdoptTakesOverWhoeverItWas(t *testing.T) {
	want := another(user(renamed("eve@acme.example"), pbx.Active))
	want.Adopt = true
	got := mustPlan(t, want, pbx.Observation{Record: recorded(t, user(person(), pbx.Active))})
	same(t, "changes", got.Changes, []pbx.Change{
		pbx.TakeOver{From: first, To: second},
		pbx.Set{Field: pbx.FieldEmail, From: "ada@acme.example", To: "eve@acme.example"},
	})
}

// A record of nobody, which somebody inserted by hand, is treated as that of another object.
func TestARecordWithoutOwner(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	record.Owner = pbx.Owner{}
	same(t, "same identity", mustPlan(t, user(person(), pbx.Active), pbx.Observation{Record: record}), pbx.Plan{})
	if _, err := pbx.MakePlan(user(renamed("eve@acme.example"), pbx.Active), pbx.Observation{Record: record}); err == nil {
		t.Error("another identity: no error")
	}
}

func TestReleaseLeavesWhatIsNotItsOwn(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	foreign := another(user(renamed("eve@acme.example"), pbx.Deleted))
	foreign.Release = true
	same(t, "foreign", mustPlan(t, foreign, pbx.Observation{Record: record}), pbx.Plan{})

	own := user(person(), pbx.Deleted)
	own.Release = true
	if plan := mustPlan(t, own, pbx.Observation{Record: record}); len(plan.Changes) == 0 {
		t.Error("its own record is not deleted")
	}
}

func TestPurgeOfAForeignRecord(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	erase := pbx.Plan{Changes: []pbx.Change{pbx.Erase{State: pbx.Active}}}
	tests := map[string]struct {
		email string
		born  bool
		owned bool
	}{
		"created as Purged, nobody named: whatever is left goes": {"", true, false},
		"created as Purged, another person":                      {"eve@acme.example", true, true},
		"nobody named any more":                                  {"", false, true},
		"same person":                                            {"ada@acme.example", false, false},
		"another person":                                         {"eve@acme.example", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := another(user(renamed(tt.email), pbx.Purged))
			d.BornPurged = tt.born
			plan, err := pbx.MakePlan(d, pbx.Observation{Record: record})
			if (err != nil) != tt.owned {
				t.Fatalf("error = %v", err)
			}
			if !tt.owned {
				same(t, "plan", plan, erase)
			}
			d.Release, d.Fields[pbx.FieldEmail] = true, ""
			plan, err = pbx.MakePlan(d, pbx.Observation{Record: record})
			same(t, "error when it goes", err, nil)
			same(t, "plan when it goes", plan, pbx.Plan{})
		})
	}
}

func TestAnOlderGenerationNeverOverwrites(t *testing.T) {
	record := recorded(t, user(person(), pbx.Active))
	record.Owner.Generation = 4
	_, err := pbx.MakePlan(user(person(), pbx.Deleted), pbx.Observation{Record: record})
	same(t, "error", err, error(&pbx.StaleError{Key: record.Key, Have: 3, Seen: 4}))
	_, err = pbx.MakePlan(user(pbx.User{}, pbx.Purged), pbx.Observation{Record: record})
	same(t, "purge", err, error(&pbx.StaleError{Key: record.Key, Have: 3, Seen: 4}))

	record.Owner.Generation = 3
	mustPlan(t, user(person(), pbx.Deleted), pbx.Observation{Record: record})
	// Generations of another object say nothing.
	record.Owner = pbx.Owner{UID: "another", Generation: 99}
	mustPlan(t, user(person(), pbx.Deleted), pbx.Observation{Record: record})
}
