package storetest

import (
	"fmt"
	"sync"
)

// together runs a function n times at once.
func (f *fixture) together(n int, do func(i int) error) {
	f.t.Helper()
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-start
			if err := do(i); err != nil {
				f.t.Errorf("%d: %v", i, err)
			}
		})
	}
	close(start)
	group.Wait()
}

// names gives n names.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", prefix, i))
	}
	return all
}
