# SPDX-License-Identifier: Apache-2.0
# One makefile for everything; "make help" lists what it can do.

VERSION := $(shell cat VERSION)
# What the build date stands for in the agent: no clock of a phone can be before it.
# A tarball of "make dist" says it in MANIFEST; what encloses it may be another project's repository.
SOURCE_DATE_EPOCH ?= $(shell sed -n '1s/^committed at //p' MANIFEST 2>/dev/null | grep . || \
	git log -1 --format=%ct 2>/dev/null || date -r VERSION +%s)

CC ?= cc
AR ?= ar
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr
SYSCONFDIR ?= /etc
STATEDIR ?= /var/lib/mdm-agent
RUNDIR ?= /run/mdm-agent
LIBEXECDIR ?= $(PREFIX)/libexec/mdm-agent
# Where libpam looks for its modules: beside the library on Debian, /usr/lib/security on Alpine.
MULTIARCH ?= $(shell $(CC) -print-multiarch 2>/dev/null)
PAMDIR ?= $(if $(and $(MULTIARCH),$(wildcard /usr/lib/$(MULTIARCH))),$(PREFIX)/lib/$(MULTIARCH)/security,$(PREFIX)/lib/security)
# Which service files "make install" puts in place, and where; packaging/services/README.md.
# Debian's update-rc.d refuses what is in /etc/init.d without headers of its own kind.
SERVICES ?= systemd $(if $(wildcard /sbin/openrc-run /usr/sbin/openrc-run),openrc) \
	$(if $(wildcard /usr/share/mkinitfs),mkinitfs) $(if $(wildcard /usr/share/initramfs-tools),initramfs-tools)
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
PRESETDIR ?= $(PREFIX)/lib/systemd/system-preset
GEOCLUEDIR ?= $(SYSCONFDIR)/geoclue/conf.d
INITDDIR ?= $(SYSCONFDIR)/init.d
CONFDDIR ?= $(SYSCONFDIR)/conf.d
MKINITFSDIR ?= $(PREFIX)/share/mkinitfs
INITRAMFSTOOLSDIR ?= $(PREFIX)/share/initramfs-tools
BUILD ?= build
VARIANT ?= release
O := $(BUILD)/$(VARIANT)
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

ifeq ($(V),0)
say = @printf '  %-7s %s\n' $(1) $(2)
else
say = @:
endif

# libsystemd, or elogind's where only that exists.
SYSTEMD_PC ?= $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo libsystemd || echo libelogind)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough -Wno-missing-field-initializers
HARDENING := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-strict-aliasing
CFLAGS ?= -O2 -g
DEFINES := -D_GNU_SOURCE -DMDM_VERSION='"$(VERSION)"' \
	-DMDM_STATE_DIR='"$(STATEDIR)"' -DMDM_RUN_DIR='"$(RUNDIR)"' -DMDM_LIBEXEC_DIR='"$(LIBEXECDIR)"' \
	-DMDM_SYSCONF_DIR='"$(SYSCONFDIR)"'

# The same program wherever it is built. What nothing calls is left out; a debugger has tables of its own for walking the
# stack, and in C nothing else wants any.
variant_cflags_release := -ffile-prefix-map=$(CURDIR)=. -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fno-unwind-tables
variant_ldflags_release := -Wl,--gc-sections -Wl,-O1
# What stays in memory and runs rarely is made small; geometry, databases of packages and the guard's tables are made fast.
SMALL_CFLAGS := $(if $(filter release,$(VARIANT)),$(if $(filter -O2,$(CFLAGS)),-Os))
variant_cflags_san := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -U_FORTIFY_SOURCE
variant_ldflags_san := -fsanitize=address,undefined
variant_cflags_coverage := --coverage -O0 -U_FORTIFY_SOURCE
variant_ldflags_coverage := --coverage
variant_cflags_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -U_FORTIFY_SOURCE
variant_ldflags_fuzz := -fsanitize=address,undefined

# musl's compiler wrapper on a glibc system: the libraries' headers behind its own. Compile only.
variant_cflags_musl := -isystem tests/lib/musl -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu

# What a compiler says before it makes anything: its warnings, except those of the optimiser.
variant_cflags_syntax := -fsyntax-only

