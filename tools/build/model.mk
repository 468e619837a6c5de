# SPDX-License-Identifier: GPL-2.0-only
#
# The core's lock-free parts under a model of weak memory (tests/model).  The Makefile calls this
# under a lock:  make -f tools/build/model.mk BUILD=build model
#
#   model-tests   tests/model, with the sources of the core that its programs use; tests/model comes
#                 before src/core in the include path, so its base/atomic.hpp takes the place of the
#                 core's

include tools/build/cxx-flags.mk

CXX := $(if $(filter default,$(origin CXX)),g++-12,$(CXX))
ifeq ($(shell command -v $(CXX)),)
$(error C++ compiler $(CXX) not found. On Debian: apt install $(notdir $(CXX)); or name one: make model CXX=g++)
endif

out := $(BUILD)/model

core-sources := $(addprefix src/core/,base/worker.cpp io/copied_map.cpp io/regions.cpp \
	origin/snapshot_set.cpp snapshot/handover.cpp)
model-sources := $(sort $(wildcard tests/model/engine/*.cpp tests/model/programs/*.cpp))
objects := $(patsubst %.cpp,$(out)/%.o,$(core-sources) $(model-sources))

# What the programs do not call is left out, and needs no definition
flags := $(dmsnap-cxx-dialect) -O2 -g -funsigned-char -D_GLIBCXX_ASSERTIONS -MMD -MP \
	-ffunction-sections $(dmsnap-cxx-warnings) -Werror -Iinclude -Itests/model -Isrc/core -Itests

.PHONY: model model-build
model-build: $(out)/model-tests

model: $(out)/model-tests
	@$(out)/model-tests $(if $(SEED),--seed $(SEED)) $(T)

$(out)/model-tests: $(objects) $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) -Wl,--gc-sections -o $@ $(objects)

$(objects): $(out)/%.o: %.cpp $(out)/.flags
	@echo '  CXX     $@'
	@mkdir -p $(@D)
	@$(CXX) $(flags) -c -o $@ $<

# It changes with its text: new flags, or another list of files, rebuild everything.
define keep
$(shell mkdir -p $(out); printf '%s\n' '$(2)' | cmp -s - $(1) || printf '%s\n' '$(2)' > $(1))
endef
$(call keep,$(out)/.flags,$(shell $(CXX) --version | head -n 1) $(flags) $(objects))
$(out)/.flags: ;

-include $(objects:.o=.d)

.DELETE_ON_ERROR:
MAKEFLAGS += -r
