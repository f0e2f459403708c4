package operator

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// APICounter counts the writes that the operator sends to the API server, without leases and events.
type APICounter struct {
	mu       sync.Mutex
	writes   []string
	activity *activity
}

// Writes gives the writes so far, each as "METHOD path".
func (c *APICounter) Writes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.writes...)
}

var namespaced = regexp.MustCompile(`/namespaces/[^/]+/`)

// ByObject gives the writes so far by what they were made to, such as "users/ada", each as METHOD or "METHOD status".
// A new object has no name yet: it is counted for its kind, such as "secrets".
func (c *APICounter) ByObject() map[string][]string {
	all := map[string][]string{}
	for _, write := range c.Writes() {
		method, path, _ := strings.Cut(write, " ")
		if found := namespaced.FindStringIndex(path); found != nil {
			path = path[found[1]:]
		}
		if object, ok := strings.CutSuffix(path, "/status"); ok {
			path, method = object, method+" status"
		}
		all[path] = append(all[path], method)
	}
	return all
}

// Reset forgets the writes so far.
func (c *APICounter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = nil
}

func (c *APICounter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("watch") {
			return next.RoundTrip(r)
		}
		c.activity.begin()
		defer c.activity.end()
		if r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "/leases") {
			c.mu.Lock()
			c.writes = append(c.writes, r.Method+" "+r.URL.Path)
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
