// Package sip makes real calls: the real API server, operator and stores, Kamailio with the configuration that ships, and
// SIP phones on loopback. What changes, changes by manifests; nothing is written to the store.
package sip
