# The commands of this repository. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
CARGO ?= cargo

.PHONY: help run release test lint generate bench audit toolchain nextest

help: ## List the commands
	@echo "Mission Control: one server for a team's AI agents. Commands:"
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: toolchain ## Build (first time: a few minutes) and start the server on http://localhost:8000
	@echo "make run: building and starting the server; it keeps its data in ./data. Ctrl-C stops it."
	@$(CARGO) build --package mission-control
	@exec $${CARGO_TARGET_DIR:-target}/debug/mission-control serve

release: toolchain ## Build the optimised program, target/release/mission-control
	@$(CARGO) build --release --package mission-control
	@echo "make release: built $${CARGO_TARGET_DIR:-target}/release/mission-control"

test: lint nextest ## Run lint, then all tests on SQLite and on a private PostgreSQL and Redis
	@echo "make test: running all tests; a private PostgreSQL and Redis are started (and installed when missing)"
	@scripts/with-services $(CARGO) nextest run --workspace

lint: toolchain ## Check format, clippy, layers, dependencies and generated files
	@echo "make lint: format"
	@$(CARGO) fmt --all --check
	@echo "make lint: clippy"
	@$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	@echo "make lint: layers, file length, module names"
	@$(CARGO) xtask layers
	@echo "make lint: licences, banned and unused dependencies"
	@$(CARGO) xtask dependencies
	@echo "make lint: generated files are fresh"
	@$(CARGO) xtask generate --check

generate: toolchain ## Write openapi.json and docs/configuration.md from the code
	@$(CARGO) xtask generate

bench: toolchain ## Measure against a hand-written floor server and write docs/performance.md
	@echo "make bench: building the optimised program (a few minutes the first time)"
	@$(CARGO) build --quiet --release --package mission-control --package mc-bench
	@echo "make bench: a private, durable PostgreSQL is started (and installed when missing); about seven minutes"
	@WITH_SERVICES_DURABLE=1 scripts/with-services \
		$${CARGO_TARGET_DIR:-target}/release/mc-bench --write docs/performance.md $(BENCH)

audit: toolchain ## Look for known security holes in dependencies (installs cargo-deny when missing)
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
		echo "make audit: installing cargo-deny from crates.io, once (about ten minutes)"; \
		$(CARGO) install --quiet --locked cargo-deny; \
	fi
	@$(CARGO) deny check

toolchain:
	@if ! command -v $(CARGO) >/dev/null; then \
		echo "make: there is no cargo on this machine. Fix: install Rust 1.95 or newer from https://rustup.rs" >&2; exit 1; \
	fi
	@if ! command -v cc >/dev/null && ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then \
		echo "make: there is no C compiler on this machine (SQLite is compiled in)." >&2; \
		echo "Fix: 'apt-get install gcc' on Debian, 'xcode-select --install' on macOS" >&2; exit 1; \
	fi

nextest: toolchain
	@if ! $(CARGO) nextest --version >/dev/null 2>&1; then \
		echo "make test: installing cargo-nextest from crates.io, once (about ten minutes)"; \
		$(CARGO) install --quiet --locked cargo-nextest; \
	fi
