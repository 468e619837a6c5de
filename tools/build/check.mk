# SPDX-License-Identifier: GPL-2.0-only
#
# Checks of the sources that need neither a kernel nor a test run.  The Makefile calls this under a
# lock.  An empty file in build/check stands for a file that passed; the file is checked again when
# it or one of its headers changes.

include tools/build/cxx-flags.mk

CXX := $(if $(filter default,$(origin CXX)),g++-12,$(CXX))
CC := $(if $(filter default,$(origin CC)),gcc-12,$(CC))
# A cross compiler has the binutils of its target: aarch64-linux-gnu-g++-12, aarch64-linux-gnu-ld.
target := $(shell $(CXX) -dumpmachine 2>/dev/null)
CROSS_COMPILE ?= $(if $(filter $(target)-%,$(notdir $(CXX))),$(target)-)
LD := $(if $(filter default,$(origin LD)),$(CROSS_COMPILE)ld,$(LD))
export CROSS_COMPILE

out := $(BUILD)/check$(CROSS_COMPILE:%-=-%)

define need
ifeq ($$(shell command -v $(1)),)
$$(error Compiler $(1) not found. On Debian: apt install $(notdir $(1)); or name one: make $(2))
endif
endef
$(eval $(call need,$(CXX),CXX=g++))
$(eval $(call need,$(CC),CC=gcc))

find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
c-headers := $(call find,include,*.h)
core-headers := $(call find,src/core,*.hpp)
user-headers := $(call find,src/user tests/support tools/dmsnap,*.hpp)
core-sources := $(call find,src/core,*.cpp)
user-sources := $(call find,src/user,*.cpp)

core-includes := -Iinclude -Isrc/core
user-includes := $(core-includes) -Isrc -Itests -Itools/dmsnap

deps = -MMD -MP -MF $(@:.ok=.d) -MT $@

.PHONY: check check-format check-headers check-freestanding check-clang check-selftest check-mutants tidy
check: check-format check-headers check-freestanding check-clang check-selftest check-mutants
	@:

check-format:
	@tools/build/format

check-mutants:
	@tools/mutants --check

gates := $(addprefix tools/build/,selftest check-ko check-includes boundary checkpatch commit-message areas.txt spelling phrases.txt words.txt)

check-selftest: $(out)/selftest.ok
	@:

$(out)/selftest.ok: $(gates) $(out)/.flags
	@CXX=$(CXX) tools/build/selftest && touch $@

# Compiles each header by itself and twice: it must include what it uses, and allow repetition.
# Headers of the boundary are compiled in both languages, as C with the flags of 6.1.

c-alone := $(c-headers:%=$(out)/alone/c/%.ok)
cxx-alone := $(c-headers:%=$(out)/alone/cxx/%.ok) $(core-headers:%=$(out)/alone/cxx/%.ok)
user-alone := $(user-headers:%=$(out)/alone/user/%.ok)

check-headers: $(c-alone) $(cxx-alone) $(user-alone)
	@:

# The compiler gets the header's name on standard input.  As the main file, a header with #pragma
# once would cause a warning.
alone = @echo '  ALONE   $* ($(1))'; mkdir -p $(@D); \
	printf '\#include "%s"\n\#include "%s"\n' '$*' '$*' | \
		$(2) -iquote . -fsyntax-only $(deps) - && touch $@

$(c-alone): $(out)/alone/c/%.ok: % $(out)/.flags
	$(call alone,C,$(CC) -x c -std=gnu11 -Wall -Wextra -Werror -Wstrict-prototypes \
		-Wmissing-prototypes -Wdeclaration-after-statement -Iinclude)

$(cxx-alone): $(out)/alone/cxx/%.ok: % $(out)/.flags
	$(call alone,C++,$(CXX) -x c++ $(dmsnap-cxx-dialect) $(dmsnap-cxx-freestanding) \
		$(dmsnap-cxx-warnings) -Werror $(core-includes))

$(user-alone): $(out)/alone/user/%.ok: % $(out)/.flags
	$(call alone,C++,$(CXX) -x c++ -std=gnu++23 -fno-rtti $(dmsnap-cxx-warnings) -Werror \
		$(user-includes))

# Compiles the core as for a kernel, as far as possible without one, and links it into one object.
# Detects static constructors, floating point, large stack frames, and anything that the core needs
# besides the port.

freestanding-objects := $(core-sources:%.cpp=$(out)/core/%.o)

check-freestanding: $(if $(core-sources),$(out)/core/core.ok)
	@:

