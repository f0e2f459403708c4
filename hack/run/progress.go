package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// progress shows that something is going on: on a terminal one line that
// changes every second, else a line now and then.
type progress struct {
	started time.Time
	ended   chan struct{}
	wait    sync.WaitGroup
}

var terminal = isTerminal(os.Stdout)

func newProgress(every time.Duration, line func(elapsed time.Duration) string) *progress {
	p := &progress{started: time.Now(), ended: make(chan struct{})}
	if terminal {
		every = time.Second
	}
	p.wait.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(line(p.elapsed()))
			case <-p.ended:
				return
			}
		}
	})
	return p
}

func (p *progress) elapsed() time.Duration { return time.Since(p.started).Round(time.Second) }

// stop ends it with a last line, if there is one.
func (p *progress) stop(last string) {
	close(p.ended)
	p.wait.Wait()
	clearLine()
	if last != "" {
		fmt.Println(last)
	}
}

func show(line string) {
	clearLine()
	fmt.Print(line)
	if !terminal {
		fmt.Println()
	}
}

func clearLine() {
	if terminal {
		fmt.Print("\r\x1b[K")
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
