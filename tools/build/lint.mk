# SPDX-License-Identifier: GPL-2.0-only
#
# Checks of the sources with linters.  Included by check.mk.

.PHONY: check-shell check-checkpatch check-kernel-doc check-boundary check-man check-spelling
check: check-shell check-checkpatch check-kernel-doc check-boundary check-man check-spelling

# lint NAME,PATH,TOOL,PACKAGE,STAMPS: the target check-NAME.  If the tool is missing, and PATH
# empty, it prints a line that tools/test counts as a failure.
define lint
ifeq ($(2),)
check-$(1):
	@echo 'check-$(1): skipped, no $(3). On Debian: apt install $(4)'
else
check-$(1): $(5)
	@:
endif
endef
program = $(shell command -v $(1))

# The scripts, found by name or first line.  .shellcheckrc says what is disabled and why.

scripts := $(sort $(call find,tools tests,*.sh) tools/package/dkms.conf \
	$(shell grep -rlE -m 1 --exclude-dir=corpus '^.!/bin/(ba)?sh' .ci tools tests))
script-stamps := $(scripts:%=$(out)/shell/%.ok)
$(eval $(call lint,shell,$(call program,shellcheck),shellcheck,shellcheck,$(script-stamps)))

$(script-stamps): $(out)/shell/%.ok: % .shellcheckrc
	@echo '  SHELL   $<'
	@mkdir -p $(@D)
	@shellcheck --format=gcc $< && touch $@

# The kernel's C, as checked by kernel maintainers.

kernel-c := $(call find,src/kernel tests/kunit,*.[ch]) $(c-headers)
$(eval $(call lint,checkpatch,$(wildcard /usr/src/linux-source-6.12.tar.xz),checkpatch.pl,linux-source-6.12,$(out)/checkpatch.ok))

$(out)/checkpatch.ok: $(kernel-c) tools/build/checkpatch
	@echo '  CHECKPATCH'
	@mkdir -p $(@D)
	@tools/build/checkpatch $(if $(filter %/checkpatch,$?),$(kernel-c),$?) && touch $@

# The comments of the boundary, with all warnings of kernel-doc.

kernel-doc := $(lastword $(sort $(wildcard /usr/lib/linux-kbuild-*/scripts/kernel-doc)))
$(eval $(call lint,kernel-doc,$(kernel-doc),kernel-doc,linux-kbuild-6.1,$(out)/kernel-doc.ok))

$(out)/kernel-doc.ok: $(c-headers) $(call find,src/kernel,*.[ch])
	@echo '  KERNEL-DOC'
	@mkdir -p $(@D)
	@$(kernel-doc) -none -Wall -Werror $^ && touch $@

# The document that is made from them.
check-boundary:
	@tools/build/boundary --check

# The manual pages.  Their long lines come from their sources.

man-sources := $(call find,Documentation/man,*.rst)
$(eval $(call lint,man,$(call program,mandoc),mandoc,mandoc,$(out)/man.ok))

$(out)/man.ok: $(man-sources) Documentation/admin-guide.rst tools/build/man.sed
	@$(MAKE) -f tools/build/unit.mk BUILD='$(BUILD)' man
	@echo '  MANDOC'
	@mkdir -p $(@D)
	@! mandoc -Tlint $(man-sources:Documentation/man/%.rst=$(BUILD)/unit/man/%) | \
		grep -v 'STYLE: input text line longer than 80 bytes'
	@touch $@

# Spelling, and phrases that are not plain English.

$(eval $(call lint,spelling,$(call program,codespell),codespell,codespell,spelling))
.PHONY: spelling
spelling:
	@echo '  SPELLING'
	@tools/build/spelling
