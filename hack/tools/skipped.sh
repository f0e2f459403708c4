#!/bin/sh
# The last sentence of `make test`, from the counts that gotestsum gives. With CI=true a skip is a failure.
if [ "$TESTS_SKIPPED" = 0 ]; then
	echo "No test was skipped."
	exit 0
fi
echo "$TESTS_SKIPPED of $TESTS_TOTAL tests were skipped; \"=== Skipped\" above names each of them and why."
if [ "${CI:-}" = true ]; then
	echo "With CI=true that is a failure." >&2
	exit 1
fi
