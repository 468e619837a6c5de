# SPDX-License-Identifier: GPL-2.0-only
#
# The fuzzers, tests/fuzz/NAME, with clang's libFuzzer.  The Makefile calls this under a lock:
# make -f tools/build/fuzz.mk BUILD=build fuzz
#
# A fuzzer is a program of the core, a port, and NAME's sources.  The port is as cheap as possible
# (tests/fuzz/port); sim drives the simulator instead, and the fuzzers of the program dmsnap use
# tests/fuzz/tool.  A run starts with tests/fuzz/corpus/NAME and is the same each time, because
# its seed and number of runs are fixed.

include tools/build/cxx-flags.mk

FUZZ_CXX ?= clang++-19
ifeq ($(shell command -v $(FUZZ_CXX)),)
fuzz fuzz-build:
	@echo 'fuzz: skipped, no $(FUZZ_CXX). On Debian: apt install clang-19 libclang-rt-19-dev'
else

# FAST=1: without the address sanitizer; undefined behaviour just ends the run.
out := $(BUILD)/fuzz$(if $(FAST),-fast)
comma := ,
sanitizers := -fsanitize=$(if $(FAST),,address$(comma))undefined \
	-fno-sanitize=vptr $(if $(FAST),-fsanitize-trap=undefined,-fno-sanitize-recover=all)

# The default length of a run, about 7 seconds.
runs-codec := 1000000
runs-table_line := 1000000
runs-message := 40000
runs-store := 8000
runs-sim := 1000
# Fuzzers of the program dmsnap make files for each run.
runs-apply := 15000
runs-restore := 150000
runs-repair := 12000
runs-fio_log := 80000
runs-doctor := 10000
runs-changes := 5000

tool-fuzzers := apply restore repair fio_log doctor changes

fuzzers := $(patsubst runs-%,%,$(sort $(filter runs-%,$(.VARIABLES))))
chosen := $(if $(F),$(F),$(fuzzers))
$(if $(filter-out $(fuzzers),$(chosen)),$(error fuzz: there are $(fuzzers); not $(F)))

find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
objects = $(patsubst %.cpp,$(out)/%.o,$(1))
core-objects := $(call objects,$(call find,src/core,*.cpp))
port-objects := $(call objects,$(call find,tests/fuzz/port,*.cpp) \
	$(addprefix src/user/,context.cpp failure.cpp port_pool.cpp port_target.cpp))
simulator-objects := $(call objects,$(call find,src/user,*.cpp) \
	$(filter-out %/main.cpp %/sweep.cpp tests/sim/studies/%,$(call find,tests/sim,*.cpp)))
# The program without its command line, and without what only that needs.
tool-objects := $(call objects,$(filter-out %/main.cpp %/command_line.cpp %/completion.cpp \
		%/option_words.cpp %_commands.cpp %/nbdkit_plugin.cpp %/live/module_file.cpp \
		%/system/loop_file.cpp %/store/read_pieces.cpp, \
	$(call find,tools/dmsnap,*.cpp)) $(call find,tests/fuzz/tool,*.cpp))
tool-libraries := -lfmt -lxxhash -ldevmapper -lncursesw -ltinfo -lsmartcols -lblkid -lroaring -lsystemd -lzstd
own-objects = $(call objects,$(call find,tests/fuzz/$(1),*.cpp))
objects-of = $(own-objects) \
	$(if $(filter sim,$(1)),$(simulator-objects),$(if $(filter $(tool-fuzzers),$(1)),$(tool-objects),$(port-objects)))
all-objects := $(sort $(core-objects) $(foreach f,$(fuzzers),$(call objects-of,$(f))))

# The port of src/user detects the address sanitizer by gcc's macro.
flags := $(if $(FAST),,-D__SANITIZE_ADDRESS__) -O2 -g -fno-omit-frame-pointer -funsigned-char \
	-D_GLIBCXX_ASSERTIONS -MMD -MP $(dmsnap-cxx-warnings) -Werror $(sanitizers)
core-includes := -Iinclude -Isrc/core
fuzz-includes := -Iinclude -Isrc -Isrc/core -Itests -Itools/dmsnap

# Only new paths of the core count.  Recording comparisons would take half of the time, and the
# dictionaries have the words that matter.
coverage := -fsanitize-coverage=inline-8bit-counters,pc-table

$(core-objects): cxxflags := $(dmsnap-cxx-dialect) $(flags) $(coverage) $(core-includes)
$(filter-out $(core-objects),$(all-objects)): \
	cxxflags = -std=gnu++23 -fno-rtti $(flags) $(more-flags) $(fuzz-includes)
# Much of the codec is in headers.  The fuzzers of the program measure the program.
$(call own-objects,codec) $(tool-objects): more-flags := $(coverage)
# The Linux series that dmsnap doctor knows as tested, as in unit.mk
$(out)/tools/dmsnap/live/installation.o: more-flags := $(coverage) \
	-DDMSNAP_TESTED_KERNELS='"$(shell tools/lib/kernels.sh series)"'
# Arrays with enumerators as indexes, which gcc accepts.
$(simulator-objects): more-flags := -Wno-c99-designator

.PHONY: fuzz fuzz-build
fuzz-build: $(chosen:%=$(out)/%)

fuzz: fuzz-build
	@tests/fuzz/run --programs $(out) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(SEED),--seed $(SEED)) \
		$(foreach f,$(chosen),$(f)=$(if $(RUNS),$(RUNS),$(runs-$(f))))

.SECONDEXPANSION:
# These link only the codec of the core.
$(tool-fuzzers:%=$(out)/%): $(out)/%: $$(call objects-of,$$*) $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@$(FUZZ_CXX) $(sanitizers) -fsanitize=fuzzer -no-pie -o $@ $(filter %.o %.a,$^) $(tool-libraries)

$(out)/libdmsnap-core.a: $(core-objects)
	@echo '  AR      $@'
	@rm -f $@; ar crs $@ $^

$(filter-out $(tool-fuzzers:%=$(out)/%),$(fuzzers:%=$(out)/%)): $(out)/%: $$(call objects-of,$$*) $(core-objects) $(out)/.flags
	@echo '  LINK    $@'
	@$(FUZZ_CXX) $(sanitizers) -fsanitize=fuzzer -no-pie -o $@ $(filter %.o,$^)

$(all-objects): $(out)/%.o: %.cpp $(out)/.flags
	@echo '  CXX     $@'
	@mkdir -p $(@D)
	@$(FUZZ_CXX) $(cxxflags) -c -o $@ $<

# As in unit.mk: changes with the flags.
define keep
$(shell mkdir -p $(out); printf '%s\n' '$(2)' | cmp -s - $(1) || printf '%s\n' '$(2)' > $(1))
endef
$(call keep,$(out)/.flags,$(shell $(FUZZ_CXX) --version | head -n 1) $(dmsnap-cxx-dialect) $(flags) $(coverage) $(fuzz-includes))
$(out)/.flags: ;

-include $(all-objects:.o=.d)
endif

.DELETE_ON_ERROR:
MAKEFLAGS += -r