# Geometry takes the C library's mathematics; what takes none of it is not linked with it.
pc_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pc_libs = $(shell $(PKG_CONFIG) --libs $(filter-out libcrypt,$(1)) 2>/dev/null) $(if $(filter libcrypt,$(1)),$(LIBCRYPT)) -lm
# musl has crypt(3) in its C library and an empty libcrypt, without a .pc file. libasan has a crypt_r() of its own, which
# calls the real one: as-needed would leave that out.
LIBCRYPT := -Wl,--push-state,--no-as-needed -lcrypt -Wl,--pop-state

ALL_PC := json-c libcrypto libssl $(SYSTEMD_PC) libcurl libseccomp libevent libevent_openssl sqlite3 libqrencode
PC_CFLAGS := $(call pc_cflags,$(ALL_PC))

COMPILE_FLAGS = -std=gnu11 -I. $(DEFINES) $(WARNINGS) $(HARDENING) $(PC_CFLAGS) $(CFLAGS) \
	$(variant_cflags_$(VARIANT)) $(SMALL) $(EXTRA_CFLAGS)
LINK_FLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(variant_ldflags_$(VARIANT))

# --- layers: folder -> library; who may link whom is the same table that `make layers` checks.
LAYERS := util json ipc trust sandbox policies platform media helper verify wipe apps guard pam enforcer net ctl server mdmctl
dir_util := agent/util
dir_json := agent/json
dir_ipc := agent/ipc
dir_trust := agent/trust
dir_sandbox := agent/sandbox
dir_policies := policies
dir_platform := platform
dir_media := platform/media
dir_helper := platform/helper
dir_verify := agent/verify
dir_wipe := agent/wipe
dir_apps := agent/apps
dir_guard := agent/guard
dir_pam := platform/pam
dir_enforcer := agent/enforcer
dir_net := agent/net
dir_ctl := agent/ctl
dir_server := server
dir_mdmctl := server/ctl

needs_util := util
needs_json := json util
needs_ipc := ipc util
needs_trust := trust json util
needs_sandbox := sandbox util
needs_policies := policies json util
needs_platform := platform policies json apps wipe util
needs_media := media platform policies json apps wipe util
needs_helper := helper sandbox ipc util
needs_verify := verify policies json sandbox ipc util
needs_wipe := wipe util
needs_apps := apps policies json util
needs_guard := guard sandbox ipc util
needs_pam := pam policies json ipc util
needs_enforcer := enforcer platform policies trust json sandbox apps guard wipe ipc util
needs_net := net sandbox ipc util
needs_ctl := ctl policies trust json ipc util
needs_server := server util
needs_mdmctl := mdmctl policies trust json util

pc_util := libcrypto $(SYSTEMD_PC)
pc_json := libcrypto json-c $(SYSTEMD_PC)
pc_ipc := libcrypto $(SYSTEMD_PC)
pc_trust := libcrypto json-c $(SYSTEMD_PC)
pc_sandbox := libseccomp libcrypto $(SYSTEMD_PC)
pc_policies := json-c libcrypto $(SYSTEMD_PC)
pc_platform := json-c libcrypto $(SYSTEMD_PC)
pc_media := json-c libcrypto $(SYSTEMD_PC)
pc_helper := libcrypto $(SYSTEMD_PC)
pc_verify := libcrypt libcrypto libseccomp
# Nothing but the C library: it runs while the root file system is destroyed, and from early boot.
pc_wipe :=
pc_apps := libcrypto
# Nothing but the C library: all of it is locked in memory.
pc_guard :=
pc_pam := pam libcrypto
pc_enforcer := json-c libcrypto libseccomp $(SYSTEMD_PC)
pc_net := libcurl libssl libcrypto libseccomp
pc_ctl := json-c libcrypto
pc_server := libevent libevent_openssl sqlite3 libssl libcrypto
pc_mdmctl := libcurl json-c libcrypto libcrypt libqrencode

# Programs: name, layer.
PROGRAMS := mdm-agentd mdm-agent-net mdm-agent-session mdm-agent-verify mdm-agent-wipe mdm-agent-apps mdm-agent-guard mdm-agent-pamcheck mdm-agent-media agentctl mdm-server mdmctl
layer_mdm-agentd := enforcer
layer_mdm-agent-net := net
layer_mdm-agent-session := helper
layer_mdm-agent-verify := verify
layer_mdm-agent-wipe := wipe
layer_mdm-agent-apps := apps
layer_mdm-agent-guard := guard
layer_mdm-agent-pamcheck := pam
layer_mdm-agent-media := media
layer_agentctl := ctl
layer_mdm-server := server
layer_mdmctl := mdmctl

