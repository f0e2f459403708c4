// Package tenancy holds the tests of what keeps tenants apart: what somebody who may do anything in one namespace can make
// the operator do to others, and to itself.
package tenancy
