// Package lifecycle has random companies live through everything that can happen to a user, an extension and a phone,
// with the real operator on real stores, and compares what every view and table shows with a model that is written from
// the product's contract alone.
//
// A failure is printed with its seed; -rapid.seed tries it again. PBX_PROPERTY_TIME=1h tries for longer.
package lifecycle
