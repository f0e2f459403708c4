package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

const oldestVersion = 14

// errNoPrograms is why a test is skipped.
var errNoPrograms = errors.New("no PostgreSQL server (14 or later): install Debian's package postgresql")

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// findPrograms is the directory of initdb and postgres.
func findPrograms() (string, error) {
	if dir := newest("/usr/lib/postgresql"); dir != "" {
		return dir, nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", errNoPrograms
	}
	// The link in PATH may stand alone; postgres is beside what it points to.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", err
	}
	dir := filepath.Dir(initdb)
	if v := version(filepath.Join(dir, "postgres")); v < oldestVersion {
		return "", fmt.Errorf("%w (%s has version %d)", errNoPrograms, dir, v)
	}
	return dir, nil
}

// newest is the directory of the highest version below Debian's directory, or
// empty if there is none that is new enough.
func newest(debian string) string {
	found, best := "", oldestVersion-1
	// Glob fails only for a bad pattern.
	matches, _ := filepath.Glob(filepath.Join(debian, "*", "bin", "initdb"))
	for _, initdb := range matches {
		dir := filepath.Dir(initdb)
		number, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err != nil || number <= best {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			found, best = dir, number
		}
	}
	return found
}

// version is the major version that a postgres program tells, 0 if it does not.
func version(program string) int {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return 0
	}
	match := versionNumber.FindSubmatch(out)
	if match == nil {
		return 0
	}
	number, _ := strconv.Atoi(string(match[1]))
	return number
}
