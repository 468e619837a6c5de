# SPDX-License-Identifier: GPL-2.0-only
#
# The front door.  What is compiled into the module is in Kbuild; how user space
# is built in tools/build/unit.mk, the checks in tools/build/check.mk.

SHELL := /bin/bash

# As many jobs as processors. A -j on the command line wins over this, and the
# job server of a make above us stays in charge.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory

# Where everything that is made goes.
BUILD ?= build

.PHONY: all
all: module

## make module [KVER=R]  build dm-snapshot.ko for the newest installed kernel headers, or
##                       those of KVER (6.1, 6.12.117+deb12-amd64) or in directory KDIR;
##                       plain "make" does the same. WERROR=n: warnings are no errors
.PHONY: module
module: check-includes
	+@DMSNAP_WERROR='$(WERROR)' V='$(V)' tools/build/module --output '$(BUILD)' \
		$(if $(KVER),--kver '$(KVER)') $(if $(KDIR),--kdir '$(KDIR)')

## make modules-all      build it for all installed kernel headers
.PHONY: modules-all
modules-all: check-includes
	+@set -e; headers=$$(tools/build/find-headers); \
	while read -r kver kdir; do \
		DMSNAP_WERROR='$(WERROR)' V='$(V)' tools/build/module --output '$(BUILD)' \
			--kver "$$kver" --kdir "$$kdir" < /dev/null; \
		modules="$$modules $(BUILD)/$$kver/dm-snapshot.ko"; \
	done <<< "$$headers"; \
	tools/build/check-ko --unused $$modules

## make unit [T=PART]    build the core for user space and run the unit tests, those whose
##                       name holds PART; SAN=1: under the address and undefined behaviour
##                       sanitizers, SAN=thread: those in files that have threads, under the
##                       thread sanitizer
## make sim              build the simulator and let it recover from 20,000 crashes; tools/sim
##                       does more. SAN=1: 5,000, under the sanitizers
## make tools            build the program dmsnap, for snapshots and stores: build/unit/dmsnap
## make man              its manual pages: build/unit/man
## make tools-test       build it and run its tests; SAN=1: under the sanitizers; FULL=1: also
##                       those that take minutes
.PHONY: unit unit-build sim-build tools man tools-test-build tools-test
unit unit-build sim-build tools man tools-test-build: check-includes
	+@mkdir -p '$(BUILD)' && flock '$(BUILD)/.unit$(addprefix -,$(SAN)).lock' \
		$(MAKE) -f tools/build/unit.mk BUILD='$(BUILD)' $@

tools-test:
	+@SAN='$(SAN)' FULL='$(FULL)' tests/tools/run

## make install          install the module for the running kernel (or KVER), the program
##                       dmsnap, its manual pages and shell completion; install-module and
##                       install-tools: only those. DESTDIR=DIR, PREFIX=/usr/local.
##                       make uninstall removes them
include tools/build/install.mk

## make doc              the documentation as HTML, in build/doc/html
.PHONY: doc
doc:
	@command -v sphinx-build > /dev/null || { \
		echo 'Sphinx is not installed. On Debian: apt install python3-sphinx python3-myst-parser' >&2; exit 1; }
	@mkdir -p '$(BUILD)/doc'
	@sphinx-build -q -W --keep-going -b html -d '$(BUILD)/doc/trees' Documentation '$(BUILD)/doc/html'
	@echo 'made $(BUILD)/doc/html/index.html'

## make dist             the source as a tarball, in build/dist
.PHONY: dist
dist:
	@tools/package/dist

## make package          build the Debian packages dmsnap-dkms, dmsnap-tools and dmsnap-doc, in
##                       build/package
.PHONY: package
package:
	+@tools/package/build

.PHONY: sim
sim:
	+@SAN='$(SAN)' tools/sim $(if $(SAN),--cycles 5000)

## make mutants [M=PART] seed defects into the core, one at a time, and see that the quick
##                       tests notice; those whose name holds PART
.PHONY: mutants
mutants: check-includes
	@tools/mutants $(M)

