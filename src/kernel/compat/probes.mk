# SPDX-License-Identifier: GPL-2.0-only
#
# Compile probes: which interfaces does the kernel have that we build for?
#
# Every file probes/NAME.c is compiled with the flags of the binding's own files;
# one that compiles becomes "#define DMSNAP_HAVE_NAME 1" in config.h, which all
# C files of the module see.  compat.h uses them.  A probe must compile
# without a warning that kernel builds take for an error.
#
# Read by Kbuild, after dm-snapshot-y is complete.

dmsnap-probes := $(sort $(wildcard $(src)/src/kernel/compat/probes/*.c))
dmsnap-config := $(obj)/src/kernel/compat/config.h

dmsnap-c-objects := $(foreach object,$(dm-snapshot-y),$(if $(wildcard $(src)/$(object:.o=.c)),$(object)))
$(foreach object,$(dmsnap-c-objects),$(eval CFLAGS_$(object) += -include $(dmsnap-config)))
$(addprefix $(obj)/,$(dmsnap-c-objects)): $(dmsnap-config)

# Warnings of the probes are not ours, and they have no dependency files: the
# answers are made again when the flags, the probes or the kernel's release change.
dmsnap-probe-flags = $(filter-out -Wp$(comma)-M% -Werror,$(c_flags))

quiet_cmd_dmsnap_probe = PROBE $(quiet_modtag) $@
      cmd_dmsnap_probe = \
	for probe in $(dmsnap-probes); do \
		name=$$(basename $$probe .c); \
		if $(CC) $(dmsnap-probe-flags) -fsyntax-only $$probe > $@.log 2>&1; then \
			[ $$name = always ] || \
				echo "\#define DMSNAP_HAVE_$$(echo $$name | tr a-z A-Z) 1"; \
		elif [ $$name = always ]; then \
			cat $@.log >&2; \
			exit 1; \
		fi; \
	done > $@; \
	rm -f $@.log

$(dmsnap-config): $(dmsnap-probes) $(objtree)/include/generated/utsrelease.h FORCE
	$(call if_changed,dmsnap_probe)

targets += src/kernel/compat/config.h
clean-files += src/kernel/compat/config.h
