// Package policies holds the tests of config/policies on the real API server: each rule with the nearest allowed and the
// nearest refused object.
package policies
