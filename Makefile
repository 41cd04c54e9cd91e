# SPDX-License-Identifier: GPL-2.0-or-later
#
# make demo    see it work: a guest with persistent memory, and what the tool prints
# make check   all tests; the last line is "N passed, N failed, N skipped"
# make help    the other targets
#
# No path is used that is not relative, so that a blank in one does no harm.

BUILD := build
GUEST := selftests/guest
STEPS := selftests/steps

.PHONY: help demo check check-host check-more check-powerfail check-build check-mutants check-upstream deps kernel shim strace check-strace guest-shell bench bench-latency bench-writes install uninstall clean \
	deb check-deb check-fresh deb-kernel series check-series

help:
	@sed -n 's/^#: *//p' Makefile

#: make demo           build, boot, and show what the tool prints for each backing
demo:
	@$(STEPS)/demo

#: make check          the tests, on the host and in the guest
check:
	@$(STEPS)/check

#: make check-host     the tests that need no guest, those of the other targets' parts included
check-host:
	@$(STEPS)/check host

#: make check-more     long tests that "make check" leaves out (SANITIZE=kasan: instead, the
#:                     tests of "make check" on a kernel that looks at its own accesses)
check-more:
	@$(STEPS)/check-more

#: make check-powerfail  cut a guest's power in every case of selftests/powerfail/cases
#:                     (HISTORIES=1, 2, 3: in every history of up to so many operations
#:                     instead; 4 and more: at random. INSTANTS=1, or ="append* grow":
#:                     at every instant of an operation)
check-powerfail:
	@$(STEPS)/powerfail

#: make check-build    compile the series in many configurations, checkpatch, sparse
check-build: kernel
	@$(STEPS)/check-build

#: make series         the patches as they are mailed, a series for each subsystem, with cover
#:                     letters: build/series/BASE. Signed off by who exports them (git config)
series: deps
	@$(STEPS)/series

#: make check-series   the same, and build a kernel behind each of the patches (an hour or more;
#:                     what was built stays built)
check-series: deps
	@$(STEPS)/check-series

#: make check-mutants  which small faults of the kernel part the tests notice: build/mutants
#:                     (MUTANTS="PATTERN...": only those; RESUME=1: go on)
check-mutants:
	@$(STEPS)/mutants

#: make check-upstream  tests in the form of fstests, that need nothing of ours: each shows
#:                     a fault of the unpatched kernel, and passes on the patched one
#:                     (TESTS="xfs/90*": only those). With linux-6.12 only
check-upstream:
	@$(STEPS)/upstream

#: make guest-shell    a shell in the guest, with the tools and devices set up
guest-shell:
	@$(STEPS)/shell

#: make bench          what a query costs, beside all that can be asked today: build/bench
#:                     (CONTENTION=1: only what scans cost their neighbours; idle machine)
bench:
	@$(STEPS)/bench $(if $(CONTENTION),--contention)

#: make bench-latency  what the first store to a page costs, with MAP_SYNC and without: build/latency
bench-latency:
	@$(STEPS)/latency

#: make bench-writes   what the repairs cost those who write, stock kernel beside patched: build/bench-writes
bench-writes:
	@$(STEPS)/bench-writes

#: make strace         an strace that decodes the call: build/strace/strace
strace: deps
	@strace/build

#: make check-strace   its tests
check-strace: deps
	@strace/check

#: make deps           install what is needed (Debian packages), as root
deps:
	@$(GUEST)/install-deps

#: make kernel         the patched kernel
kernel: deps
	@$(GUEST)/build-kernel

#: make shim           the library and the tool
shim:
	@$(MAKE) -C shim

#: make install        the library, the tool and their man pages (PREFIX=, DESTDIR=)
install uninstall:
	@$(MAKE) -C shim $@

#: make deb            Debian packages of the library and the tool: build/deb
deb: deps
	@shim/packaging/make-deb

#: make check-deb      install them in a clean root, and use them (as root; minutes)
check-deb: deps
	@shim/packaging/make-deb check

#: make check-fresh    try each target of this list on a minimal Debian (as root; an hour)
check-fresh: deps
	@$(STEPS)/check-fresh $(TARGETS)

#: make deb-kernel      Debian packages of the patched kernel: build/deb-kernel (CONFIG=FILE)
deb-kernel: deps
	@shim/packaging/make-deb-kernel $(if $(CONFIG),--config "$(CONFIG)")

#: make clean          remove build/
#:
#: BASE=linux-7.3      behind any of them: with that kernel, instead of 6.12 (see README.md)
clean:
	@# Where the path has a blank these are links to folders elsewhere.
	@for d in $(BUILD)/linux* $(BUILD)/strace; do \
		[ ! -L "$$d" ] || rm -rf "$$(readlink "$$d")"; done
	rm -rf $(BUILD)
