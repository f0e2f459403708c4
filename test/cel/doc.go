// Package cel tests what the API server itself refuses: the schemas, CEL rules
// and defaults of the CRDs, on a real API server. A table is a base object and
// its changes, each with the whole refusal that it must meet, or none. The
// samples in config/samples have to pass all of it.
package cel
