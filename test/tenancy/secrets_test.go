package tenancy_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

// onPostgres is a phone system of mallory's whose store is where a Secret says.
func (s *scene) onPostgres(name, secret string) *pbxv1.PhoneSystem {
	return &pbxv1.PhoneSystem{ObjectMeta: s.tenant.Meta(name), Spec: pbxv1.PhoneSystemSpec{
		Domain: "mallory.example",
		Store:  pbxv1.Store{Postgres: &pbxv1.PostgresStore{SecretRef: pbxv1.SecretKeyReference{Name: secret}}},
	}}
}

// TestTheSecretsOfOthers names Secrets that only the other tenant has, wherever one can be named.
func TestTheSecretsOfOthers(t *testing.T) {
	s := setUp(t)
	user, extension, phone := s.tenant.User("mallory"), s.tenant.Extension("ext", "1001", ""), s.tenant.Phone("desk", "ext")
	user.Spec.Login.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "login"}
	extension.Spec.Voicemail = pbxv1.Voicemail{Enabled: true, PinSecretRef: &pbxv1.SecretKeyReference{Name: "pin"}}
	phone.Spec.SIP.PasswordSecretRef = &pbxv1.SecretKeyReference{Name: "login"}
	elsewhere := s.onPostgres("elsewhere", "dsn")
	s.create(t, s.tenant.NewPhoneSystem(), user, extension, phone, elsewhere)
	for _, obj := range []client.Object{user, extension, phone, elsewhere} {
		NewWithT(t).Expect(s.answer(t, obj)).To(HavePrefix("False SecretNotFound: "), "%T", obj)
	}
	s.seesNothing(t)
	db := s.tenant.SQL()
	NewWithT(t).Expect(s.tenant.Rows(db, "SELECT username, password_hash FROM sign_ins")).To(ConsistOf("mallory|"))
}

// TestTheFilesOfTheOperator has a DSN name files that the operator could read.
func TestTheFilesOfTheOperator(t *testing.T) {
	s := setUp(t)
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "file")
	g.Expect(os.WriteFile(file, []byte(hidden), 0o600)).To(Succeed())
	s.create(t, s.secret("files", "dsn", hidden))
	system := s.onPostgres("default", "files")
	s.create(t, system)
	for name, dsn := range map[string]string{
		"passfile":     "host=127.0.0.1 user=u dbname=d passfile=" + file,
		"service":      "host=127.0.0.1 user=u dbname=d service=s servicefile=" + file,
		"sslrootcert":  "postgres://u:p@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=" + file,
		"sslkey":       "postgres://u:p@127.0.0.1:1/d?sslmode=require&sslcert=" + file + "&sslkey=" + file,
		"socket":       "host=" + filepath.Dir(file) + " user=u dbname=d",
		"in a host":    "postgres://u:p@" + "%2Fvar%2Frun" + "/d",
		"options":      "postgres://u:p@127.0.0.1:1/d?options=-c%20search_path%3Dx",
		"just a file":  file,
		"a file's URL": "file://" + file,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s.write(t, "files", "dsn", "host=127.0.0.1 port=1 user=u dbname=d")
			g.Eventually(func() string { return s.answer(t, system) }).WithTimeout(limit).Should(HavePrefix("False StoreUnavailable: "))
			s.write(t, "files", "dsn", dsn)
			g.Eventually(func() string { return s.answer(t, system) }).WithTimeout(limit).Should(HavePrefix("False StoreInvalid: "))
			s.seesNothing(t)
		})
	}
}

// TestAStoreStaysInItsDirectory tries to have a store written where another tenant's, or any other file, is.
func TestAStoreStaysInItsDirectory(t *testing.T) {
	s := setUp(t)
	victims := s.files(t, s.victim.Namespace)
	for _, name := range []string{"../" + s.victim.Namespace + "/default", "..", ".", "a/b", "/etc/passwd", `a\b`, "a\x00"} {
		t.Run("refused", func(t *testing.T) {
			system := s.tenant.NewPhoneSystem()
			system.Name = name
			NewWithT(t).Expect(s.mallory.Create(t.Context(), system)).NotTo(Succeed(), "%q", name)
		})
	}
	for _, name := range []string{"default", "default.db", "default.db-wal", s.victim.Namespace, "x..y"} {
		system := s.tenant.NewPhoneSystem()
		system.Name = name
		if err := s.mallory.Create(t.Context(), system); err == nil {
			NewWithT(t).Expect(s.answer(t, system)).To(HavePrefix("True "), "%q", name)
		}
	}
	g := NewWithT(t)
	g.Expect(s.files(t, "")).To(ConsistOf(s.victim.Namespace, s.tenant.Namespace))
	g.Expect(s.files(t, s.victim.Namespace)).To(ConsistOf(victims))
	g.Expect(s.victim.Rows(s.victim.SQL(), "SELECT name FROM pbx_users")).To(ConsistOf("ada"))
}

// files gives what is in a directory of the data directory.
func (s *scene) files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.victim.DataDir, dir))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
