# Bastion. On a Debian machine with Rust, `make run` and `make test` do all of
# their own set-up; `make help` lists the rest.

SHELL := /bin/bash
SANDBOX := tests/sandbox
STEP := $(SANDBOX)/step.sh
PROFILE ?= release
PREFIX ?= /usr/local
DESTDIR ?=
KEEP ?= 0

# The harness runs on the host, everything else inside the sandbox root.
HOST_TARGET := target/host

.PHONY: help run test check deb bench install clean prepare

help:
	@echo 'make run      build, install in a sandbox, and take a tour on real traffic (KEEP=1 leaves it up)'
	@echo 'make test     every test there is'
	@echo 'make check    formatting, lints, and validation of every file'
	@echo 'make deb      the Debian package, in target/deb'
	@echo 'make bench    the benchmarks, of the firewall and of the window'
	@echo 'make install  install on this system (DESTDIR, PREFIX=$(PREFIX)); builds first'
	@echo 'make clean    remove all that was built, the sandbox among it'

prepare:
	@$(SANDBOX)/prepare.sh

run:
	@echo 'make run: makes a Debian sandbox, builds Bastion in it, and takes a tour of it on real traffic.'
	@echo 'The first time takes about 10 minutes on two cores (sandbox 1, tools 1, build 7, tour 1); later ones about 2.'
	@echo 'Nothing on this machine changes but missing packages; its firewall is never touched.'
	@$(STEP) 'sandbox' 'See the message above; then run again.' $(SANDBOX)/prepare.sh
	@$(STEP) 'package' 'See the message above; then run again.' $(SANDBOX)/deb.sh --profile $(PROFILE)
	@$(STEP) 'tour' 'The steps marked FAIL say what was seen; KEEP=1 leaves the sandbox up to look.' \
	  env KEEP=$(KEEP) CARGO_TARGET_DIR=$(HOST_TARGET) cargo run --quiet --locked -p bastion-tests --bin bastion-tour

test:
	@echo 'make test: makes a Debian sandbox, builds Bastion in it, and runs every test there is.'
	@echo 'The first time takes about 35 minutes on two cores (sandbox 1, tools 1, tests of the crates 15, package 3,'
	@echo 'tests of the whole system 15); later ones about 25. Nothing on this machine changes but missing packages.'
	@$(STEP) 'sandbox' 'See the message above; then run again.' $(SANDBOX)/prepare.sh
	@$(STEP) 'tests of the crates' 'Run one again with: $(SANDBOX)/build.sh --gui test --profile $(PROFILE) -p CRATE NAME' \
	  env BASTION_REQUIRE_REAL=1 $(SANDBOX)/build.sh --gui test --profile $(PROFILE) --locked --workspace --exclude bastion-tests
	@$(STEP) 'package' 'See the message above; then run again.' $(SANDBOX)/deb.sh --profile $(PROFILE)
	@$(STEP) 'tests of the whole system' 'Run one again with: BASTION_REQUIRE_REAL=1 CARGO_TARGET_DIR=$(HOST_TARGET) cargo test -p bastion-tests NAME' \
	  env BASTION_REQUIRE_REAL=1 CARGO_TARGET_DIR=$(HOST_TARGET) $(SANDBOX)/whole.sh
	@$(STEP) 'tour' 'The steps marked FAIL say what was seen; make run KEEP=1 leaves the sandbox up to look.' \
	  env CARGO_TARGET_DIR=$(HOST_TARGET) cargo run --quiet --locked -p bastion-tests --bin bastion-tour
	@echo; echo 'make test: every test passed'

check:
	@echo 'make check: formatting, lints and validation, in the sandbox; about 5 minutes the first time.'
	@$(STEP) 'sandbox' 'See the message above; then run again.' $(SANDBOX)/prepare.sh
	@$(STEP) 'formatting' 'Run: cargo fmt --all' $(SANDBOX)/build.sh fmt --all --check
	@$(STEP) 'validation' 'Mend the files named above.' $(SANDBOX)/in-root.sh tests/sandbox/validate.sh
	@$(STEP) 'lints' 'Mend what clippy names above.' \
	  $(SANDBOX)/build.sh clippy --locked --workspace --all-targets -- -D warnings
	@echo; echo 'make check: all is well'

deb:
	@echo 'make deb: builds the package in a Debian sandbox; about 8 minutes the first time.'
	@$(STEP) 'sandbox' 'See the message above; then run again.' $(SANDBOX)/prepare.sh
	@$(STEP) 'package' 'See the message above; then run again.' $(SANDBOX)/deb.sh --profile $(PROFILE)

bench:
	@echo 'make bench: measures what Bastion costs, beside no firewall, the least a queue can cost, and OpenSnitch;'
	@echo 'then how soon and how smoothly its window draws, and its memory, beside an empty window and a bare table.'
	@echo 'Once the package is built it takes about 13 minutes (7 and 6). Leave the computer alone meanwhile.'
	@$(STEP) 'sandbox' 'See the message above; then run again.' $(SANDBOX)/prepare.sh
	@$(STEP) 'package' 'See the message above; then run again.' $(SANDBOX)/deb.sh --profile release
	@$(STEP) 'programs that measure' 'See the message above; then run again.' \
	  $(SANDBOX)/build.sh build --release --locked -p bastion-tests --bin bastion-load --bin bastion-floor
	@$(STEP) 'what is compared' 'Check the network, then run again.' $(SANDBOX)/in-root.sh tests/bench/packages.sh
	@$(STEP) 'windows to compare' 'The message of the compiler stands above.' $(SANDBOX)/in-root.sh tests/bench/windows.sh
	@$(STEP) 'measurements' 'A case could not be measured; see the message above.' \
	  env CARGO_TARGET_DIR=$(HOST_TARGET) cargo run --quiet --locked -p bastion-tests --bin bastion-bench

install:
	@pkg-config --atleast-version=1.5 libadwaita-1 || { echo 'error: libadwaita 1.5 or newer is needed to build here;' \
	  'make deb builds the package in a sandbox instead' >&2; exit 1; }
	cargo build --locked --profile $(PROFILE) -p bastion-helper -p bastionctl -p bastion
	data/install.sh "$${CARGO_TARGET_DIR:-target}/$(PROFILE:dev=debug)" '$(DESTDIR)' '$(PREFIX)'

clean:
	@$(SANDBOX)/sandbox.sh down --all
	rm -rf --one-file-system target
