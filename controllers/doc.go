// Package controllers brings the PBX store to what the objects declare, and tells of it in their status.
//
// All kinds of records share one anatomy, in reconciler.go: resolve references, observe the store, plan, apply, report.
// What differs between the kinds is in user.go, extension.go and phoneservice.go.
package controllers
