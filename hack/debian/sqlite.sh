#!/bin/sh
# Installs Debian's sqlite3 program for the tests, where there is none and where it may.
set -eu
. "$(dirname "$0")/lib.sh"

if ! command -v sqlite3 >/dev/null; then
	may_install "tests with the sqlite3 program" sqlite3
	install sqlite3
fi