## make model [T=NAMES]  explore the lock-free parts of the core under a model of weak memory: all
##                       programs, or those named. SEED=N: for what is tried at random.
##                       tests/model/weaken weakens each memory order, and sees that they fail
.PHONY: model model-build
model model-build: check-includes
	+@mkdir -p '$(BUILD)' && flock '$(BUILD)/.model.lock' \
		$(MAKE) -f tools/build/model.mk BUILD='$(BUILD)' $@

## make coverage         what of the core neither the unit tests nor the simulator reach
.PHONY: coverage
coverage: check-includes
	@tools/coverage

## make fuzz [F=NAME]    run the fuzzers, or the one named, some seconds each: the same inputs
##                       every time, and then others. RUNS=N or SECONDS=N: that many, that long;
##                       SEED=N: only those of it; FAST=1: without the address sanitizer
.PHONY: fuzz fuzz-build
fuzz fuzz-build: check-includes
	+@mkdir -p '$(BUILD)' && flock '$(BUILD)/.fuzz$(if $(FAST),-fast).lock' \
		$(MAKE) -f tools/build/fuzz.mk BUILD='$(BUILD)' $@

## make check            everything that needs no kernel: formatting, include lines, headers
##                       on their own, freestanding and clang compiles, linters, the gates'
##                       self-test, mutants that still fit, unit tests
.PHONY: check
check: check-includes
	+@mkdir -p '$(BUILD)' && flock '$(BUILD)/.check.lock' \
		$(MAKE) -f tools/build/check.mk BUILD='$(BUILD)' check
	+@$(MAKE) unit

## make check-includes   include lines that cross the boundaries between the folders
.PHONY: check-includes
check-includes:
	@tools/build/check-includes

## make check-KIND       one kind: check-format, check-headers, check-freestanding,
##                       check-clang, check-selftest, check-mutants, and of the linters:
##                       check-shell, check-checkpatch, check-kernel-doc, check-boundary,
##                       check-man, check-spelling; check-sparse is for a built module
checks := check-format check-headers check-freestanding check-clang check-selftest check-mutants \
	check-shell check-checkpatch check-kernel-doc check-boundary check-man check-spelling
.PHONY: $(checks) tidy
$(checks) tidy:
	+@mkdir -p '$(BUILD)' && flock '$(BUILD)/.check.lock' \
		$(MAKE) -f tools/build/check.mk BUILD='$(BUILD)' $@

.PHONY: check-sparse
check-sparse: check-includes
	+@V='$(V)' tools/build/module --output '$(BUILD)' --sparse $(if $(KVER),--kver '$(KVER)')

## make hooks            install git's hooks in this clone: a template for commit messages, and
##                       a check of them
.PHONY: hooks
hooks:
	@git config core.hooksPath tools/hooks
	@git config commit.template tools/hooks/message
	@echo 'git now runs the hooks in tools/hooks, and starts each message from tools/hooks/message'

## make format           let clang-format rewrite the sources
.PHONY: format
format:
	@tools/build/format --fix

## make tidy             clang-tidy over the core and the user space port
## make vm [T=TEST]      run the tests in a guest, all or the one named
.PHONY: vm
vm:
	+@tests/vm/run $(T)

## make debug [K=um|smp] run the tests on the debug kernels, which are built first
.PHONY: debug
debug:
	+@tests/vm/debug $(K)

## make clean            remove the objects and modules
.PHONY: clean
clean:
	@rm -rf '$(BUILD)'/unit '$(BUILD)'/unit-san '$(BUILD)'/unit-tsan '$(BUILD)'/unit-cov '$(BUILD)'/check \
		'$(BUILD)'/fuzz '$(BUILD)'/fuzz-fast '$(BUILD)'/mutants '$(BUILD)'/model
	@for mirror in '$(BUILD)'/*/Kbuild; do \
		if [ -L "$$mirror" ]; then rm -rf "$${mirror%/Kbuild}"; fi; \
	done

## make distclean        remove everything that was made
.PHONY: distclean
distclean:
	@rm -rf '$(BUILD)'

## make help             this list
.PHONY: help
help:
	@sed -n 's/^## \{0,1\}//p' Makefile
