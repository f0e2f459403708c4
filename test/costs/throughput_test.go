package costs

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// TestThroughput shows how long many new users, each with a phone, take to be Ready. The figure is for reading; the bound
// is the wait's.
func TestThroughput(t *testing.T) {
	t.Parallel()
	const users = 300
	s := newScene(t, operator.SQLite)
	s.Create(s.Extension("line", "1001", ""))
	s.settle()
	s.reset()
	var objects []client.Object
	for i := range users {
		phone := fmt.Sprintf("phone-%d", i)
		objects = append(objects, s.Phone(phone, "line"), s.User(fmt.Sprintf("user-%d", i), phone))
	}
	begun := time.Now()
	s.CreateAll(objects)
	s.Ready(companyLimit)
	took := time.Since(begun)
	s.operator.Settle(t)
	writes, transactions := s.operator.API.Writes(), s.bill().Store
	t.Logf("%d objects created and Ready in %s, %.0f per second; %.2f API writes and %.2f transactions each",
		len(objects), took.Round(time.Millisecond), float64(len(objects))/took.Seconds(),
		float64(len(writes))/float64(len(objects)), float64(sum(transactions))/float64(len(objects)))
	s.atMost(writes)
}

// atMost sees that each user and phone costs no more than a finalizer, a status, and the other one's coming: its object and
// then, if it is looked at in between, its record.
func (s *scene) atMost(writes []string) {
	s.t.Helper()
	for path, writes := range s.operator.API.ByObject() {
		if path != "secrets" && len(writes) > 4 {
			s.t.Errorf("%s: %v", path, writes)
		}
	}
	if len(writes) == 0 {
		s.t.Error("nothing is counted")
	}
}

func sum(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}
