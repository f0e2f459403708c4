package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestPathsWithStrangeLetters(t *testing.T) {
	for _, name := range []string{
		"plain.db", "with space.db", "100%.db", "%41.db", "what?.db", "a?mode=memory.db", "a#b.db", "a&b=c.db", "a+b.db", "ünï.db", "a;b:c@d.db", "'quoted\".db",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "of "+strings.TrimSuffix(name, ".db"))
			path := filepath.Join(dir, name)
			s := mustOpen(t, path, mine)
			reconcile(t, s, ada())
			if got := s.Info().Location; got != path {
				t.Errorf("Location = %q, want %q", got, path)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for file := range files(t, filepath.Dir(dir)) {
				if file != path {
					t.Errorf("there is another file, %q", file)
				}
			}
			claim := mine
			claim.InUse = true
			o, err := mustOpen(t, path, claim).Observe(t.Context(), ada())
			if err != nil || o.Record == nil {
				t.Errorf("the record is not there: %v", err)
			}
		})
	}
}
