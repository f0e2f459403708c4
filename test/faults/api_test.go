package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/test/operator"
)

// apiFault decides what becomes of a write to the API server; send is the write itself.
type apiFault func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)

// refuse answers in the API server's place.
func refuse(code int, reason string) apiFault {
	return func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":"injected"}`,
			code, reason)
		return &http.Response{
			StatusCode: code, Status: http.StatusText(code), Proto: r.Proto, ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
		}, nil
	}
}

// lose has the write done, and the answer lost.
func lose(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	answer, err := send()
	if err != nil {
		return answer, err
	}
	return nil, errors.Join(errors.New("injected: the connection was reset"), answer.Body.Close())
}

// TestAPIFaults: whatever the API server answers to the operator's writes, all converges, and the store is written once.
func TestAPIFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]apiFault{
		"conflicts":      refuse(http.StatusConflict, "Conflict"),
		"errors":         refuse(http.StatusInternalServerError, "InternalError"),
		"lost answers":   lose,
		"nobody answers": func(*http.Request, func() (*http.Response, error)) (*http.Response, error) { return nil, io.EOF },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("the first of each object", func(t *testing.T) { testAPIFault(t, firstOfEach(fault)) })
			t.Run("every other", func(t *testing.T) { testAPIFault(t, everyOther(fault)) })
		})
	}
}

// firstOfEach lets the first write to each object and status fail.
func firstOfEach(fault apiFault) apiFault {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		mu.Lock()
		what := r.Method + r.URL.Path
		first := !seen[what]
		seen[what] = true
		mu.Unlock()
		if first {
			return fault(r, send)
		}
		return send()
	}
}

// everyOther lets half of the writes fail.
func everyOther(fault apiFault) apiFault {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if rand.N(2) == 0 {
			return fault(r, send)
		}
		return send()
	}
}

func testAPIFault(t *testing.T, fault apiFault) {
	s := newScene(t, operator.SQLite)
	var injected atomic.Int64
	options := s.Options()
	options.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			send := func() (*http.Response, error) { return next.RoundTrip(r) }
			if r.Method == http.MethodGet || strings.Contains(r.URL.Path, "/events") {
				return send()
			}
			answer, err := fault(r, send)
			if err != nil || answer.StatusCode >= http.StatusBadRequest {
				injected.Add(1)
			}
			return answer, err
		})
	}
	running := operator.Start(t, options)
	ada := s.User("ada", "desk", "mobile")
	objects := []client.Object{
		ada, s.User("bob", "desk"), s.Extension("line", "1001", "ada"), s.Phone("desk", "line"), s.Phone("mobile", "line"),
	}
	s.Create(objects...)
	s.Ready(limit)
	running.Settle(t)
	db := s.SQL()
	if injected.Load() == 0 {
		t.Error("nothing failed")
	}
	for key, times := range running.Store.Applied() {
		if times > 1 && key.Kind != pbx.KindExtension { // which is given to its holder once they are there
			t.Errorf("%s was written in %d transactions, want one", key, times)
		}
	}
	s.Delete(ada)
	s.Gone(ada)
	s.equal("ada's record", s.Rows(db, "SELECT state FROM pbx_users WHERE name = 'ada'"), []string{string(pbx.Deleted)})
	s.Consistent(db)
}

type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
