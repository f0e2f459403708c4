package lifecycle

import (
	"os"
	"testing"

	"pgregory.net/rapid"
)

// bench lets the helpers of other tests work for one try of rapid: what they start ends with it, and what fails in them
// fails it.
type bench struct {
	testing.TB
	try *rapid.T
}

// The methods of testing.TB that concern one try.
func (b bench) Cleanup(f func())                  { b.try.Cleanup(f) }
func (b bench) Error(args ...any)                 { b.try.Error(args...) }
func (b bench) Errorf(format string, args ...any) { b.try.Errorf(format, args...) }
func (b bench) Fatal(args ...any)                 { b.try.Fatal(args...) }
func (b bench) Fatalf(format string, args ...any) { b.try.Fatalf(format, args...) }
func (b bench) Logf(format string, args ...any)   { b.try.Logf(format, args...) }

func (b bench) TempDir() string {
	dir, err := os.MkdirTemp("", "lifecycle")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}
