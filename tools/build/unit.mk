# SPDX-License-Identifier: GPL-2.0-only
#
# The core, the user space port and the unit tests, for user space.  The Makefile calls this under a
# lock:  make -f tools/build/unit.mk BUILD=build unit
#
#   libdmsnap-core.a   src/core, the same sources and dialect as in the module
#   libdmsnap-user.a   src/user, the port on files, memory and threads
#   unit-tests         tests/unit/**/*_test.cpp with tests/support, GoogleTest
#   sim                tests/sim, the simulator; CLI11
#   dmsnap             tools/dmsnap; CLI11, nlohmann-json, fmt, xxHash, libdevmapper, libkmod,
#                      ncurses, libsmartcols
#   man                Documentation/man, as pages for man
#   tool-tests         tests/tools/*_test.cpp, GoogleTest; store-maker makes the stores for the
#                      tests of the program, top-fake the snapshots for the views of top

include tools/build/cxx-flags.mk

CXX := $(if $(filter default,$(origin CXX)),g++-12,$(CXX))
ifeq ($(shell command -v $(CXX)),)
$(error C++ compiler $(CXX) not found. On Debian: apt install $(notdir $(CXX)); or name one: make unit CXX=g++)
endif

comma := ,
sanitizers := $(if $(SAN),-fsanitize=$(if $(filter thread,$(SAN)),thread,address$(comma)undefined))

# Another page size than 4096, as some kernels have.
pages := $(if $(PAGE_SIZE),-DDMSNAP_PAGE_SIZE=$(PAGE_SIZE)u)

out := $(BUILD)/unit$(PAGE_SIZE:%=-%)$(if $(SAN),$(if $(filter thread,$(SAN)),-tsan,-san))$(if $(COV),-cov)

find = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
core-sources := $(call find,src/core,*.cpp)
user-sources := $(call find,src/user,*.cpp)
# Only tests with threads can race; others take many times longer under the thread sanitizer
threaded := $(if $(filter thread,$(SAN)),$(shell grep -lr --include='*_test.cpp' 'std::thread ' tests/unit))
test-sources := $(or $(sort $(threaded)),$(call find,tests/unit,*_test.cpp)) $(call find,tests/support,*.cpp)

objects = $(patsubst %.cpp,$(out)/%.o,$(1))
core-objects := $(call objects,$(core-sources))
user-objects := $(call objects,$(user-sources))
test-objects := $(call objects,$(test-sources))
sim-objects := $(call objects,$(call find,tests/sim,*.cpp))
tool-objects := $(call objects,$(filter-out %/nbdkit_plugin.cpp,$(call find,tools/dmsnap,*.cpp)))
# The parts of the program and the core that the nbdkit plugin needs, compiled for a library.
plugin-objects := $(patsubst %.cpp,$(out)/plugin/%.o,$(call find,src/core/format,*.cpp) \
	$(addprefix tools/dmsnap/,serve/nbdkit_plugin.cpp serve/snapshot_view.cpp \
		store/store_source.cpp store/store_reader.cpp store/chunk_set.cpp store/image_lock.cpp \
		live/live_snapshot.cpp stream/half_applied.cpp stream/checksum.cpp cli/progress.cpp \
		system/volume.cpp system/new_file.cpp system/device_name.cpp system/state_folder.cpp \
		system/regular_file.cpp system/loop_file.cpp system/port.cpp))
tool-test-objects := $(call objects,$(call find,tests/tools,*_test.cpp))
store-maker-objects := $(call objects,tests/tools/store_maker.cpp)
top-fake-objects := $(call objects,tests/tools/top_fake.cpp)

# The core is optimised under the sanitizers too, because the model tests run millions of steps.
# The tests are not, because compiling them takes longer than running them.
flags := -O2 -g -funsigned-char -D_GLIBCXX_ASSERTIONS -pthread -MMD -MP \
	$(dmsnap-cxx-warnings) -Werror $(pages)
ifdef SAN
flags += -O1 $(sanitizers) -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer
# The thread sanitizer ignores fences.  The core orders only atomics with them, which cannot race
# even without a fence.
flags += $(if $(filter thread,$(SAN)),-Wno-tsan)
endif

# With COV=1 the core counts which lines are reached (tools/coverage).  It is not optimised, so that
# branches are those of the source.
ifdef COV
of-core := -O0 --coverage
# Processes of the simulator end without exit handlers
counting-objects := $(call objects,tests/coverage/exit.cpp)
counting := -Wl,--wrap=_exit $(counting-objects) --coverage
endif

# Additional flags of a package build
flags += $(CPPFLAGS) $(CXXFLAGS)

# The output of dmsnap --version
version := $(shell cat VERSION)
# The Linux series that dmsnap doctor knows as tested
tested := $(shell tools/lib/kernels.sh series)

# Headers are named from the root of their part: <dmsnap/core.h>,
# "exception/table.hpp" (core), "user/file.hpp", "support/disk.hpp".
core-includes := -Iinclude -Isrc/core
user-includes := -Iinclude -Isrc -Isrc/core
test-includes := $(user-includes) -Itests

