package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestWhichClusterKUBECONFIGMeans(t *testing.T) {
	inScratch(t)
	write(t, kubeconfigFile)
	write(t, "theirs")
	if err := os.Symlink(kubeconfigFile, "link"); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		value string
		want  bool
	}{
		"not set":                    {"", false},
		"ours, as we advise":         {here + "/" + kubeconfigFile, false},
		"ours, relative":             {"./" + kubeconfigFile, false},
		"ours, by a link":            {"link", false},
		"theirs":                     {"theirs", true},
		"theirs, which is not there": {"/no/such/file", true},
		"several files":              {kubeconfigFile + ":theirs", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := namesAnother(tt.value)
			if err != nil || got != tt.want {
				t.Errorf("namesAnother(%q) = %v, %v, want %v", tt.value, got, err, tt.want)
			}
		})
	}

	t.Run("ours, which make clean has removed", func(t *testing.T) {
		if err := os.Remove(kubeconfigFile); err != nil {
			t.Fatal(err)
		}
		if got, err := namesAnother(here + "/" + kubeconfigFile); err != nil || got {
			t.Errorf("namesAnother = %v, %v, want false", got, err)
		}
	})
}

func TestWhyAnObjectIsNotReady(t *testing.T) {
	tests := map[string]struct {
		status, want string
	}{
		"ready":            {`{"observedGeneration": 3, "conditions": [{"type": "Ready", "status": "True"}]}`, ""},
		"new":              {`{}`, "User/anna: not reconciled yet"},
		"changed since":    {`{"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}`, "User/anna: not reconciled yet"},
		"waits":            {`{"observedGeneration": 3, "conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": "m"}]}`, "User/anna: R: m"},
		"no Ready in them": {`{"observedGeneration": 3, "conditions": [{"type": "Stalled", "status": "True"}]}`, "User/anna: not reconciled yet"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var o object
			text := `{"kind": "User", "metadata": {"name": "anna", "generation": 3}, "status": ` + tt.status + `}`
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				t.Fatal(err)
			}
			if got := o.why(); got != tt.want {
				t.Errorf("why = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOnlyOneRunHoldsTheLock(t *testing.T) {
	inScratch(t)
	unlock, err := lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = lock()
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) {
		t.Errorf("error of the second = %v, want one that names our pid", err)
	}
	unlock()
	again, err := lock()
	if err != nil {
		t.Fatalf("after the first is done: %v", err)
	}
	again()
}

func TestAnActiveUserWithAPhoneIsSuggested(t *testing.T) {
	text := `[
		{"kind": "Extension", "metadata": {"name": "x"}},
		{"kind": "User", "metadata": {"name": "no-phone"}},
		{"kind": "User", "metadata": {"name": "left"}, "spec": {"state": "Deleted", "services": [{"name": "p"}]}},
		{"kind": "User", "metadata": {"name": "anna"}, "spec": {"services": [{"name": "p"}]}}]`
	var objects []object
	if err := json.Unmarshal([]byte(text), &objects); err != nil {
		t.Fatal(err)
	}
	if got := anActiveUser(objects); got != "anna" {
		t.Errorf("anActiveUser = %q, want anna", got)
	}
}

func TestFew(t *testing.T) {
	lines := []string{"a", "b", "c"}
	if got, want := few(lines, 2), "  a\n  b\n  ... and 1 more"; got != want {
		t.Errorf("few = %q, want %q", got, want)
	}
	if got, want := few(lines, 3), "  a\n  b\n  c"; got != want {
		t.Errorf("few = %q, want %q", got, want)
	}
}

// inScratch makes an empty directory with a state directory the current one.
func inScratch(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir(stateDir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
		t.Fatal(err)
	}
}
