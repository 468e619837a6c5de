# SPDX-License-Identifier: GPL-2.0-only
#
# C++ for Kbuild: compile %.cpp with the flags of the kernel that is built for.
#
# The flags are the kernel's own (_c_flags, modkern_cflags) without the words
# that only C knows.  Nothing about mitigations, tracing or sanitizers is
# listed here, so none of it can be forgotten when a kernel turns it on.

include $(src)/tools/build/cxx-flags.mk

# The C++ compiler of the same version as the kernel's C compiler.  The headers
# packages depend on gcc only, so this is the first thing a user is missing.
dmsnap-cc := $(lastword $(CC))
CXX := $(patsubst %$(dmsnap-cc),%$(subst gcc,g++,$(dmsnap-cc)),$(CC))
dmsnap-cxx := $(lastword $(CXX))

ifneq ($(findstring clang,$(CC)),)
$(error dm-snapshot: the C++ core is built with gcc kernels only, and this kernel is built with $(dmsnap-cc))
endif
ifeq ($(shell command -v $(dmsnap-cxx) 2>/dev/null),)
# aarch64-linux-gnu-g++-12 is in the package g++-12-aarch64-linux-gnu
dmsnap-words := $(filter-out x86_64,$(subst -linux-gnu-, ,$(notdir $(dmsnap-cxx))))
dmsnap-package := $(lastword $(dmsnap-words))$(if $(word 2,$(dmsnap-words)),-$(firstword $(dmsnap-words))-linux-gnu)
$(error dm-snapshot: C++ compiler $(dmsnap-cxx) not found. It has to match the kernel's $(dmsnap-cc). On Debian: apt install $(dmsnap-package))
endif

# Words of the kernel's command line that g++ refuses or warns about, with the
# ones that other configurations and releases add.
dmsnap-c-only := -std=% -Wold-style-definition -Wdeclaration-after-statement \
	-Wstrict-prototypes -Wmissing-prototypes \
	-Wno-pointer-sign -Wno-override-init -Wno-main -Wno-implicit-int \
	-Wenum-conversion -Wno-designated-init -Wno-discarded-qualifiers \
	-Wno-incompatible-pointer-types \
	-Werror=designated-init -Werror=implicit-function-declaration \
	-Werror=implicit-int -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Werror=strict-prototypes

# DWARF of C++ breaks pahole 1.24, and make then deletes the module.  The
# Makefile empties CONFIG_DEBUG_INFO_BTF_MODULES, which turns the BTF step off
# and keeps our debug information.  When Kbuild is called in another way, leave
# out the debug information of the C++ part instead: BTF of the C part is made.
dmsnap-cxx-debug := $(if $(CONFIG_DEBUG_INFO_BTF_MODULES),-g0)

# See SpinLock::assert_held() in src/core/base/guard.hpp.
dmsnap-cxx-locks := $(if $(CONFIG_LOCKDEP),,-DDMSNAP_NO_LOCKDEP)

# No kernel header beyond the CONFIG_ macros and the file whose change says
# that the compiler changed.  There is no -nostdinc: the C++ library's
# configuration header wants the C library's <features.h>.
dmsnap-cxx-include = \
	-include $(srctree)/include/linux/compiler-version.h \
	-include $(srctree)/include/linux/kconfig.h \
	-I$(objtree)/include -I$(srctree)/include/generated \
	-I$(src)/src/core

cxx_flags = -Wp,-MMD,$(depfile) $(dmsnap-cxx-include) \
	$(filter-out $(dmsnap-c-only),$(_c_flags)) $(modkern_cflags) \
	$(basename_flags) $(modname_flags) \
	$(dmsnap-cxx-dialect) $(dmsnap-cxx-freestanding) $(dmsnap-cxx-warnings) \
	$(dmsnap-cxx-debug) $(dmsnap-cxx-locks) $(if $(CONFIG_ARM64),$(dmsnap-cxx-arm64))

# Inline functions, templates and vtables come in COMDAT groups.  "ld -r" keeps
# the first of equal groups and then stops at the tables (__mcount_loc,
# __patchable_function_entries, .orc_unwind_ip, .return_sites) that still refer
# to the ones it dropped.  Without the group marks all copies stay, as weak
# symbols of which the first is used everywhere: an inline variable remains one
# object.  objtool must see the result, so the marks go first.
quiet_cmd_cxx_o_cpp = CXX $(quiet_modtag)  $@
      cmd_cxx_o_cpp = $(CXX) $(cxx_flags) -c -o $@ $<; \
		$(OBJCOPY) --remove-section=.group $@ $(cmd_objtool)

# Refuse here, where the file's name is known, what tools/build/check-ko would
# refuse in the module.  Modules of kernels without CONFIG_CONSTRUCTORS (all of
# Debian's) never get their static constructors run: the object would stay zero
# without a word.  KASAN and GCOV, which select it, use .init_array themselves.
dmsnap-bad-sections := eh_frame|gcc_except_table|tbss|tdata
ifndef CONFIG_CONSTRUCTORS
dmsnap-bad-sections := $(dmsnap-bad-sections)|init_array|fini_array|ctors|dtors
endif
cmd_cxx_sections = \
	if $(OBJDUMP) -h $@ | grep -E ' \.($(dmsnap-bad-sections))(\.[^ ]*)? ' >&2; then \
		echo >&2 '$(patsubst $(src)/%,%,$<): static constructor or destructor,' \
			'thread local variable or exception table (make it constinit)'; \
		false; \
	fi

define rule_cxx_o_cpp
	$(call cmd_and_fixdep,cxx_o_cpp)
	$(call cmd,cxx_sections)
	$(call cmd,gen_objtooldep)
	$(call cmd,record_mcount)
endef

$(obj)/%.o: $(src)/%.cpp FORCE
	$(call if_changed_rule,cxx_o_cpp)

# Single targets to look at what the compiler makes of a file:
#   make -C KDIR M=$PWD/build/RELEASE src/core/snapshot/snapshot.s
quiet_cmd_cxx_s_cpp = CXX $(quiet_modtag)  $@
      cmd_cxx_s_cpp = $(CXX) $(cxx_flags) -g0 -fverbose-asm -S -o $@ $<

$(obj)/%.s: $(src)/%.cpp FORCE
	$(call if_changed_dep,cxx_s_cpp)

quiet_cmd_cxx_i_cpp = CXXPP $(quiet_modtag) $@
      cmd_cxx_i_cpp = $(CXX) $(cxx_flags) -E -o $@ $<

$(obj)/%.i: $(src)/%.cpp FORCE
	$(call if_changed_dep,cxx_i_cpp)
