package controllers_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// columnValues are the values that somebody puts into columns which do not take any text.
var columnValues = map[pbx.Field]any{
	pbx.FieldState: "Deactivated", pbx.FieldVoicemailEnabled: 0,
}

// handEdit is a change by hand of an object's record, of which $1 is the id.
type handEdit struct {
	what  string
	query string
	args  []any
}

// repairsEach makes an object for each edit, makes all the edits, and waits until each is repaired and told.
func (s *system) repairsEach(kind string, edits []handEdit) {
	GinkgoHelper()
	objects := s.alike(kind, len(edits))
	before := make([]record, len(edits))
	for i, object := range objects {
		before[i] = s.record(object)
	}
	for i, edit := range edits {
		s.db.exec(edit.query, append([]any{before[i]["id"]}, edit.args...)...)
	}
	for i, edit := range edits {
		Eventually(func() record { return s.record(objects[i]) }).Should(Equal(before[i]), edit.query)
		Eventually(eventsOf(objects[i])).Should(ConsistOf(pbxv1.EventDriftRepaired+
			": somebody changed the record in the store; restored: "+edit.what), edit.query)
	}
}

// columnEdits change each column of a kind that is not its owner's to change.
func columnEdits(kind string) (edits []handEdit) {
	table, _ := tables(kinds[kind].empty)
	for _, field := range pbx.SchemaOf(pbx.Kind(kind)).Fields {
		value, ok := columnValues[field.Field]
		if !ok {
			value = unique("by-hand")
		}
		query := "UPDATE " + table + " SET " + string(field.Field) + " = $2 WHERE id = $1"
		if field.Field == pbx.FieldPrimaryService { // only another of the services may be one
			query = `UPDATE pbx_users SET primary_service = (SELECT service_name FROM pbx_user_services
				WHERE user_id = $1 AND service_name <> primary_service AND service_name <> $2) WHERE id = $1`
		}
		if !field.Data {
			edits = append(edits, handEdit{string(field.Field), query, []any{value}})
		}
	}
	return edits
}

// repairs counts the repaired records of an object's kind.
func repairs(object pbxv1.Record) float64 {
	GinkgoHelper()
	return metric("pbx_operator_drift_total", string(keyOf(object).Kind), "repaired")
}

var _ = onBothStores("What somebody changes in the store", func(s *system) {
	for kind := range kinds {
		It("is repaired in every column of a "+kind+", and an event names it", func() {
			s.repairsEach(kind, columnEdits(kind))
		})
	}

	It("is repaired in every list: rows that were added, removed and changed", func() {
		s.repairsEach("User", []handEdit{
			{"groups", "INSERT INTO pbx_user_groups (user_id, group_name) VALUES ($1, 'intruders')", nil},
			{"groups", "DELETE FROM pbx_user_groups WHERE user_id = $1 AND group_name = 'math'", nil},
			{"groups", "UPDATE pbx_user_groups SET group_name = 'maths' WHERE user_id = $1 AND group_name = 'math'", nil},
			{"agent_ids", "INSERT INTO pbx_user_agent_ids (user_id, agent_id) VALUES ($1, $2)", []any{unique("agent")}},
			{"agent_ids", "DELETE FROM pbx_user_agent_ids WHERE user_id = $1", nil},
			{"services", "INSERT INTO pbx_user_services (user_id, service_name, slot) VALUES ($1, 'intruder', 8)", nil},
			{"services", `DELETE FROM pbx_user_services WHERE user_id = $1
				AND service_name <> (SELECT primary_service FROM pbx_users WHERE id = $1)`, nil},
			{"integrations", "INSERT INTO integrations (user_id, name) VALUES ($1, 'Meet')", nil},
			{"integrations", "DELETE FROM integrations WHERE user_id = $1 AND name = 'Zoom'", nil},
			{"integrations", "UPDATE integrations SET account_id = 'eve' WHERE user_id = $1 AND name = 'Zoom'", nil},
		})
		s.repairsEach("Extension", []handEdit{
			{"direct_numbers", "INSERT INTO pbx_direct_numbers (extension_id, number, position) VALUES ($1, $2, 3)", []any{"+4950" + string(number())}},
			{"direct_numbers", "DELETE FROM pbx_direct_numbers WHERE extension_id = $1 AND position = 1", nil},
			{"direct_numbers", "UPDATE pbx_direct_numbers SET position = 3 - position WHERE extension_id = $1", nil},
		})
	})

	It("is repaired when a row is deleted, and what is keyed by it finds it again", func() {
		for _, of := range kinds {
			object := of.manifest(s)
			bring(object)
			before := s.record(object)
			table, _ := tables(object)
			s.db.exec("DELETE FROM "+table+" WHERE name = $1", object.GetName())
			salted := record{"password_hash": "", "password_applied": "", "pin_applied": ""}
			Eventually(func() record { return s.record(object).content().with(salted) }).Should(
				Equal(before.content().with(salted)))
			tellsOf(object, pbxv1.EventDriftRepaired, "restored: created")
			Eventually(latest(object)).Should(beReady())
		}
	})

	It("is repaired in a Deleted record as well", func() {
		user := s.fullUser()
		bring(user)
		moveThrough(user, pbxv1.StateDeleted)
		before := s.record(user)
		s.db.exec("UPDATE pbx_users SET state = 'Active', role = 'Boss' WHERE name = $1", user.Name)
		Eventually(func() record { return s.record(user) }).Should(Equal(before))
		tellsOf(user, pbxv1.EventDriftRepaired, "restored: state, role")
	})

	It("names all fields at once, and counts", func() {
		user := s.fullUser()
		bring(user)
		before := repairs(user)
		s.db.exec("UPDATE pbx_users SET last_name = 'Byron', department = 'Poetry', login = NULL WHERE name = $1", user.Name)
		tellsOf(user, pbxv1.EventDriftRepaired, "restored: last_name, department, login")
		Expect(repairs(user)).To(Equal(before + 1))
	})
})

