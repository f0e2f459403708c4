// Package engines holds every question that SIP engines and portals ask of the store, and a store that is large enough to
// see what they cost. What is asserted is how the database looks, by index or not; times are printed by the benchmarks.
package engines
