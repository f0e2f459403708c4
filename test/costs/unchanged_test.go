package costs

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestUnchanged: who is looked at and is as declared costs nothing.
func TestUnchanged(t *testing.T) { onEach(t, testUnchanged) }

// touch is something that has records looked at, and changes nothing that is declared.
type touch struct {
	what    string
	do      func()
	kind    pbx.Kind
	records []string
}

func testUnchanged(t *testing.T, b operator.Backend) {
	c := newCompany(t, b)
	c.Create(&corev1.Secret{ObjectMeta: c.Meta("ada"), StringData: map[string]string{"password": "sesame"}})
	operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) {
		u.Spec.Login.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "ada"}
	})
	c.settle()
	secret := &corev1.Secret{ObjectMeta: c.Meta("ada")}
	generated := &corev1.Secret{ObjectMeta: c.Meta("desk-sip")}
	system := &pbxv1.PhoneSystem{ObjectMeta: c.Meta(operator.PhoneSystem)}
	for _, touch := range []touch{
		{"the users' rows", c.touchRows("pbx_users"), pbx.KindUser, []string{"ada", "bob", "eve"}},
		{"the rows of users' services", c.touchServices, pbx.KindUser, []string{"ada", "bob", "eve"}},
		{"the extensions' rows", c.touchRows("pbx_extensions"), pbx.KindExtension, []string{"line", "spare"}},
		{"the phones' rows", c.touchRows("pbx_phones"), pbx.KindPhoneService, []string{"desk", "mobile", "lobby"}},
		{"a user's label", c.label(c.ada), pbx.KindUser, []string{"ada"}},
		{"a phone's label", c.label(c.desk), pbx.KindPhoneService, []string{"desk"}},
		{"an extension's label", c.label(c.line), pbx.KindExtension, []string{"line"}},
		{"a phone system's label", c.label(system), pbx.KindPhoneSystem, nil},
		{"the label of a given Secret", c.label(secret), pbx.KindUser, []string{"ada"}},
		{"the label of a generated Secret", c.label(generated), pbx.KindPhoneService, []string{"desk"}},
	} {
		c.free(touch)
	}
	c.costs("a change that the neighbours do not show", Bill{
		API: map[string][]string{"users/ada": patchStatus}, Store: map[string]int{"User ada": 1},
	}, func() {
		operator.Change(c.Tenant, c.ada, func(u *pbxv1.User) { u.Spec.FirstName = "Augusta" })
		c.lookedAt("a change of a user", pbx.KindPhoneService, []string{"desk", "lobby"})
	})
}

func (c company) touchRows(table string) func() {
	return func() {
		if c.Exec(c.SQL(), "UPDATE "+table+" SET applied = applied") == 0 {
			c.t.Errorf("no row in %s", table)
		}
	}
}

func (c company) touchServices() { c.Exec(c.SQL(), "UPDATE pbx_user_services SET slot = slot") }

func (c company) label(obj client.Object) func() {
	return func() {
		operator.Change(c.Tenant, obj, func(o client.Object) { o.SetLabels(withLabel(o.GetLabels())) })
	}
}

func withLabel(labels map[string]string) map[string]string {
	all := map[string]string{"example.com/touched": "yes"}
	for key, value := range labels {
		all[key] = value
	}
	return all
}

// free sees that a touch has its records looked at, and that nothing is written anywhere.
func (c company) free(t touch) {
	c.t.Helper()
	db := c.SQL()
	before := c.Dump(db)
	c.costs(t.what, Bill{}, func() {
		t.do()
		c.lookedAt(t.what, t.kind, t.records)
	})
	c.equal(t.what+": the tables", c.Dump(db), before)
}

func (c company) lookedAt(what string, kind pbx.Kind, names []string) {
	c.t.Helper()
	operator.Await(c.t, limit, what+" is noticed", func() string {
		observed := c.operator.Store.Observed()
		for _, name := range names {
			if observed[pbx.Key{Kind: kind, Name: name}] == 0 {
				return name + " has not been looked at"
			}
		}
		return ""
	})
}
