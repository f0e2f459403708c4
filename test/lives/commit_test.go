package lives

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// The repository: phones come before users, as kubectl and Flux sort them. Ada is to have a new primary phone, and the old
// one goes in the same commit.
const (
	phones = `
{apiVersion: pbx-operator.io/v1alpha1, kind: Extension, metadata: {name: line, labels: {repository: acme}}, spec: {number: "1001", userRef: {name: ada}}}
---
{apiVersion: pbx-operator.io/v1alpha1, kind: PhoneService, metadata: {name: new, labels: {repository: acme}}, spec: {extensionRef: {name: line}}}
`
	oldPhone = `---
{apiVersion: pbx-operator.io/v1alpha1, kind: PhoneService, metadata: {name: old, labels: {repository: acme}}, spec: {extensionRef: {name: line}}}
`
	oldPhoneDeleted = `---
{apiVersion: pbx-operator.io/v1alpha1, kind: PhoneService, metadata: {name: old, labels: {repository: acme}}, spec: {state: Deleted, extensionRef: {name: line}}}
`
	adaBefore = `
{apiVersion: pbx-operator.io/v1alpha1, kind: User, metadata: {name: ada, labels: {repository: acme}}, spec: {firstName: Ada, lastName: Lovelace, services: [{name: new}, {name: old}], primaryService: old}}
`
	adaAfter = `
{apiVersion: pbx-operator.io/v1alpha1, kind: User, metadata: {name: ada, labels: {repository: acme}}, spec: {firstName: Ada, lastName: Lovelace, services: [{name: new}], primaryService: new}}
`
)

type repository struct {
	*scene
	dir string
}

func newRepository(t *testing.T, b operator.Backend) *repository {
	r := &repository{scene: newScene(t, b), dir: t.TempDir()}
	r.commit(phones+oldPhone, adaBefore)
	return r
}

func (r *repository) commit(phones, users string) {
	r.t.Helper()
	for name, text := range map[string]string{"1-phones.yaml": phones, "2-users.yaml": users} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// sync does what a GitOps tool does: it tries every manifest as a dry run, applies them in order, and prunes what is left.
func (r *repository) sync(with ...string) (string, error) {
	r.t.Helper()
	if output, err := r.kubectl("apply", "-f", r.dir, "--dry-run=server", "--server-side", "--force-conflicts"); err != nil {
		r.t.Fatalf("the dry run: %s", output)
	}
	return r.kubectl(append([]string{"apply", "-f", r.dir}, with...)...)
}

func prune() []string {
	args := []string{"--prune", "--selector=repository=acme"}
	for _, kind := range []string{"User", "Extension", "PhoneService"} {
		args = append(args, "--prune-allowlist=pbx-operator.io/v1alpha1/"+kind)
	}
	return args
}

func (r *repository) synced(with ...string) {
	r.t.Helper()
	if output, err := r.sync(with...); err != nil {
		r.t.Fatal(output)
	}
	r.Ready(limit)
}

// has sees what the store holds, once the operator has nothing left to do.
func (r *repository) has(when string, want ...string) {
	r.t.Helper()
	operator.Await(r.t, limit, when, func() string {
		got := r.Rows(r.SQL(), `SELECT 'phone', name, state FROM pbx_phones
			UNION ALL SELECT 'primary', name, primary_service FROM pbx_users
			UNION ALL SELECT 'service', '', service_name FROM pbx_user_services ORDER BY 1, 2, 3`)
		if !slices.Equal(got, want) {
			return "the store has " + strings.Join(got, ", ")
		}
		return ""
	})
}

var (
	before = []string{"phone|new|Active", "phone|old|Active", "primary|ada|old", "service||new", "service||old"}
	moved  = []string{"phone|new|Active", "phone|old|Active", "primary|ada|new", "service||new"}
	after  = []string{"phone|new|Active", "phone|old|Deleted", "primary|ada|new", "service||new"}
)

// TestCommitThatPrunesTheOldPrimary: what is pruned before the operator has seen the new primary is refused, nothing is
// lost by that, and the next sync ends it.
func TestCommitThatPrunesTheOldPrimary(t *testing.T) { onEach(t, testPrune) }

func testPrune(t *testing.T, b operator.Backend) {
	r := newRepository(t, b)
	running := operator.Start(t, r.Options())
	r.synced()
	r.guarded("old")
	running.Stop() // so that it sees nothing of the first sync before that is over
	r.commit(phones, adaAfter)
	output, err := r.sync(prune()...)
	if err == nil || !strings.Contains(output, "the phone service is the primary of 1 user(s) who have others (ada)") {
		t.Fatalf("the first sync is not refused: %v\n%s", err, output)
	}
	r.has("nothing is lost", before...)
	operator.Start(t, r.Options())
	r.Ready(limit)
	r.has("the user has the new primary", moved...)
	operator.Await(t, limit, "the second sync ends it", func() string {
		if output, err := r.sync(prune()...); err != nil {
			return output
		}
		return ""
	})
	r.Gone(&pbxv1.PhoneService{ObjectMeta: r.Meta("old")})
	r.has("the old phone is deleted", after...)
	r.revert()
}

// TestCommitThatDeletesTheOldPrimary does so by its state, which one sync ends: the operator holds the phone until it sees
// the user.
func TestCommitThatDeletesTheOldPrimary(t *testing.T) { onEach(t, testDelete) }

func testDelete(t *testing.T, b operator.Backend) {
	r := newRepository(t, b)
	operator.Start(t, r.Options())
	r.synced()
	r.guarded("old")
	r.commit(phones+oldPhoneDeleted, adaBefore)
	output, err := r.sync() // half of the commit, to see the phone held
	if err != nil || !strings.Contains(output, "until then nothing is changed") {
		t.Fatalf("%v\n%s", err, output)
	}
	r.Await(limit, "the phone is held", func(obj client.Object, generation int64, ready metav1.Condition) error {
		if obj.GetName() == "old" && (ready.Reason != pbxv1.ReasonPrimaryOfUser || ready.ObservedGeneration != generation) {
			return errors.New(ready.Reason + ": " + ready.Message)
		}
		return nil
	})
	r.has("the phone is held", before...)
	r.commit(phones+oldPhoneDeleted, adaAfter)
	r.synced()
	r.has("the old phone is deleted", after...)
	r.revert()
}

// TestCommitInOneSync: the whole commit at once, without a look in between.
func TestCommitInOneSync(t *testing.T) {
	r := newRepository(t, operator.SQLite)
	operator.Start(t, r.Options())
	r.synced("--server-side")
	r.guarded("old")
	r.commit(phones+oldPhoneDeleted, adaAfter)
	r.synced("--server-side")
	r.has("the old phone is deleted", after...)
}

// revert takes the commit back: the same phone is there again, with the same credentials.
func (r *repository) revert() {
	r.t.Helper()
	db := r.SQL()
	const credentials = "SELECT id, ha1, ha1b FROM pbx_phones WHERE name = 'old'"
	was := r.Rows(db, credentials)
	r.commit(phones+oldPhone, adaBefore)
	r.synced()
	r.has("all is as before", before...)
	if is := r.Rows(db, credentials); len(was) != 1 || !slices.Equal(was, is) {
		r.t.Errorf("the phone is another one: %q, was %q", is, was)
	}
}
