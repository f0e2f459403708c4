package binary

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// newTenant makes a namespace, whose objects go with the test: the operator of the next test looks at all namespaces.
func newTenant(t *testing.T) *operator.Tenant {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	tenant := operator.NewTenant(t, operator.SQLite)
	t.Cleanup(func() {
		for _, object := range tenant.Objects() {
			if object.GetDeletionTimestamp() == nil {
				tenant.Delete(object)
			}
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
			if err := tenant.Client.Patch(context.Background(), object, patch); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
	return tenant
}

// desks gives people, whose names begin with the prefix, each with a number and a phone. Their numbers begin with first.
func desks(tenant *operator.Tenant, prefix string, first, count int) []client.Object {
	var objects []client.Object
	for i := range count {
		user := fmt.Sprintf("%s-%d", prefix, i)
		line, phone := user+"-line", user+"-phone"
		objects = append(objects,
			tenant.Extension(line, strconv.Itoa(first+i), user), tenant.Phone(phone, line), tenant.User(user, phone))
	}
	return objects
}

// file is the tenant's store.
func file(tenant *operator.Tenant) string {
	return filepath.Join(tenant.DataDir, tenant.Namespace, operator.PhoneSystem+".db")
}

// rows gives the rows of a query, by a connection that is closed again: who is connected keeps files of SQLite open.
func rows(tenant *operator.Tenant, query string) []string {
	db := tenant.SQL()
	defer db.Close()
	return tenant.Rows(db, query)
}

// audited counts the changes that the store tells of; none while there is no store.
func audited(t *testing.T, tenant *operator.Tenant) int {
	t.Helper()
	if info, err := os.Stat(file(tenant)); err != nil || info.Size() == 0 {
		return 0
	}
	if len(rows(tenant, "SELECT 1 FROM sqlite_master WHERE name = 'audit'")) == 0 {
		return 0
	}
	count, err := strconv.Atoi(rows(tenant, "SELECT count(*) FROM audit")[0])
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// awaitAudited waits until the store tells of so many changes.
func awaitAudited(t *testing.T, tenant *operator.Tenant, want int) {
	t.Helper()
	operator.Await(t, limit, fmt.Sprintf("the store tells of %d changes", want), func() string {
		if have := audited(t, tenant); have < want {
			return fmt.Sprintf("it tells of %d", have)
		}
		return ""
	})
}

// whole sees that the file is sound, and what is in it.
func whole(t *testing.T, tenant *operator.Tenant) {
	t.Helper()
	db := tenant.SQL()
	defer db.Close()
	for check, want := range map[string]string{"PRAGMA integrity_check": "ok", "PRAGMA foreign_key_check": ""} {
		if got := strings.Join(tenant.Rows(db, check), "; "); got != want {
			t.Errorf("%s: %s", check, got)
		}
	}
	tenant.Consistent(db)
}

// eachOnce sees that each object has one record, that the audit tells once that it was created, and that the credentials
// of each phone are those of its one Secret.
func eachOnce(t *testing.T, tenant *operator.Tenant, objects []client.Object) {
	t.Helper()
	var want []string
	for _, object := range objects {
		kind := strings.TrimPrefix(fmt.Sprintf("%T", object), "*v1alpha1.")
		want = append(want, fmt.Sprintf("%s|%s|%s", kind, object.GetName(), object.GetUID()))
	}
	slices.Sort(want)
	for what, query := range map[string]string{
		"the records": `SELECT 'Extension', name, uid FROM pbx_extensions UNION ALL SELECT 'PhoneService', name, uid FROM pbx_phones
			UNION ALL SELECT 'User', name, uid FROM pbx_users`,
		"the creations": "SELECT kind, name, uid FROM audit WHERE what = 'created'",
	} {
		got := rows(tenant, query)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", what, diff)
		}
	}
	if diff := cmp.Diff(credentials(t, tenant), rows(tenant, "SELECT sip_username, ha1 FROM pbx_phones ORDER BY 1")); diff != "" {
		t.Errorf("the credentials: -Secrets +store:\n%s", diff)
	}
}

// credentials gives what the Secrets of all phones say, as the store has it.
func credentials(t *testing.T, tenant *operator.Tenant) []string {
	t.Helper()
	var secrets corev1.SecretList
	if err := tenant.Client.List(context.Background(), &secrets, client.InNamespace(tenant.Namespace)); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, secret := range secrets.Items {
		user, domain, password := secret.Data["username"], secret.Data["domain"], secret.Data["password"]
		all = append(all, fmt.Sprintf("%s|%x", user, md5.Sum(fmt.Appendf(nil, "%s:%s:%s", user, domain, password))))
	}
	slices.Sort(all)
	return all
}

// usersOf gives the users among objects.
func usersOf(objects []client.Object) (users []*pbxv1.User) {
	for _, object := range objects {
		if user, ok := object.(*pbxv1.User); ok {
			users = append(users, user)
		}
	}
	return users
}

// setDepartment changes users.
func setDepartment(tenant *operator.Tenant, department string, users ...*pbxv1.User) {
	for _, user := range users {
		operator.Change(tenant, user, func(u *pbxv1.User) { u.Spec.Department = pbxv1.Line(department) })
	}
}

// seeDepartments sees that the store has what the users' specs say.
func seeDepartments(t *testing.T, tenant *operator.Tenant, users []*pbxv1.User) {
	t.Helper()
	var want []string
	for _, user := range users {
		want = append(want, user.Name+"|"+string(user.Spec.Department))
	}
	slices.Sort(want)
	got := rows(tenant, "SELECT name, department FROM pbx_users")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the departments: -want +got:\n%s", diff)
	}
}
