package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// portals is what the views of the portals show of a user; empty where they do not.
type portals struct {
	Available, Directory, Search, Deleted string
	SignIn, Groups                        []string
}

// portalsOf reads the views by the name that the user signs in with.
func (s *system) portalsOf(username string) portals {
	GinkgoHelper()
	const person = "first_name, last_name, email, department, business_unit"
	return portals{
		Available: s.db.row("SELECT "+person+" FROM available_users WHERE username = $1", username),
		Directory: s.db.row("SELECT "+person+", number FROM directory WHERE username = $1", username),
		Search:    s.db.row("SELECT "+person+", number FROM user_search WHERE username = $1", username),
		Deleted:   s.db.row("SELECT "+person+" FROM deleted_users WHERE username = $1", username),
		SignIn: s.db.rows(`SELECT CASE WHEN allowed THEN 'allowed' ELSE 'refused' END,
			CASE WHEN password_hash = '' THEN 'no password' ELSE 'password' END FROM sign_ins WHERE username = $1`, username),
		Groups: s.db.rows("SELECT group_name, state FROM group_members WHERE username = $1 ORDER BY group_name", username),
	}
}

var _ = onBothStores("The portals' views of a user", func(s *system) {
	const (
		person    = "Ada|Lovelace|ada@example.com|Research|Engines"
		goneUnder = "Ada|Lovelace|ada@example.com|Research|Deleted Users"
	)
	var (
		d      desk
		number string
	)

	// shows says what the views have to show in a state.
	shows := func(state pbxv1.State) {
		GinkgoHelper()
		want := map[pbxv1.State]portals{
			pbxv1.StateActive: {
				Available: person, Directory: person + "|" + number, Search: person + "|" + number,
				SignIn: []string{"allowed|password"}, Groups: []string{"math|Active", "staff|Active"},
			},
			pbxv1.StateDeactivated: {
				Search: person + "|" + number,
				SignIn: []string{"refused|password"}, Groups: []string{"math|Deactivated", "staff|Deactivated"},
			},
			pbxv1.StateDeleted: {
				Deleted: goneUnder,
				SignIn:  []string{"refused|password"}, Groups: []string{"math|Deleted", "staff|Deleted"},
			},
			pbxv1.StatePurged: {SignIn: []string{}, Groups: []string{}},
		}[state]
		Expect(s.portalsOf(d.user.Name)).To(Equal(want), "in state %s", state)
	}

	BeforeEach(func() {
		secret := s.secret(unique("login"), map[string]string{"password": "difference engine"})
		d = s.desk(func(u *pbxv1.UserSpec) {
			u.Email, u.Department, u.BusinessUnit = "ada@example.com", "Research", "Engines"
			u.Groups = []pbxv1.Line{"staff", "math"}
			u.Login.PasswordSecretRef = secretRef(secret.Name)
		})
		number = string(d.extension.Spec.Number)
		create(secret)
		bring(d.objects()...)
	})

	It("follow spec.state through every transition", func() {
		shows(pbxv1.StateActive)
		for _, state := range []pbxv1.State{
			pbxv1.StateDeactivated, pbxv1.StateActive, pbxv1.StateDeactivated,
			pbxv1.StateDeleted, pbxv1.StateDeactivated, pbxv1.StateDeleted, pbxv1.StateActive,
			pbxv1.StateDeleted, pbxv1.StatePurged,
		} {
			moveThrough(d.user, state)
			shows(state)
		}
	})

	It("follow kubectl delete, and a new manifest", func() {
		kubectlDelete(d.user)
		shows(pbxv1.StateDeleted)
		d.user = again(d.user)
		bring(d.user)
		shows(pbxv1.StateActive)
		remove(pbxv1.DeletionPolicyOrphan, d.user)
		shows(pbxv1.StateActive)
		d.user = again(d.user, func(u *pbxv1.User) { u.Spec.DeletionPolicy = pbxv1.DeletionPolicyPurge })
		bring(d.user)
		kubectlDelete(d.user)
		shows(pbxv1.StatePurged)
	})
})
