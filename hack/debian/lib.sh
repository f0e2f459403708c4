# Sourced by the scripts beside it: installs packages of Debian where that is allowed.

# may_install what-is-skipped-without-them package ...: ends the script where it is not.
may_install() {
	skipped=$1
	shift
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "Skipped: $skipped. To run them, install (Debian: sudo apt-get install $*)."
		exit 0
	fi
	echo "Installing Debian's packages $* for the tests ..."
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
}

install() {
	apt-get install -q -y --no-install-recommends "$@"
}
