// Package services has many clients fight for the phone services of the same users, through the API server and by hand in
// the store, and looks at every commit for one that breaks the rule: at most eight services, and one primary among them.
package services