# Headers that every test includes; they take as long to compile as the test itself.
precompiled := $(out)/precompiled.hpp
of-tests := -O0 -include $(precompiled)

# The core has its own dialect, so exceptions and dynamic_cast do not compile here either.  Code
# around it may throw, but has no run time type information, because its classes derive from the
# core's.
$(core-objects): cxxflags := $(dmsnap-cxx-dialect) $(flags) $(of-core) $(core-includes)
$(user-objects) $(counting-objects): cxxflags := -std=gnu++23 -fno-rtti $(flags) $(user-includes)
# Tables of several levels are instances of the core's templates with small nodes, which count as
# well
$(test-objects) $(tool-test-objects): \
	cxxflags = -std=gnu++23 -fno-rtti $(flags) $(test-includes) -Itools/dmsnap $(if $(filter %_test.o,$@),$(of-tests)) \
	$(if $(filter %/small_table.o,$@),$(of-core))
$(tool-objects): cxxflags := -std=gnu++23 -fno-rtti $(flags) $(core-includes) -Itools/dmsnap -DDMSNAP_VERSION='"$(version)"' \
	-DDMSNAP_TESTED_KERNELS='"$(tested)"'
$(plugin-objects): cxxflags := -std=gnu++23 -fno-rtti -fPIC -fvisibility=hidden $(flags) $(core-includes) \
	-Itools/dmsnap -DDMSNAP_VERSION='"$(version)"'
$(sim-objects) $(store-maker-objects) $(top-fake-objects): \
	cxxflags := -std=gnu++23 -fno-rtti $(flags) $(test-includes) -Itools/dmsnap

.PHONY: unit unit-build sim-build tools tools-test-build man
unit-build: $(out)/unit-tests
sim-build: $(out)/sim
tools: $(out)/dmsnap $(out)/nbdkit-dmsnap-plugin.so
tools-test-build: tools $(out)/tool-tests $(out)/store-maker $(out)/top-fake

# A plain word selects all tests with this word in their names
filter := $(if $(T),--gtest_filter='$(if $(findstring *,$(T))$(findstring :,$(T)),$(T),*$(T)*)')

# The stack of a fiber is poisoned as a whole, for which writing is faster than mapping again
run-env := UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=clear_shadow_mmap_threshold=1048576:$$ASAN_OPTIONS

unit: $(out)/unit-tests
	@$(out)/unit-tests --gtest_list_tests $(filter) | grep -q '^ ' || { \
		echo 'unit: no test$(if $(T), with "$(T)" in its name)' >&2; exit 1; }
	@$(run-env) tools/build/run-shards $(out)/unit-tests $(if $(filter),1,$$(nproc)) --gtest_brief=1 $(filter)

# The parts of the simulator that have unit tests.
sim-parts := $(call objects,tests/sim/plan.cpp tests/sim/store_rules.cpp) \
	$(filter-out %/study.o,$(call objects,$(call find,tests/sim/studies,*.cpp)))

$(out)/unit-tests: $(test-objects) $(sim-parts) $(counting-objects) $(out)/libdmsnap-user.a $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@[ -e /usr/include/gtest/gtest.h ] || { \
		echo 'GoogleTest is not installed. On Debian: apt install libgtest-dev' >&2; exit 1; }
	@# First the libraries: of an inline function the first one is taken, and theirs is fast
	@$(CXX) $(sanitizers) -pthread -o $@ \
		-L$(out) -Wl,--whole-archive -ldmsnap-user -ldmsnap-core -Wl,--no-whole-archive \
		$(test-objects) $(sim-parts) $(counting) -lgtest_main -lgtest

# The simulator shows progress as the tools do.
progress := $(call objects,tools/dmsnap/cli/progress.cpp)

$(out)/sim: $(sim-objects) $(progress) $(counting-objects) $(out)/libdmsnap-user.a $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) -pthread -o $@ $(counting) \
		$(sim-objects) $(progress) -L$(out) -Wl,--start-group -ldmsnap-user -ldmsnap-core -Wl,--end-group -lfmt

# Only the codec of the core is linked.
codec-objects := $(call objects,$(call find,src/core/format,*.cpp))
tool-libraries := -lfmt -lkmod -lxxhash -ldevmapper -lncursesw -ltinfo -lsmartcols -lblkid -lroaring -lsystemd -lzstd

$(out)/dmsnap: $(tool-objects) $(codec-objects) $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) $(LDFLAGS) -pthread -o $@ $(tool-objects) $(codec-objects) $(tool-libraries)

$(out)/nbdkit-dmsnap-plugin.so: $(plugin-objects) $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) $(LDFLAGS) -shared -pthread -o $@ $(plugin-objects) -lfmt -lxxhash -lroaring -ldevmapper

man-pages := $(patsubst Documentation/man/%.rst,$(out)/man/%,$(call find,Documentation/man,*.rst))

