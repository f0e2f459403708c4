# Sourced by the scripts beside it: installs packages of Debian where that is allowed.

# may_install what-is-skipped-without-them package ...: ends the script where it is not.
may_install() {
	skipped=$1
	shift
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		skip "$*"
	fi
	echo "Installing Debian's packages $* for the tests ..."
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q || failed "$*"
}

install() {
	apt-get install -q -y --no-install-recommends "$@" || failed "$*"
}

# failed packages: with CI=true nothing may be skipped, so the script fails.
failed() {
	if [ "${CI:-}" = true ]; then
		echo "Debian's packages $1 could not be installed, and with CI=true nothing may be skipped." >&2
		exit 1
	fi
	echo "Debian's packages $1 could not be installed: is there a network?"
	skip "$1"
}

# skip packages: says what is skipped without them, and ends the script.
skip() {
	echo "Skipped: $skipped. To run them, install (Debian: sudo apt-get install $1)."
	exit 0
}
