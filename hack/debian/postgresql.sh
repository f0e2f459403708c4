#!/bin/sh
# Installs Debian's PostgreSQL server for the tests, where there is none and
# where it may. No system cluster is made or started: the tests make their own.
set -eu
. "$(dirname "$0")/lib.sh"

found() {
	for initdb in /usr/lib/postgresql/*/bin/initdb; do
		version=${initdb#/usr/lib/postgresql/}
		version=${version%%/*}
		case $version in *[!0-9]*) continue ;; esac
		if [ -x "$initdb" ] && [ "$version" -ge 14 ]; then
			return 0
		fi
	done
	command -v initdb >/dev/null && command -v postgres >/dev/null
}

if found; then
	exit 0
fi
may_install "tests that need a PostgreSQL server" postgresql
install postgresql-common
conf=/etc/postgresql-common/createcluster.conf
if ! grep -q '^create_main_cluster' "$conf"; then
	echo 'create_main_cluster = false' >>"$conf"
fi
install postgresql