src = $(filter-out %/main.c,$(wildcard $(dir_$(1))/*.c))
lib = $(O)/lib$(1).a
libs_of = $(foreach l,$(needs_$(1)),$(call lib,$(l)))

.PHONY: all
all: $(PROGRAMS:%=$(O)/%) $(O)/pam_mdm.so

# A change of compiler, flags or version rebuilds everything of the variant.
$(O)/settings: FORCE
	@mkdir -p $(O)
	@printf '%s\n' '$(subst ','\'',$(CC) $(COMPILE_FLAGS) $(SMALL_CFLAGS) $(LINK_FLAGS))' > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@
FORCE:

# The build time moves with every commit: only the file that knows it is compiled again.
$(O)/build-time: FORCE
	@mkdir -p $(O)
	@echo '$(SOURCE_DATE_EPOCH)' > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@
$(O)/agent/enforcer/enforcer.o: $(O)/build-time
$(O)/agent/enforcer/enforcer.o: private DEFINES += -DMDM_BUILD_TIME=INT64_C\($(SOURCE_DATE_EPOCH)\)

SMALL_SOURCES := $(filter-out policies/geo% policies/place_geo% policies/apk% policies/guard%, \
	$(wildcard agent/enforcer/*.c platform/*.c policies/*.c))
$(patsubst %.c,$(O)/%.o,$(SMALL_SOURCES)): private SMALL := $(SMALL_CFLAGS)

$(O)/%.o: %.c $(O)/settings
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMPILE_FLAGS) -MMD -MP -c -o $@ $<

define layer_rules
$(call lib,$(1)): $(patsubst %.c,$(O)/%.o,$(call src,$(1)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

define program_rules
$(O)/$(1): $(O)/$(dir_$(layer_$(1)))/main.o $(call libs_of,$(layer_$(1)))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(LINK_FLAGS) -o $$@ $$(filter %.o,$$^) $(call libs_of,$(layer_$(1))) $$(call pc_libs,$(pc_$(layer_$(1))))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# --- pam_mdm.so: loaded by whatever authenticates people, so of few sources, compiled on their own, and with nothing
# to be seen of them but what libpam calls. A sanitizer would have to be in those programs as well.
PAM_SOURCES := $(addprefix platform/pam/,pam_mdm.c client.c words.c) policies/password_judge.c policies/password_common.c \
	agent/ipc/channel.c agent/ipc/message.c agent/util/codec.c agent/util/buf.c
PAM_OBJECTS := $(patsubst %.c,$(O)/pic/%.o,$(PAM_SOURCES))
PAM_FLAGS := -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections \
	$(if $(filter san,$(VARIANT)),-fno-sanitize=all)
$(O)/pic/%.o: %.c $(O)/settings
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMPILE_FLAGS) $(PAM_FLAGS) -MMD -MP -c -o $@ $<
$(O)/pam_mdm.so: $(PAM_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -Wl,-z,relro,-z,now -Wl,-z,defs -Wl,--as-needed -Wl,--gc-sections $(LDFLAGS) \
		$(if $(filter coverage,$(VARIANT)),--coverage) -o $@ $^ $(call pc_libs,pam)

# --- tests/unit/LAYER/test_*.c and tests/scenario/LAYER/test_*.c (fake platform, simulated time): one program each, linked with its layer's libraries.
# What phones write, put together by the server's own code.
also_test_apps_section := server
also_fuzz_apps_section := server
# The names of its records.
also_test_render := enforcer
also_libs = $(foreach l,$(also_$(1)),$(call libs_of,$(l)))
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c tests/scenario/*/test_*.c)
UNIT_TESTS := $(patsubst %.c,$(O)/%,$(UNIT_SOURCES))
unit_layer = $(word 3,$(subst /, ,$(1)))
define unit_rules
$(O)/$(1): $(O)/$(1).o $(O)/tests/lib/check.o $(call also_libs,$(notdir $(1))) $(call libs_of,$(call unit_layer,$(1)))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(LINK_FLAGS) -o $$@ $$(filter %.o,$$^) $(call also_libs,$(notdir $(1))) $(call libs_of,$(call unit_layer,$(1))) $$(call pc_libs,$(pc_$(call unit_layer,$(1))) $(pc_extra_$(call unit_layer,$(1)))) $(ldlibs_$(notdir $(1)))
endef
$(foreach t,$(patsubst %.c,%,$(UNIT_SOURCES)),$(eval $(call unit_rules,$(t))))

# And what tests of the system start: built with them, or they would meet an older one.
.PHONY: unit
unit: $(UNIT_TESTS) $(patsubst %.c,$(O)/%,$(wildcard tests/lib/*_tool.c))

# --- fuzz targets: tests/fuzz/fuzz_*.c, whose first lines name the layer they link.
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(FUZZ_SOURCES))
layer_in = $(shell sed -n 's/.*\(fuzz\|tool\)-layer: *\([a-z]*\).*/\2/p;2q' $(1))
# Under the fuzz variant the engine brings main(); otherwise the corpus is replayed.
FUZZ_MAIN = $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer,$(O)/tests/lib/replay.o)
# The server's reader of commands beside the phone's: they must not disagree.
also_fuzz_server_brake := trust
define fuzz_rules
$(O)/tests/fuzz/$(1): $(O)/tests/fuzz/$(1).o $(if $(filter fuzz,$(VARIANT)),,$(O)/tests/lib/replay.o) $(call libs_of,$(2)) $(call also_libs,$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(LINK_FLAGS) -o $$@ $$< $$(FUZZ_MAIN) $(call also_libs,$(1)) $(call libs_of,$(2)) $$(call pc_libs,$(pc_$(2)) $(foreach l,$(also_$(1)),$(pc_$(l))))
endef
$(foreach f,$(FUZZ_NAMES),$(eval $(call fuzz_rules,$(f),$(call layer_in,tests/fuzz/$(f).c))))
FUZZERS := $(FUZZ_NAMES:%=$(O)/tests/fuzz/%)

# --- small programs that tests and benchmarks use, likewise.
TOOL_SOURCES := $(wildcard tools/*_tool.c tests/lib/*_tool.c tests/interop/*_tool.c bench/*_tool.c bench/*_bench.c)
TOOLS := $(patsubst %.c,$(O)/%,$(TOOL_SOURCES))
# A pure part of another layer: the herd comes back as the agent's own pacing says.
lib_tool_herd_bench := enforcer
more_of = $(foreach l,$(lib_tool_$(notdir $(1))),$(call lib,$(l)))
# Those of tools/ print what documentation is made of; the rest of that folder is theirs.
DOC_OBJECTS := $(patsubst %.c,$(O)/%.o,$(filter-out %_tool.c,$(wildcard tools/*.c)))
define tool_rules
$(O)/$(1): $(O)/$(1).o $(if $(filter tools/%,$(1)),$(DOC_OBJECTS)) $(call libs_of,$(2)) $(call more_of,$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(LINK_FLAGS) -o $$@ $$(filter %.o,$$^) $(call more_of,$(1)) $(call libs_of,$(2)) $$(call pc_libs,$(pc_$(2)) $(pc_tool_$(notdir $(1))))
endef
$(foreach t,$(patsubst %.c,%,$(TOOL_SOURCES)),$(eval $(call tool_rules,$(t),$(call layer_in,$(t).c))))

# --- manual pages and completion for shells, from the programs' own tables.
DOC_TOOLS := $(patsubst %.c,$(O)/%,$(wildcard tools/*_tool.c))
# Program, and which tool knows it.
COMPLETED := mdmctl:mdmctl agentctl:agentctl mdm-server:server mdm-agentd:agentd
completion_files = $(O)/completions/bash/$(1) $(O)/completions/zsh/_$(1) $(O)/completions/fish/$(1).fish
COMPLETIONS := $(foreach c,$(COMPLETED),$(call completion_files,$(word 1,$(subst :, ,$(c)))))
define completion_rules
$(O)/completions/bash/$(1) $(O)/completions/zsh/_$(1) $(O)/completions/fish/$(1).fish: $(O)/tools/$(2)_tool
	$$(call say,SHELL,$$@)
	$$(Q)mkdir -p $$(@D) && $$< $$(notdir $$(@D)) > $$@.new && mv -f $$@.new $$@
endef
$(foreach c,$(COMPLETED),$(eval $(call completion_rules,$(word 1,$(subst :, ,$(c))),$(word 2,$(subst :, ,$(c))))))

MANPAGES := $(patsubst docs/man/%.scd,$(O)/man/%,$(wildcard docs/man/*.scd))
$(O)/man/%: docs/man/%.scd scripts/manpage.sh $(DOC_TOOLS)
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D) && scripts/manpage.sh $(O)/tools $< > $@.scd && \
		SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) scdoc < $@.scd > $@.new && mv -f $@.new $@

.PHONY: docs completions
completions: $(COMPLETIONS)
# Pages need scdoc, which phones do not have.
docs: completions
	$(Q)command -v scdoc >/dev/null || { echo "docs: scdoc is missing; run make deps" >&2; exit 1; }
	$(Q)$(MAKE) --no-print-directory $(MANPAGES)

.PHONY: tools fuzzers objects
tools: $(TOOLS)
fuzzers: $(FUZZERS)
# Compiles everything of the programs and links nothing (musl).
objects: $(foreach l,$(LAYERS),$(patsubst %.c,$(O)/%.o,$(call src,$(l)))) \
	$(foreach p,$(PROGRAMS),$(O)/$(dir_$(layer_$(p)))/main.o) $(PAM_OBJECTS)

# Everything is looked at by another compiler, which makes nothing of it.
.PHONY: syntax
syntax:
	$(Q)$(MAKE) VARIANT=syntax objects test-objects
.PHONY: test-objects
test-objects: $(UNIT_TESTS:%=%.o) $(FUZZERS:%=%.o) $(TOOLS:%=%.o) $(DOC_OBJECTS) \
	$(O)/tests/lib/check.o $(O)/tests/lib/replay.o

# --- checks
.PHONY: check check-unit check-san check-valgrind coverage fuzz lint layers bench bench-fleet demo reference
check: all unit tools fuzzers docs
	$(Q)scripts/check.sh $(O) unit corpus interop system packaging

check-unit: unit fuzzers
	$(Q)scripts/check.sh $(O) unit corpus

check-san:
	$(Q)$(MAKE) VARIANT=san all unit tools fuzzers docs
	$(Q)scripts/check.sh $(BUILD)/san unit corpus interop system

# Where sanitizers find most for their time: all pure code, and the programs, each against those that
# mean it ill or are broken. What parses is fuzzed with them besides ("make fuzz", which begins with the
# corpora). "make check-san" runs everything.
SAN_SYSTEM := agentctl device local_socket net_checkin net_renew net_role push server server_commands \
	server_hostile server_wait session stolen_server wake wipe
.PHONY: check-san-short check-san-short-build
check-san-short-build:
	$(Q)$(MAKE) VARIANT=san all unit $(BUILD)/san/tests/lib/session_tool

check-san-short: check-san-short-build
	$(Q)SYSTEM="$(SAN_SYSTEM)" scripts/check.sh $(BUILD)/san unit system

check-valgrind: all unit
	$(Q)scripts/check.sh $(O) valgrind

coverage:
	$(Q)$(MAKE) VARIANT=coverage all unit tools fuzzers docs
	$(Q)scripts/check.sh $(BUILD)/coverage unit corpus interop system
	$(Q)scripts/coverage.sh $(BUILD)/coverage

FUZZ_SECONDS ?= 60
fuzz:
	$(Q)$(MAKE) VARIANT=fuzz CC=clang fuzzers
	$(Q)scripts/fuzz.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

lint:
	$(Q)scripts/lint.sh

layers: all
	$(Q)scripts/layers.sh $(O)

bench: all tools
	$(Q)scripts/bench.sh $(O)

bench-fleet: all tools
	$(Q)scripts/bench.sh $(O) fleet

demo:
	$(Q)scripts/deps.sh demo
	$(Q)$(MAKE) all
	$(Q)scripts/demo.sh $(O)

# A phone in a virtual machine; tests/vm/README.md
VM_SHAPES ?= systemd openrc
VM_SUITES ?=
.PHONY: check-aarch64 check-armv7 check-vm
check-aarch64: all
	$(Q)scripts/aarch64.sh $(BUILD)/arm64 $(O)

check-armv7:
	$(Q)scripts/armv7.sh $(BUILD)/armv7

check-vm: all docs $(O)/tests/lib/pam_tool $(O)/tests/lib/gpx_feed_tool
	$(Q)tests/vm/vm.sh $(O) $(VM_SHAPES) $(if $(VM_SUITES),-- $(VM_SUITES))

# docs/policy-reference.md from the settings table; README's "What works where" from what the trees say.
reference: $(O)/tests/lib/reference_tool
	$(Q)$(O)/tests/lib/reference_tool markdown > docs/policy-reference.md
	$(Q)/usr/bin/python3 tests/lib/sysroots.py readme

.PHONY: deps deps-build install uninstall clean help
deps:
	$(Q)scripts/deps.sh all
# Where nothing but the programs is wanted.
deps-build:
	$(Q)scripts/deps.sh demo

# Paths are filled in; the file then has the owner and the mode of an installed one.
define install_filled # source, mode, destination
	install -d $(DESTDIR)$(dir $(3))
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e 's|@STATEDIR@|$(STATEDIR)|g' $(1) > $(DESTDIR)$(3).new
	chmod $(2) $(DESTDIR)$(3).new
	mv -f $(DESTDIR)$(3).new $(DESTDIR)$(3)

endef
# The same for what administrators change: never replaced.
define install_once # source, mode, destination
	test -e $(DESTDIR)$(3) || { install -d $(DESTDIR)$(dir $(3)) && \
		sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e 's|@STATEDIR@|$(STATEDIR)|g' $(1) > $(DESTDIR)$(3) && \
		chmod $(2) $(DESTDIR)$(3); }

endef
SERVICE_PROGRAMS := mdm-server mdm-agentd
# What belongs to the service files of an init system: source below packaging/services, mode, destination.
services_systemd := $(foreach s,$(SERVICE_PROGRAMS),$(s).service:0644:$(SYSTEMDUNITDIR)/$(s).service) \
	$(foreach p,mdm-agent mdm-server,$(p).sysusers:0644:$(SYSUSERSDIR)/$(p).conf \
		$(p).tmpfiles:0644:$(TMPFILESDIR)/$(p).conf $(p).preset:0644:$(PRESETDIR)/80-$(p).preset)
# guard, apps: not enabled, the agent starts them, and by itself where there is no systemd.
services_systemd += $(foreach s,wipe apps guard,mdm-agent-$(s).service:0644:$(SYSTEMDUNITDIR)/mdm-agent-$(s).service)
services_openrc := $(foreach s,$(SERVICE_PROGRAMS) mdm-agent-wipe,$(s).initd:0755:$(INITDDIR)/$(s))
# Early boot goes on with a wipe: postmarketOS, and Debian.
early_wipe := ../initramfs/early-wipe.sh:0755:$(PREFIX)/share/mdm-agent/early-wipe.sh
services_mkinitfs := $(early_wipe) ../initramfs/mkinitfs.files:0644:$(MKINITFSDIR)/files-extra/50-mdm-agent.files \
	../initramfs/mkinitfs-hook.sh:0755:$(MKINITFSDIR)/hooks-extra/50-mdm-agent.sh
services_initramfs-tools := $(early_wipe) \
	../initramfs/initramfs-tools-hook.sh:0755:$(INITRAMFSTOOLSDIR)/hooks/mdm-agent \
	../initramfs/initramfs-tools-script.sh:0755:$(INITRAMFSTOOLSDIR)/scripts/init-premount/mdm-agent
# Only packages have use for it: apk runs it.
services_apk := mdm-agent.apk-hook:0755:$(SYSCONFDIR)/apk/commit_hooks.d/mdm-agent
services_common := mdm-agent.geoclue:0644:$(GEOCLUEDIR)/90-mdm-agent.conf
settings_openrc := $(foreach s,$(SERVICE_PROGRAMS),$(s).confd:0644:$(CONFDDIR)/$(s))
settings_common := mdm-server.conf:0644:$(SYSCONFDIR)/mdm-server/mdm-server.conf
# Lists by kind ("services" or "settings") and of all kinds that are wanted.
service_rows = $($(1)_common) $(foreach i,$(SERVICES),$($(1)_$(i)))
row = $(word $(2),$(subst :, ,$(1)))

.PHONY: install-services
install-services:
	$(foreach r,$(call service_rows,settings),$(call \
		install_once,packaging/services/$(call row,$(r),1),$(call row,$(r),2),$(call row,$(r),3)))
	$(foreach r,$(call service_rows,services),$(call \
		install_filled,packaging/services/$(call row,$(r),1),$(call row,$(r),2),$(call row,$(r),3)))

BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
MANDIR ?= $(PREFIX)/share/man
# Completion always; manual pages where "make docs" has made them.
.PHONY: install-docs
install-docs: completions
	install -d $(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR) $(DESTDIR)$(FISHCOMPDIR)
	install -m 0644 $(O)/completions/bash/* $(DESTDIR)$(BASHCOMPDIR)
	install -m 0644 $(O)/completions/zsh/* $(DESTDIR)$(ZSHCOMPDIR)
	install -m 0644 $(O)/completions/fish/* $(DESTDIR)$(FISHCOMPDIR)
	for page in $(MANPAGES); do test ! -e $$page || install -D -m 0644 $$page \
		$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done

# Beside its place and then into it: a disk that is full leaves what was there. The module of PAM comes last.
define install_program # name, directory
	install -D -m 0755 $(O)/$(1) $(DESTDIR)$(2)/$(1).new && mv -f $(DESTDIR)$(2)/$(1).new $(DESTDIR)$(2)/$(1) || \
		{ rm -f $(DESTDIR)$(2)/$(1).new; exit 1; }

endef
install: all install-services install-docs
	$(foreach p,mdm-agentd mdm-server,$(call install_program,$(p),$(PREFIX)/sbin))
	$(foreach p,agentctl mdmctl,$(call install_program,$(p),$(PREFIX)/bin))
	$(foreach p,mdm-agent-net mdm-agent-session mdm-agent-verify mdm-agent-wipe mdm-agent-apps mdm-agent-pamcheck \
		mdm-agent-media mdm-agent-guard,$(call \
		install_program,$(p),$(LIBEXECDIR)))
	install -d -m 0700 $(DESTDIR)$(STATEDIR)
	$(call install_program,pam_mdm.so,$(PAMDIR))
	$(Q)[ -n "$(DESTDIR)" ] || echo "make install: starts and restarts nothing; docs/packaging.md has what is left to do"

# Settings as they were installed; those that somebody changed stay.
define uninstall_unchanged # source, destination
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' -e 's|@STATEDIR@|$(STATEDIR)|g' $(1) | \
		cmp -s - $(DESTDIR)$(2) && rm -f $(DESTDIR)$(2) || true

endef
# What stays: the state directory, which holds what an enrolled phone must not forget, and changed settings.
# A managed phone keeps its agent: without it nobody could lift what the organisation set.
uninstall:
	$(Q)[ -n "$(DESTDIR)" ] || [ ! -x $(PREFIX)/sbin/mdm-agentd ] || [ "$$(id -u)" -ne 0 ] || \
		$(PREFIX)/sbin/mdm-agentd --prepare-removal || \
		{ echo "make uninstall: the agent cannot go yet (see above); nothing was removed" >&2; exit 1; }
	$(foreach r,$(settings_openrc) $(settings_common),$(call \
		uninstall_unchanged,packaging/services/$(call row,$(r),1),$(call row,$(r),3)))
	rm -f $(DESTDIR)$(PREFIX)/sbin/mdm-agentd $(DESTDIR)$(LIBEXECDIR)/mdm-agent-net \
		$(DESTDIR)$(LIBEXECDIR)/mdm-agent-session $(DESTDIR)$(LIBEXECDIR)/mdm-agent-verify \
		$(DESTDIR)$(LIBEXECDIR)/mdm-agent-wipe $(DESTDIR)$(LIBEXECDIR)/mdm-agent-apps $(DESTDIR)$(LIBEXECDIR)/mdm-agent-pamcheck $(DESTDIR)$(LIBEXECDIR)/mdm-agent-media \
		$(DESTDIR)$(LIBEXECDIR)/mdm-agent-guard \
		$(DESTDIR)$(PAMDIR)/pam_mdm.so \
		$(DESTDIR)$(PREFIX)/bin/agentctl $(DESTDIR)$(PREFIX)/sbin/mdm-server \
		$(DESTDIR)$(PREFIX)/bin/mdmctl \
		$(foreach r,$(services_systemd) $(services_openrc) $(services_apk) \
			$(services_mkinitfs) $(services_initramfs-tools) $(services_common),$(DESTDIR)$(call row,$(r),3))
	for page in $(notdir $(MANPAGES)); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done
	for program in $(PROGRAMS); do rm -f $(DESTDIR)$(BASHCOMPDIR)/$$program \
		$(DESTDIR)$(ZSHCOMPDIR)/_$$program $(DESTDIR)$(FISHCOMPDIR)/$$program.fish; done
	-rmdir $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PREFIX)/share/mdm-agent $(DESTDIR)$(SYSCONFDIR)/mdm-server 2>/dev/null || true
	$(Q)[ -n "$(DESTDIR)" ] || echo "make uninstall: stops nothing; docs/packaging.md has what is left to do"

# --- the source tarball, and what abuild takes; docs/packaging.md
DIST := $(BUILD)/mdm-agent-$(VERSION).tar.gz
APKDIR := $(BUILD)/apkbuild/mdm-agent
.PHONY: dist apkbuild
dist:
	$(Q)packaging/dist.sh $(VERSION) $(DIST)

# The recipe beside its source, with the source's checksum: no file can hold its own.
apkbuild: dist
	$(Q)grep -qx 'pkgver=$(VERSION)' packaging/apkbuild/mdm-agent/APKBUILD || { \
		echo "apkbuild: VERSION says $(VERSION), pkgver in packaging/apkbuild/mdm-agent/APKBUILD something else" >&2; exit 1; }
	$(Q)rm -rf $(APKDIR) && mkdir -p $(APKDIR)
	$(Q)tar -xz -f $(DIST) -C $(APKDIR) --strip-components=4 mdm-agent-$(VERSION)/packaging/apkbuild/mdm-agent
	$(Q)cp $(DIST) $(APKDIR)
	$(Q)cd $(APKDIR) && printf '\nsha512sums="\n%s\n"\n' \
		"$$(sha512sum mdm-agent-$(VERSION).tar.gz)" >> APKBUILD
# abuild takes its time for that of the build, wherever there is no repository.
	$(Q)touch -d "@$$(tar -x -O -z -f $(DIST) mdm-agent-$(VERSION)/MANIFEST | \
		sed -n '1s/^committed at //p')" $(APKDIR)/APKBUILD
	$(Q)echo $(APKDIR)

clean:
	rm -rf $(BUILD)

help:
	@printf '%s\n' \
		'make deps            install what is missing to build, test and run (apt or apk)' \
		'make deps-build      the same to build and run alone' \
		'make [all]           build the programs and pam_mdm.so below build/release' \
		'make demo            a server, an agent and a policy in five acts; last line "demo: ok"' \
		'make check           all tests; last line "N passed, N failed"' \
		'make check-san       the same under AddressSanitizer and UBSan; check-san-short: as .ci/run does' \
		'make check-valgrind  unit tests under valgrind' \
		'make check-aarch64   what of it runs for 64-bit ARM under emulation' \
		'make check-armv7     compiles for 32-bit ARM, glibc and musl' \
		'make check-vm        on phones in virtual machines; VM_SHAPES="systemd openrc" VM_SUITES=' \
		'make coverage        the same with a line coverage report' \
		'make fuzz            every fuzzer for FUZZ_SECONDS (60)' \
		'make syntax          what CC warns of, tests and tools included, without making anything' \
		'make lint            format, lengths, forbidden functions, shell scripts' \
		'make layers          who includes and links whom' \
		'make bench           measurements: "bench NAME VALUE UNIT"; fails over budget' \
		'make bench-fleet     a fleet of FLEET_PHONES (10000) against mdm-server' \
		'make docs            manual pages and completion for shells, below build/release' \
		'make reference       docs/policy-reference.md, and "What works where" of README.md' \
		'make install         PREFIX=/usr DESTDIR= SYSCONFDIR= STATEDIR= LIBEXECDIR=' \
		'                     SERVICES="systemd openrc apk mkinitfs initramfs-tools" SYSTEMDUNITDIR= INITDDIR= CONFDDIR=' \
		'make uninstall, make clean' \
		'make dist            the source tarball, the same bytes wherever it is made' \
		'make apkbuild        below build/: what abuild takes to make the packages of Alpine' \
		'' \
		'V=1 shows commands; VARIANT=release|san|coverage|fuzz|musl; BUILD=directory;' \
		'CC, CFLAGS, LDFLAGS, EXTRA_CFLAGS=-Werror, SYSTEMD_PC=libsystemd|libelogind'

-include $(shell find $(O) -name '*.d' 2>/dev/null)
