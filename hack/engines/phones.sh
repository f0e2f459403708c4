#!/bin/sh
# Runs Kamailio on the store of `make run`, in the foreground, and says how to
# register two phones. Ctrl-C stops it; what is in the store stays.
set -eu

listen=${PBX_LISTEN:-udp:127.0.0.1:5060}
namespace=${NAMESPACE:-acme}
store=${PBX_STORE:-$PWD/.local/data/$namespace/default.db}
export KUBECONFIG="${KUBECONFIG:-$PWD/.local/kubeconfig}"

fail() {
	echo "phones: $*" >&2
	exit 1
}

kamailio=$(command -v kamailio || echo /usr/sbin/kamailio)
[ -x "$kamailio" ] || fail "no Kamailio. Install it (Debian: sudo apt-get install kamailio kamailio-sqlite-modules kamailio-postgres-modules)."
[ -s "$store" ] || fail "no store at $store. Start \`make run\` in another terminal, or set PBX_STORE."
kubectl=$(command -v kubectl || echo "$PWD/.local/bin/kubectl")

get() {
	"$kubectl" get -n "$namespace" "$@" 2>/dev/null || fail "the API server does not answer: is \`make run\` at work in another terminal?"
}

domain=$(get phonesystems.pbx-operator.io default -o 'jsonpath={.spec.domain}')
echo "Kamailio serves $domain at $listen. Register a softphone there, or two:"
echo
printf '  %-28s %-34s %s\n' USERNAME PASSWORD NUMBER
get phoneservices.pbx-operator.io -o \
	'jsonpath={range .items[?(@.status.effective=="Normal")]}{.status.secretName} {.spec.extensionRef.name}{"\n"}{end}' |
	awk 'NF == 2 && !seen[$2]++' | head -n 2 | while read -r secret extension; do
	printf '  %-28s %-34s %s\n' \
		"$(get secret "$secret" -o 'go-template={{.data.username | base64decode}}')" \
		"$(get secret "$secret" -o 'go-template={{.data.password | base64decode}}')" \
		"$(get extensions.pbx-operator.io "$extension" -o 'jsonpath={.spec.number}')"
done
echo
echo "docs/softphone.md goes on from here. Ctrl-C stops Kamailio."

runtime=$(mktemp -d)
trap 'rm -rf "$runtime"' EXIT
trap : INT
TZ=UTC PBX_DB_URL="sqlite:///$store" PBX_LISTEN="$listen" "$kamailio" -DD -E -m 128 -M 8 -Y "$runtime" \
	-f docs/engines/kamailio/kamailio.cfg
