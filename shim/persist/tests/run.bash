# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Tests of libmincore2-persist: part of tests/run, which sources this.

# persist_tests VARIANT: all programs of a build that has the library
persist_tests() {
	local out=$build/$1 tests=$build/$1/persist/tests script
	if [[ ! -e $tests/t_persist ]]; then
		job single skip "$1/persist" "not built: no liburing for this compiler"
		return
	fi
	run "$1/t_persist" "$tests/t_persist"
	run "$1/t_durable" "$tests/t_durable"
	run "$1/t_persist text" "$tests/t_persist" no-query no-uring=38
	run "$1/t_persist eperm" "$tests/t_persist" no-uring=1
	run "$1/t_flush never" "$tests/t_flush" never
	for script in 0x10:1/safe 0x80:1/unmapped \
		{,short\,,eintr\,}0x10:4,0:4,0x10:4/mixed \
		{gap,beyond,silent,enomem},0x10:1/unusable; do
		run "$1/t_flush $script" "$out/tests/fake-kernel" "${script%/*}" \
			"$tests/t_flush" "${script#*/}"
	done
}

# What needs one build only.
persist_tests_once() {
	[[ -e $build/gcc/persist/tests/t_persist ]] || return
	run "persist/install" persist/tests/install "$build/gcc"
	run "persist/cost" persist/tests/cost "$build/gcc"
	run "persist/manpages" persist/tests/manpages "$build/gcc"
	run "persist/examples" examples/check "$build/gcc"
	if command -v valgrind >/dev/null; then
		run "valgrind/t_persist" valgrind -q --error-exitcode=9 --leak-check=full \
			"$build/gcc/persist/tests/t_persist" valgrind
	fi
	# The thread sanitizer does not see liburing unmap its rings.
	if [[ -e $build/gcc-tsan/persist/tests/t_persist ]]; then
		run "gcc-tsan/t_persist" "$build/gcc-tsan/persist/tests/t_persist" no-uring=38
	fi
}
