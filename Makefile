# No C compiler is needed anywhere.
export CGO_ENABLED = 0

TOOL = go tool -modfile=hack/tools/go.mod
RUN = .local/bin/run
CONTROLLER_GEN = $(TOOL) controller-gen
# The tests find etcd, kube-apiserver and kubectl there. Given, nothing is built.
ASSETS = $(or $(KUBEBUILDER_ASSETS),$(CURDIR)/.local/bin)
TEST_FLAGS = -count=1 -timeout=30m
# make test PKG=./controllers/... runs a part of them.
PKG = ./...
GENERATED = api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml charts/pbx-operator/crds

.PHONY: help
help: ## Show this.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN) ## Try it out: local control plane, operator, sample company. Ctrl-C stops it.
	@exec $(RUN)

.PHONY: phones
phones: ## Run Kamailio on the store of `make run`, for softphones. Ctrl-C stops it.
	@exec hack/engines/phones.sh

.PHONY: test
test: control-plane ## Run all tests on real databases and the real API server.
	@hack/debian/postgresql.sh
	@hack/debian/kamailio.sh
	@hack/debian/sqlite.sh
	@KUBEBUILDER_ASSETS=$(ASSETS) $(TOOL) gotestsum --format=standard-quiet \
		--post-run-command=hack/tools/skipped.sh -- $(TEST_FLAGS) $(PKG)

.PHONY: test-asterisk
test-asterisk: control-plane ## Make calls with a real Asterisk, if there is one (PBX_ASTERISK is how to run it).
	@hack/debian/postgresql.sh
	@KUBEBUILDER_ASSETS=$(ASSETS) go test -tags asterisk ./test/sip -run '^TestAsterisk' -count=1 -timeout=30m

.PHONY: bench-sip
bench-sip: control-plane ## Measure how soon a call is refused after a change.
	@hack/debian/postgresql.sh
	@hack/debian/kamailio.sh
	@KUBEBUILDER_ASSETS=$(ASSETS) go test ./test/sip -run '^$$' -bench RefusedCall -benchtime 200x -timeout=30m

.PHONY: bench-engines
bench-engines: ## Measure what engines ask of a store of 10,000 people, and what Kamailio takes (six minutes).
	@hack/debian/postgresql.sh
	@hack/debian/kamailio.sh
	@go test ./test/engines -run '^$$' -bench . -benchtime 1x -timeout=30m
	@go test ./test/sip -run '^$$' -bench 'Engine$$|Emergency' -benchtime 1x -timeout=30m

.PHONY: build
build: $(RUN) ## Build bin/pbx-operator.
	@$(RUN) build operator

.PHONY: control-plane
control-plane: $(RUN) ## Build etcd, kube-apiserver, its controller manager and kubectl (minutes, once).
ifdef KUBEBUILDER_ASSETS
	@echo "Using the control plane in $(KUBEBUILDER_ASSETS)."
else
	@$(RUN) build etcd kubectl kube-apiserver kube-controller-manager
endif

.PHONY: generate
generate: ## Generate deep copies, CRDs and RBAC from the Go code.
	$(CONTROLLER_GEN) object crd paths=./api/... output:crd:dir=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=pbx-operator paths=./controllers/... output:rbac:dir=config/rbac
ifneq ($(wildcard charts/pbx-operator),)
	mkdir -p charts/pbx-operator/crds
	cp config/crd/bases/*.yaml charts/pbx-operator/crds/
endif

.PHONY: verify
verify: verify-generated lint ## Check that generated files are fresh, go.mod is tidy, and lint and vet.
	go mod tidy -diff
	go vet ./...

.PHONY: verify-generated
verify-generated: generate
	@stale=$$(git status --porcelain -- $(GENERATED)); [ -z "$$stale" ] || { \
		echo "Generated files differ from what is committed; commit them:"; echo "$$stale"; \
		git --no-pager diff -- $(GENERATED); exit 1; }

.PHONY: lint
lint: ## Run golangci-lint.
	$(TOOL) golangci-lint run

.PHONY: fmt
fmt: ## Format the Go code.
	$(TOOL) golangci-lint fmt

.PHONY: clean
clean: ## Forget what `make run` keeps, and bin/. Control plane programs stay.
	@if [ -s .local/lock ] && kill -0 "$$(cat .local/lock)" 2>/dev/null; then \
		echo "make run is at work (pid $$(cat .local/lock)): stop it first."; exit 1; fi
	rm -rf bin .local/data .local/data-* .local/etcd .local/certs .local/kubeconfig .local/log .local/lock

.PHONY: distclean
distclean: clean ## Forget everything that was built, too.
	rm -rf .local

# Go's cache knows what has changed.
.PHONY: $(RUN)
$(RUN):
	@[ -x $@ ] || echo "Preparing ..."
	@go build -o $@ ./hack/run
