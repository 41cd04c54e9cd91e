# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# common.sh: sourced by the steps of "make demo", "make check" and the like.
# Goes to the project's folder, and sets BUILD (absolute) and what base.sh does.

steps_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$steps_dir/../.." || exit 1
BUILD=${BUILD:-build}
mkdir -p "$BUILD/log"
BUILD=$(cd "$BUILD" && pwd)
export BUILD
guest=selftests/guest
# shellcheck source=selftests/guest/lib/base.sh
. "$guest/lib/base.sh"
programs=$BUILD/guest-tests$base_suffix
initramfs=$BUILD/initramfs$base_suffix.img

stage() { printf '== %s\n' "$*" >&2; }

passed=0 failed=0 skipped=0
# ended NAME COUNTS SECONDS: progress, in the form of the guest's. What took no time was read
# from a file, and has been said before.
ended() { (($3 == 0)) || printf '  %-40s %s (%d s)\n' "$1" "$2" "$3" >&2; }
# count NAME: adds the last line of standard input, which is shown but for what is ok;
# whatever does not end in a count has failed.
count() {
	local line last='' start=$SECONDS
	while IFS= read -r line; do
		case $line in "ok "*) ;; *) printf '%s\n' "$line" ;; esac
		last=$line
	done
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
		ended "$1" "$last" $((SECONDS - start))
	else
		echo "not ok $1: ended without a count"
		failed=$((failed + 1))
	fi
}

# build_kernel: the packages, the kernel, the library.
build_kernel() {
	stage "packages"
	$guest/install-deps || return 1
	stage "kernel, $BASE (the first time takes some minutes)"
	$guest/build-kernel
}

build_shim() {
	stage "library and tool"
	# make takes the number of jobs from above, and a relative folder.
	make -s -C shim BUILD="$(realpath --relative-to=shim "$BUILD")/shim" all example
}

# build_programs: what runs in the guest, in $programs.
build_programs() {
	stage "tests for the guest"
	mkdir -p "$programs"
	selftests/mincore2/build "$linux/src" "$linux/headers" "$BUILD/shim" "$programs" \
		>"$BUILD/log/guest-tests.log" 2>&1 || { tail -n 20 "$BUILD/log/guest-tests.log" >&2; return 1; }
	cp "$BUILD/shim/mincore2" "$BUILD/shim/example" "$BUILD/shim/recipes" $guest/demo \
		$guest/tests/*_test README.md "$programs/"
	# Of the library only: in the kernel's tree nothing knows of an emulation.
	selftests/guest/build-emulation "$linux/src" "$linux/headers" "$BUILD/shim" "$programs" || return 1
	shim/persist/tests/guest-programs "$(realpath --relative-to=shim "$BUILD")/shim" "$programs" || return 1
	$guest/python-programs "$BUILD/shim" "$programs" || return 1
	strace/build && strace/guest-programs "$programs"
}

build_initramfs() {
	$guest/make-initramfs --out "$initramfs" --tests "$programs"
}