var _ = onBothStores("With driftPolicy Report, what somebody changes in the store", func(s *system) {
	var (
		reporting *system
		user      *pbxv1.User
		edited    record
	)
	BeforeEach(func() {
		reporting = s.another().start(func(p *pbxv1.PhoneSystemSpec) { p.DriftPolicy = pbxv1.DriftReport })
		user = reporting.fullUser()
		bring(user)
		reporting.db.exec("UPDATE pbx_users SET last_name = 'Byron' WHERE name = $1", user.Name)
		reporting.db.exec("DELETE FROM pbx_user_groups WHERE user_id = $1", string(user.UID))
		Eventually(latest(user)).Should(beStalled(pbxv1.ReasonDriftReported, "(last_name, groups)", "driftPolicy is Report"))
		edited = reporting.record(user)
	})

	It("is told and left, while a change of the spec is applied", func() {
		tellsOf(user, pbxv1.EventDriftReported, "last_name")
		Expect(edited).To(And(HaveKeyWithValue("last_name", "Byron"), Not(HaveKey("groups"))))
		change(user, func(u *pbxv1.User) { u.Spec.Department = "Poetry" })
		Eventually(func() record { return reporting.record(user).content() }).Should(
			Equal(edited.content().with(record{"department": "Poetry"})))
		Eventually(latest(user)).Should(beStalled(pbxv1.ReasonDriftReported, "last_name, groups"))
		Expect(eventsOf(user)()).NotTo(tell(pbxv1.EventDriftRepaired))
	})

	It("is fine again when it is undone, or the spec says the same", func() {
		for _, group := range user.Spec.Groups {
			reporting.db.exec("INSERT INTO pbx_user_groups (user_id, group_name) VALUES ($1, $2)", string(user.UID), string(group))
		}
		Eventually(latest(user)).Should(beStalled(pbxv1.ReasonDriftReported, "(last_name)"))
		change(user, func(u *pbxv1.User) { u.Spec.LastName = "Byron" })
		Eventually(latest(user)).Should(beReady())
	})

	It("is repaired once driftPolicy is Correct", func() {
		change(reporting.object, func(p *pbxv1.PhoneSystem) { p.Spec.DriftPolicy = pbxv1.DriftCorrect })
		Eventually(latest(user)).Should(beReady())
		Expect(reporting.record(user)).To(And(HaveKeyWithValue("last_name", "Lovelace"), HaveKeyWithValue("groups", "math,staff")))
		tellsOf(user, pbxv1.EventDriftRepaired, "last_name, groups")
	})

	It("is told when a row is gone, and not made again", func() {
		phone := user.Spec.Services[1].Name
		reporting.db.exec("DELETE FROM pbx_phones WHERE name = $1", string(phone))
		gone := reporting.phone(string(phone), "")
		Eventually(latest(gone)).Should(beStalled(pbxv1.ReasonDriftReported, "created"))
		Expect(reporting.record(gone)).To(BeEmpty())
	})
})

var _ = onBothStores("The settings of a phone system in the store", func(s *system) {
	It("are repaired when somebody changes or deletes them", func() {
		other := s.another().start(func(p *pbxv1.PhoneSystemSpec) { p.TrustedNetworks = []string{"10.0.0.0/8"} })
		const columns = `owner_uid, owner_name, domain, main_number, deleted_business_unit, voicemail_digits,
			emergency_numbers, trusted_networks`
		before := other.db.row("SELECT " + columns + " FROM pbx_system")
		Expect(before).To(Equal(string(other.object.UID) + "|" + other.name + "|" + domain +
			"|+49301000|Deleted Users|4|112,911|10.0.0.0/8"))
		for _, by := range []string{
			"UPDATE pbx_system SET domain = 'evil.example.com'", "UPDATE pbx_system SET main_number = '', voicemail_digits = 5",
			"UPDATE pbx_system SET deleted_business_unit = 'x', emergency_numbers = '', trusted_networks = '0.0.0.0/0'",
			"DELETE FROM pbx_system",
		} {
			other.db.exec(by)
			Eventually(other.db.looking("SELECT "+columns+" FROM pbx_system")).Should(Equal([]string{before}), by)
		}
		Eventually(latest(other.object)).Should(beReady())
		Expect(slices.Contains(other.db.rows("SELECT what FROM audit WHERE kind = 'PhoneSystem'"), "settings")).To(BeTrue())
	})
})
