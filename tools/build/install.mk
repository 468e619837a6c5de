# SPDX-License-Identifier: GPL-2.0-only
#
# Installation without a package.  Included by the Makefile.
#
# DESTDIR is prepended to every path; PREFIX is where the program goes.  The module goes where the
# module tools look before the in-tree module.

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: install install-module install-tools uninstall
install: install-module install-tools

install-module:
	+@V='$(V)' tools/build/install-module --output '$(BUILD)' --destdir '$(DESTDIR)' \
		$(if $(KVER),--kver '$(KVER)')

pages = $(patsubst Documentation/man/%.rst,%,$(wildcard Documentation/man/*.rst))
# They ask the installed program what to complete: it cannot run here if it is built for another
# architecture.
shell-files := $(PREFIX)/share/bash-completion/completions/dmsnap \
	$(PREFIX)/share/fish/vendor_completions.d/dmsnap.fish \
	$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_dmsnap

# Where systemd looks for units; for Debian's packages in /lib.
UNITDIR ?= $(PREFIX)/lib/systemd/system
units := $(patsubst tools/dmsnap/systemd/%,%,$(wildcard tools/dmsnap/systemd/*))
monitoring := alerts.yml grafana-dashboard.json

# Where nbdkit looks for plugins.
PKG_CONFIG ?= pkg-config
PLUGINDIR ?= $(or $(shell $(PKG_CONFIG) --variable=plugindir nbdkit 2>/dev/null),$(PREFIX)/lib/nbdkit/plugins)
plugin := nbdkit-dmsnap-plugin.so

install-tools: tools man
	@install -D -m 755 '$(BUILD)/unit/dmsnap' '$(DESTDIR)$(PREFIX)/sbin/dmsnap'
	@install -D -m 644 '$(BUILD)/unit/$(plugin)' '$(DESTDIR)$(PLUGINDIR)/$(plugin)'
	@for page in $(pages); do \
		install -D -m 644 "$(BUILD)/unit/man/$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page"; \
	done
	@for unit in $(units); do \
		mkdir -p '$(DESTDIR)$(UNITDIR)'; \
		sed 's,@SBINDIR@,$(PREFIX)/sbin,' "tools/dmsnap/systemd/$$unit" > "$(DESTDIR)$(UNITDIR)/$$unit"; \
	done
	@for file in $(monitoring); do \
		install -D -m 644 "Documentation/monitoring/$$file" "$(DESTDIR)$(PREFIX)/share/dmsnap/$$file"; \
	done
	@for file in $(shell-files); do \
		mkdir -p "$(DESTDIR)$${file%/*}"; \
		sed 's,@SBINDIR@,$(PREFIX)/sbin,' "tools/dmsnap/completion/$${file##*/}" > "$(DESTDIR)$$file"; \
	done
	@echo 'installed dmsnap, its manual pages, shell completion and units of systemd in $(DESTDIR)$(PREFIX)'

uninstall:
	+@tools/build/install-module --uninstall --destdir '$(DESTDIR)' $(if $(KVER),--kver '$(KVER)')
	@rm -f '$(DESTDIR)$(PREFIX)/sbin/dmsnap' '$(DESTDIR)$(PLUGINDIR)/$(plugin)' \
		$(foreach page,$(pages),'$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(page)') \
		$(shell-files:%='$(DESTDIR)%') $(units:%='$(DESTDIR)$(UNITDIR)/%') \
		$(monitoring:%='$(DESTDIR)$(PREFIX)/share/dmsnap/%')
	@echo 'removed dmsnap, its manual pages, shell completion and units of systemd from $(DESTDIR)$(PREFIX)'
