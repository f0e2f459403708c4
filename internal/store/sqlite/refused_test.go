package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// What is refused is left alone, to the last byte.
func TestRefusedFilesKeepTheirBytes(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, path string)
		want    func(error) bool
	}{
		"newer schema": {
			func(t *testing.T, path string) {
				byHand(t, path, "INSERT INTO pbx_schema (version_id, is_applied) VALUES (9999, 1)")
			},
			func(err error) bool { var e *store.TooNewError; return errors.As(err, &e) && e.Have == 9999 },
		},
		"of another": {
			func(t *testing.T, path string) { byHand(t, path, "UPDATE pbx_system SET owner_uid = 'other'") },
			func(err error) bool { var e *store.OwnedError; return errors.As(err, &e) && e.UID == "other" },
		},
		"no database": {
			func(t *testing.T, path string) { write(t, path, []byte("This is a shopping list: bread, milk.\n")) },
			func(err error) bool { return errors.Is(err, store.ErrUnavailable) },
		},
		"cut short": {
			func(t *testing.T, path string) {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				write(t, path, content[:5000])
			},
			func(err error) bool { return errors.Is(err, store.ErrUnavailable) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "default.db")
			s := mustOpen(t, path, mine)
			reconcile(t, s, ada())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.prepare(t, path)
			before := files(t, filepath.Dir(path))
			for range 2 {
				s, err := Open(t.Context(), path, mine)
				if err == nil {
					_ = s.Close()
				}
				if !tt.want(err) {
					t.Errorf("error = %v", err)
				}
			}
			if diff := cmp.Diff(before, files(t, filepath.Dir(path))); diff != "" {
				t.Errorf("the files: -before +after:\n%.2000s", diff)
			}
		})
	}
}

func TestAMissingStoreIsNotCreated(t *testing.T) {
	claim := mine
	claim.InUse = true
	for name, prepare := range map[string]func(t *testing.T, path string){
		"no directory": func(*testing.T, string) {},
		"no file":      func(t *testing.T, path string) { mkdir(t, filepath.Dir(path)) },
		"an empty file": func(t *testing.T, path string) {
			mkdir(t, filepath.Dir(path))
			write(t, path, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "acme", "default.db")
			prepare(t, path)
			before := files(t, root)
			_, err := Open(t.Context(), path, claim)
			if !errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), path) {
				t.Errorf("error = %v, want store.ErrMissing with the path", err)
			}
			if diff := cmp.Diff(before, files(t, root)); diff != "" {
				t.Errorf("the files: -before +after:\n%s", diff)
			}
			if _, err := os.Stat(filepath.Dir(path)); name == "no directory" && !errors.Is(err, fs.ErrNotExist) {
				t.Error("the directory was made")
			}
		})
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestPlacesThatCannotBeOpened(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string) (path string){
		"a directory": func(t *testing.T, dir string) string {
			mkdir(t, filepath.Join(dir, "default.db"))
			return filepath.Join(dir, "default.db")
		},
		"below a file": func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "file"), nil)
			return filepath.Join(dir, "file", "default.db")
		},
		"a loop of links": func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "default.db")
			if err := os.Symlink(path, path); err != nil {
				t.Fatal(err)
			}
			return path
		},
		"a directory that takes no files": func(t *testing.T, dir string) string {
			freeze(t, dir)
			return filepath.Join(dir, "default.db")
		},
		"a file that takes no writes": func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "default.db")
			s := mustOpen(t, path, mine)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			freeze(t, path)
			return path
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := prepare(t, dir)
			s, err := Open(t.Context(), path, mine)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("store %v, error = %v, want store.ErrUnavailable", s, err)
			}
		})
	}
}

// freeze lets nobody write to a file or directory, not even root, until the test ends.
func freeze(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := os.Chmod(path, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) //nolint:gosec // so that it can be removed
		return
	}
	if out, err := exec.Command("chattr", "+i", path).CombinedOutput(); err != nil {
		t.Skipf("root may write anywhere, and chattr +i does not work here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("chattr", "-i", path).CombinedOutput(); err != nil {
			t.Errorf("chattr -i %s: %v %s", path, err, out)
		}
	})
}
