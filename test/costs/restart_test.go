package costs

import (
	"strconv"
	"strings"

	"github.com/pbx-operator/pbx-operator/test/operator"
)

// freeRestart sees that another operator over the same objects looks at all of them, and writes nothing but its epoch.
func (s *scene) freeRestart() {
	s.t.Helper()
	s.operator.Stop()
	db := s.SQL()
	objects, tables, epoch := s.Manifests(), s.Dump(db), s.epoch()
	s.operator = operator.Start(s.t, s.Options())
	records := len(objects) // Secrets and the PhoneSystem are none, and purged objects have none
	operator.Await(s.t, companyLimit, "all records are looked at", func() string {
		observed := len(s.operator.Store.Observed())
		for _, obj := range objects {
			if strings.HasPrefix(obj, "Secret ") || strings.HasPrefix(obj, "PhoneSystem ") {
				observed++
			}
		}
		if observed < records {
			return strconv.Itoa(records-observed) + " are missing"
		}
		return ""
	})
	s.settle()
	s.equal("a restart", s.bill(), Bill{})
	s.equal("a restart: settings written", s.operator.Store.Configured(), 0)
	s.equal("a restart: the objects", s.Manifests(), objects)
	s.equal("a restart: the epoch", s.epoch(), epoch+1)
	s.Exec(db, "UPDATE pbx_writer SET epoch = epoch - 1")
	s.equal("a restart: the tables", s.Dump(db), tables)
}

func (s *scene) epoch() int {
	s.t.Helper()
	epoch, err := strconv.Atoi(strings.Join(s.Rows(s.SQL(), "SELECT epoch FROM pbx_writer"), ""))
	if err != nil {
		s.t.Fatal(err)
	}
	return epoch
}
