#!/bin/sh
# Installs Debian's PostgreSQL server for the tests, where there is none and
# where it may. No system cluster is made or started: the tests make their own.
set -eu

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
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "No PostgreSQL server: tests that need one are skipped. Install it (Debian: sudo apt-get install postgresql)."
	exit 0
fi

echo "Installing Debian's package postgresql for the tests ..."
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends postgresql-common
conf=/etc/postgresql-common/createcluster.conf
if ! grep -q '^create_main_cluster' "$conf"; then
	echo 'create_main_cluster = false' >>"$conf"
fi
apt-get install -q -y --no-install-recommends postgresql
