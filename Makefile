# Every target says in one line what it does; `make` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help run test bench bench-micro torture torture-mutants lint docs proto-tag prove-layers test-chart test-chart-apiserver test-image test-clients proto sbom verify clean-tools

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Builds, finds or fetches a Redis or Valkey server, starts every role, runs the demo and keeps serving (ARGS="…" adds flags)
	@cargo build --release -p tidemill
	@server=$$(tools/get-server.sh); exec target/release/tidemill dev --demo --redis-server "$$server" $(ARGS)

test: ## Finds or fetches the server that the tests need and runs them all (ARGS="…" goes to cargo test)
	@tools/test.sh $(ARGS)

bench: ## Measures floors and a whole system on this machine, prints the table and writes bench/RESULTS.md (ARGS="--quick --only bulk": a part, not written)
	@cargo build --release -p tidemill -p tidemill-bench --bin tidemill --bin tidemill-bench
	@TIDEMILL_TEST_SERVER=$$(tools/get-server.sh) target/release/tidemill-bench $(if $(ARGS),$(ARGS),--results bench/RESULTS.md --json bench/results.json)

bench-micro: ## Measures the hot pieces alone: records, wire conversion, group commit (ARGS="…" goes to criterion)
	@cargo bench -p tidemill-model --bench tasks -- $(ARGS)
	@cargo bench -p tidemill-store --features internals --bench batcher -- $(ARGS)

# Quick ones first. cargo-deny comes before clippy because only it refuses a Cargo.lock that does not fit the manifests.
lint: ## Checks format, file sizes, dependencies, lints, the contract and the generated documents
	@tools/install-checkers.sh
	tools/check-file-size.sh
	cargo fmt --all -- --check
	buf lint
	tools/check-breaking.sh
	cargo deny --locked --workspace check --hide-inclusion-graph --allow unused-wrapper bans licenses sources
	cargo clippy --workspace --all-targets -- -D warnings
	cargo run --quiet -p tidemill -- internal-docs --check docs

docs: ## Writes the generated documents anew: lifecycle, errors, configuration and cli in docs/, the chart's README and schema
	cargo run --quiet -p tidemill -- internal-docs docs
	tools/chart/generate.py

proto-tag: ## Records proto/ as the contract that later changes must not break (with each release)
	@tools/install-checkers.sh
	buf build proto --exclude-source-info -o proto/tidemill.v1.binpb

prove-layers: ## Breaks the layer rule in a copy of the tree and insists that the check notices
	@tools/install-checkers.sh
	@tools/check-layers.sh

test-chart: ## Checks the Helm chart and the Compose file without a cluster (ARGS="schemas objects" runs just those); after `make test`
	@tools/chart/test.sh $(ARGS)

proto: ## Writes the stubs of the clients in other languages anew from proto/
	@tools/proto.sh

test-clients: ## Checks every client, plays the conformance suite against it and runs the examples (ARGS="go java": only these)
	@tools/test-clients.sh $(ARGS)

test-chart-apiserver: ## Installs the chart at a real API server, built with Go (the first time half an hour); not part of CI
	@tools/chart/apiserver.sh

sbom: ## Writes the bill of materials of the program (CycloneDX) to stdout
	@deploy/sbom.sh

test-image: ## Assembles the image's root file system and runs it read-only without rights (needs root and Linux)
	@deploy/test-rootfs.sh

MINUTES ?= 10
torture: ## Plays every plan of faults against a whole Tidemill and judges the invariants (MINUTES=10 SEED=… ARGS="--plan mixed")
	@cargo build --release -p tidemill -p tidemill-e2e -p tidemill-torture --bins
	@TIDEMILL_TEST_SERVER=$$(tools/get-server.sh) target/release/torture --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

torture-mutants: ## Builds Tidemill with seeded bugs, one at a time, and insists that the torture rig catches each (ARGS="NAME…"; an hour)
	@cargo build --release -p tidemill-e2e -p tidemill-torture --bins
	@TIDEMILL_TEST_SERVER=$$(tools/get-server.sh) target/release/torture-mutants $(ARGS)

verify: lint prove-layers test test-chart ## Checks all that CI checks

clean-tools: ## Removes the downloaded server and checkers (.tools)
	rm -rf .tools
