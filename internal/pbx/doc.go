// Package pbx is the domain: records of users, extensions and phone services, their states, and Plan, which says what
// has to change in the PBX store so that a record is as it was declared.
//
// It is pure: no Kubernetes, no SQL, no clock and no logger. The edges read, call Plan, and act on its value.
package pbx
