// Package requester holds the tests of config/policies/requester: the policy on the real API server, and what the operator
// makes of its stamp.
package requester
