# SPDX-License-Identifier: GPL-2.0-or-later
#
# libmincore2-persist, and libmincore2-pmem.so for LD_PRELOAD: part of
# shim/Makefile. PERSIST=no leaves them out, as a compiler does that does not
# find liburing (it is not there for 32 bit).

comma := ,

ifndef PERSIST
PERSIST := $(shell printf '\043include <liburing.h>\nint main(void) { return 0; }' | \
	$(CC) -x c - -o /dev/null -luring >/dev/null 2>&1 && echo yes || echo no)
endif

P_SONAME	:= libmincore2-persist.so.$(MAJOR)
P_REALNAME	:= libmincore2-persist.so.$(VERSION)
P_OBJ		:= $(patsubst %,$(BUILD)/persist/%.o,persist part ask flush writeback vma memory sync ring map maps)
P_STATIC	:= $(BUILD)/libmincore2-persist.a
P_SHARED	:= $(BUILD)/$(P_REALNAME)
P_LINKS		:= $(BUILD)/$(P_SONAME) $(BUILD)/libmincore2-persist.so
P_PRELOAD	:= $(BUILD)/libmincore2-pmem.so
P_MAN3		:= $(wildcard persist/man/*.3)
P_MAN7		:= $(wildcard persist/man/*.7)
P_LIBS		:= -luring
# What programs with the static library need.
P_LINK		:= $(P_STATIC) $(STATIC) $(P_LIBS)

$(BUILD)/persist/%.o: persist/%.c $(UAPI_COPY)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Ipersist -Isrc $(ALL_CFLAGS) -c -o $@ $<

# The parser of maps is libmincore2's, which does not export it.
$(BUILD)/persist/maps.o: src/maps.c src/maps.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# One object whose hidden names are local: they are not in a program's way.
$(BUILD)/persist/all.o: $(P_OBJ)
	$(Q)$(CC) -r -nostdlib -o $@ $^
	$(Q)$(OBJCOPY) --localize-hidden $@

$(P_STATIC): $(BUILD)/persist/all.o
	$(call say,AR)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(P_SHARED): $(P_OBJ) $(SHARED) $(LINKS) persist/libmincore2-persist.map
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,-soname,$(P_SONAME) $(DEFS) \
		-Wl,--version-script=persist/libmincore2-persist.map \
		$(CFLAGS) $(LDFLAGS) -o $@ $(P_OBJ) $(SHARED) $(P_LIBS)

$(P_LINKS): $(P_SHARED)
	$(Q)ln -sf $(P_REALNAME) $@

# The library is in it: a program needs nothing but the one file.
$(P_PRELOAD): $(BUILD)/persist/preload.o $(STATIC) persist/libmincore2-pmem.map
	$(call say,LINK)
	$(Q)$(CC) -shared -Wl,-soname,libmincore2-pmem.so $(DEFS) \
		-Wl,--version-script=persist/libmincore2-pmem.map \
		$(CFLAGS) $(LDFLAGS) -o $@ $< $(STATIC) -ldl

persist: $(P_STATIC) $(P_SHARED) $(P_LINKS) $(P_PRELOAD)

P_TESTS := $(patsubst persist/tests/t_%.c,$(BUILD)/persist/tests/t_%,$(wildcard persist/tests/t_*.c))
# Calls that the tests make fail, or look at.
P_WRAP := $(addprefix -Wl$(comma)--wrap=,fdatasync msync clone sigaction mincore2 \
	io_uring_queue_init_params io_uring_submit fstatfs64)

$(BUILD)/persist/tests/%.o: persist/tests/%.c $(UAPI_COPY)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Isrc -Itests -Ipersist $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/persist/tests/t_%: $(BUILD)/persist/tests/t_%.o $(BUILD)/persist/tests/faults.o $(P_STATIC) $(STATIC)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread $(P_WRAP) -o $@ $< \
		$(BUILD)/persist/tests/faults.o $(P_LINK)

persist-tests: $(P_TESTS)

install-persist: persist
	$(INSTALL) -d "$(D)$(LIBDIR)" "$(D)$(PKGCONFIGDIR)" "$(D)$(INCLUDEDIR)" \
		"$(D)$(MANDIR)/man3" "$(D)$(MANDIR)/man7"
	$(INSTALL) -m 644 $(P_STATIC) "$(D)$(LIBDIR)/libmincore2-persist.a"
	$(INSTALL) -m 755 $(P_SHARED) "$(D)$(LIBDIR)/$(P_REALNAME)"
	ln -sf $(P_REALNAME) "$(D)$(LIBDIR)/$(P_SONAME)"
	ln -sf $(P_SONAME) "$(D)$(LIBDIR)/libmincore2-persist.so"
	$(INSTALL) -m 755 $(P_PRELOAD) "$(D)$(LIBDIR)/libmincore2-pmem.so"
	$(INSTALL) -m 644 persist/mincore2-persist.h \
		"$(D)$(INCLUDEDIR)/mincore2-persist.h"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		persist/libmincore2-persist.pc.in \
		>"$(D)$(PKGCONFIGDIR)/libmincore2-persist.pc"
	chmod 644 "$(D)$(PKGCONFIGDIR)/libmincore2-persist.pc"
	$(INSTALL) -m 644 $(P_MAN3) "$(D)$(MANDIR)/man3/"
	$(INSTALL) -m 644 $(P_MAN7) "$(D)$(MANDIR)/man7/"

uninstall-persist:
	rm -f "$(D)$(LIBDIR)/libmincore2-persist.a" "$(D)$(LIBDIR)/$(P_REALNAME)" \
		"$(D)$(LIBDIR)/$(P_SONAME)" "$(D)$(LIBDIR)/libmincore2-persist.so" \
		"$(D)$(LIBDIR)/libmincore2-pmem.so" \
		"$(D)$(INCLUDEDIR)/mincore2-persist.h" \
		"$(D)$(PKGCONFIGDIR)/libmincore2-persist.pc"
	for page in $(notdir $(P_MAN3) $(P_MAN7)); do \
		rm -f "$(D)$(MANDIR)/man$${page##*.}/$$page"; done

ifeq ($(PERSIST),yes)
all: persist
tests: persist-tests
install: install-persist
endif
# Always: what another build has installed is removed, too.
uninstall: uninstall-persist

.PHONY: persist persist-tests install-persist uninstall-persist
-include $(wildcard $(BUILD)/persist/*.d $(BUILD)/persist/tests/*.d)

# For the guest. The libraries of the project are in the programs; those of Debian
# come along with them.
$(BUILD)/persist/tests/guest_persist: $(BUILD)/persist/tests/guest_persist.o $(BUILD)/persist/tests/faults.o $(P_STATIC) $(STATIC)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread $(P_WRAP) -o $@ $< \
		$(BUILD)/persist/tests/faults.o $(P_LINK)

$(BUILD)/persist/tests/guest_pmem: $(BUILD)/persist/tests/guest_pmem.o
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -lpmem

$(BUILD)/persist/tests/guest_cost: $(BUILD)/persist/tests/guest_cost.o $(P_STATIC) $(STATIC)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(P_LINK)

$(BUILD)/examples/%: examples/%.c persist/mincore2-persist.h $(P_STATIC) $(STATIC)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=c11 $(WARNINGS) -Ipersist $(CFLAGS) $(LDFLAGS) -o $@ $< $(P_LINK)

persist-guest: persist $(BUILD)/persist/tests/guest_persist \
	$(BUILD)/persist/tests/guest_pmem $(BUILD)/examples/log \
	$(BUILD)/examples/startup-check

.PHONY: persist-guest

# With the shared library, as programs have it.
$(BUILD)/persist/tests/cost: $(BUILD)/persist/tests/cost.o $(P_SHARED) $(P_LINKS) $(SHARED) $(LINKS)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--export-dynamic -o $@ $< $(P_SHARED) -lpmem \
		-Wl,-rpath-link,$(BUILD)

persist-tests: $(BUILD)/persist/tests/cost
