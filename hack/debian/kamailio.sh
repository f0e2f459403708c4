#!/bin/sh
# Installs Debian's Kamailio for the tests, where there is none and where it
# may. Nothing is started: the tests run their own.
set -eu
. "$(dirname "$0")/lib.sh"

found() {
	[ -x /usr/sbin/kamailio ] || return 1
	for module in db_sqlite db_postgres; do
		ls /usr/lib/*/kamailio/modules/$module.so >/dev/null 2>&1 || return 1
	done
}

if found; then
	exit 0
fi
packages="kamailio kamailio-sqlite-modules kamailio-postgres-modules"
may_install "tests of real calls" $packages
# The package would enable a service; this is how Debian is told not to start one.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
install $packages
