// Package roles holds the tests of config/rbac on the real API server, with config/policies in force: who may do what, by
// the roles that are shipped, and what the operator itself may do.
package roles
