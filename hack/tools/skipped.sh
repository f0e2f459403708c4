#!/bin/sh
# The last sentence of `make test`, from the counts that gotestsum gives.
case $TESTS_SKIPPED in
0) echo "No test was skipped." ;;
*) echo "$TESTS_SKIPPED of $TESTS_TOTAL tests were skipped; \"=== Skipped\" above names each of them and why." ;;
esac
