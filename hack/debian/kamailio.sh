#!/bin/sh
# Installs Debian's Kamailio for the tests, where there is none and where it
# may. Nothing is started: the tests run their own.
set -eu

found() {
	[ -x /usr/sbin/kamailio ] || return 1
	for module in db_sqlite db_postgres; do
		ls /usr/lib/*/kamailio/modules/$module.so >/dev/null 2>&1 || return 1
	done
}

if found; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "No Kamailio: tests of real calls are skipped. Install it (Debian: sudo apt-get install kamailio kamailio-sqlite-modules kamailio-postgres-modules)."
	exit 0
fi

echo "Installing Debian's packages kamailio, kamailio-sqlite-modules, kamailio-postgres-modules and sip-tester for the tests ..."
export DEBIAN_FRONTEND=noninteractive
# The package would enable a service; this is how Debian is told not to start one.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -q
apt-get install -q -y --no-install-recommends kamailio kamailio-sqlite-modules kamailio-postgres-modules sip-tester