# The day of the build; for a package, the day of its changelog entry.
man-date := $(shell date -u -d '@$(or $(SOURCE_DATE_EPOCH),$(shell date +%s))' +%F)

# Its text is taken from the guide.
$(out)/man/dmsnap.4: Documentation/admin-guide.rst

man: $(man-pages)
	@:

$(man-pages): $(out)/man/%: Documentation/man/%.rst tools/build/man.sed
	@echo '  MAN     $@'
	@command -v rst2man > /dev/null || { \
		echo 'rst2man is not installed. On Debian: apt install python3-docutils' >&2; exit 1; }
	@mkdir -p $(@D)
	@rst2man --halt=warning $< $@.raw
	@sed -E -f tools/build/man.sed -e 's/^(\.TH "[^"]*" [0-9] )""/\1"$(man-date)"/' $@.raw > $@
	@rm $@.raw

# The parts that have unit tests; main() and the port are not among them.
tool-parts := $(filter-out $(call objects,tools/dmsnap/cli/main.cpp tools/dmsnap/system/port.cpp),$(tool-objects))

# The simulator without its main program and the design studies.
simulator := $(filter-out %/main.o %/sweep.o $(out)/tests/sim/studies/%,$(sim-objects))

$(out)/tool-tests: $(tool-test-objects) $(simulator) $(tool-parts) $(out)/libdmsnap-user.a $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) -pthread -o $@ $(tool-test-objects) $(simulator) $(tool-parts) -L$(out) \
		-Wl,--start-group -ldmsnap-user -ldmsnap-core -Wl,--end-group \
		$(tool-libraries) -lgtest_main -lgtest

$(out)/store-maker: $(store-maker-objects) $(out)/libdmsnap-user.a $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) -pthread -o $@ $(store-maker-objects) -L$(out) \
		-Wl,--start-group -ldmsnap-user -ldmsnap-core -Wl,--end-group

$(out)/top-fake: $(top-fake-objects) $(tool-parts) $(out)/libdmsnap-user.a $(out)/libdmsnap-core.a $(out)/.flags
	@echo '  LINK    $@'
	@$(CXX) $(sanitizers) -pthread -o $@ $(top-fake-objects) $(tool-parts) -L$(out) \
		-Wl,--start-group -ldmsnap-user -ldmsnap-core -Wl,--end-group $(tool-libraries)

# "ar" does not remove old members, so make the library from scratch: a removed file must not stay
# in it.
$(out)/libdmsnap-core.a: $(core-objects) $(out)/.files
	@echo '  AR      $@'
	@rm -f $@; $(AR) crs $@ $(core-objects)

$(out)/libdmsnap-user.a: $(user-objects) $(out)/.files
	@echo '  AR      $@'
	@rm -f $@; $(AR) crs $@ $(user-objects)

$(core-objects) $(user-objects) $(counting-objects) $(test-objects) $(sim-objects) $(tool-objects) \
$(tool-test-objects) $(store-maker-objects) $(top-fake-objects): $(out)/%.o: %.cpp $(out)/.flags
	@echo '  CXX     $@'
	@mkdir -p $(@D)
	@$(CXX) $(cxxflags) -c -o $@ $<

$(plugin-objects): $(out)/plugin/%.o: %.cpp $(out)/.flags
	@echo '  CXX     $@'
	@mkdir -p $(@D)
	@$(CXX) $(cxxflags) -c -o $@ $<

$(filter %_test.o,$(test-objects) $(tool-test-objects)): $(precompiled).gch

$(precompiled).gch: tests/support/precompiled.hpp $(out)/.flags
	@echo '  CXX     $@'
	@$(CXX) -std=gnu++23 -fno-rtti $(flags) -O0 -x c++-header -c -o $@ $<

$(out)/tools/dmsnap/cli/command_line.o $(out)/plugin/tools/dmsnap/serve/nbdkit_plugin.o: VERSION
$(out)/tools/dmsnap/live/installation.o: tools/lib/kernels.list

# These files change with their text: new flags or another compiler rebuild everything, an added or
# removed file rebuilds the libraries.
define keep
$(shell mkdir -p $(out); printf '%s\n' '$(2)' | cmp -s - $(1) || printf '%s\n' '$(2)' > $(1))
endef
$(call keep,$(out)/.flags,$(shell $(CXX) --version | head -n 1) $(dmsnap-cxx-dialect) $(flags)$(if $(COV), $(of-core)) $(test-includes))
$(call keep,$(out)/.files,$(core-sources) $(user-sources) $(test-sources))
$(out)/.flags $(out)/.files: ;

-include $(patsubst %.o,%.d,$(core-objects) $(user-objects) $(test-objects) $(sim-objects) $(tool-objects) \
	$(plugin-objects) $(tool-test-objects) $(store-maker-objects) $(top-fake-objects)) $(precompiled).d

.DELETE_ON_ERROR:
MAKEFLAGS += -r
