// Package lives has tenants live through what happens to whole namespaces and repositories: with the real operator, the
// policies, a real controller manager, and kubectl as people and GitOps tools use it.
package lives