kernel-like := -O2 -g -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-pic \
	-fstack-protector-strong -Wframe-larger-than=2048
ifneq ($(filter x86_64-%,$(target)),)
kernel-like += -mcmodel=kernel -mno-red-zone -mno-mmx -mno-sse -mno-sse2 -mno-80387 -mno-avx
endif
ifneq ($(filter aarch64-%,$(target)),)
kernel-like += -mgeneral-regs-only $(dmsnap-cxx-arm64) \
	-mstack-protector-guard=sysreg -mstack-protector-guard-reg=sp_el0 -mstack-protector-guard-offset=0
endif

$(freestanding-objects): $(out)/core/%.o: %.cpp $(out)/.flags
	@echo '  CXX     $< (freestanding)'
	@mkdir -p $(@D)
	@$(CXX) $(dmsnap-cxx-dialect) $(dmsnap-cxx-freestanding) $(dmsnap-cxx-warnings) -Werror \
		$(kernel-like) $(core-includes) -MMD -MP -c -o $@ $<

$(out)/core/core.ok: $(freestanding-objects) tools/build/check-ko $(out)/.files
	@echo '  GATE    core'
	@$(LD) -r -o $(out)/core/core.o $(freestanding-objects)
	@tools/build/check-ko --core $(out)/core/core.o
	@touch $@

# A second compiler, which also checks the lock annotations.

# libstdc++ 12's <expected> needs concepts and conditionally trivial destructors, which clang has
# since 16.
clang-candidates := clang++-19 clang++-18 clang++-17 clang++-16
CLANGXX ?= $(firstword $(foreach c,$(clang-candidates),$(shell command -v $(c))))
clang-version := $(if $(CLANGXX),$(shell $(CLANGXX) -dumpversion | cut -d. -f1))

clang-flags := -std=gnu++2b -fno-exceptions -fno-rtti -ffreestanding \
	-funsigned-char $(dmsnap-cxx-warnings) -Werror -Wno-unused-command-line-argument \
	-Wthread-safety -Wthread-safety-beta -Wglobal-constructors -Wexit-time-destructors

clang-stamps := $(core-sources:%=$(out)/clang/%.ok)

ifeq ($(CLANGXX),)
check-clang:
	@echo 'check-clang: skipped, no clang. On Debian: apt install clang-19'
else
check-clang: $(clang-stamps)
	@:
endif

$(clang-stamps): $(out)/clang/%.ok: % $(out)/.flags
	@echo '  CLANG   $<'
	@mkdir -p $(@D)
	@$(CLANGXX) $(clang-flags) $(core-includes) $(deps) -fsyntax-only $< && touch $@

# The clang-tidy of this clang's version.

TIDY ?= $(firstword $(foreach v,$(clang-version),$(shell command -v clang-tidy-$(v))))
tidy-stamps := $(core-sources:%=$(out)/tidy/%.ok) $(user-sources:%=$(out)/tidy/%.ok)

ifeq ($(TIDY),)
tidy:
	@echo 'tidy: skipped, no clang-tidy. On Debian: apt install clang-tidy-19'
else
tidy: $(tidy-stamps)
	@:
endif

# Headers count through the clang check's dependencies; the rest is for "clean".
$(tidy-stamps): $(out)/tidy/%.ok: % .clang-tidy $(core-headers) $(user-headers) $(c-headers)
	@echo '  TIDY    $<'
	@mkdir -p $(@D)
	@$(TIDY) --quiet $< -- -std=gnu++2b -Wno-macro-redefined -fno-rtti \
		$(if $(filter src/core/%,$<),-fno-exceptions -ffreestanding) $(user-includes) && touch $@

include tools/build/lint.mk

# As in unit.mk: files that change with the flags or the list of files.
define keep
$(shell mkdir -p $(out); printf '%s\n' '$(2)' | cmp -s - $(1) || printf '%s\n' '$(2)' > $(1))
endef
$(call keep,$(out)/.flags,$(shell $(CXX) --version | head -n 1) $(CLANGXX) $(dmsnap-cxx-dialect) \
	$(dmsnap-cxx-freestanding) $(dmsnap-cxx-warnings) $(kernel-like) $(clang-flags))
$(call keep,$(out)/.files,$(core-sources))
$(out)/.flags $(out)/.files: ;

-include $(patsubst %.ok,%.d,$(c-alone) $(cxx-alone) $(user-alone) $(clang-stamps))
-include $(freestanding-objects:.o=.d)

.DELETE_ON_ERROR:
