# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# guest.sh: the guest for the table of cases, which prepares the images too. Sourced by run
# and histories/run.

# build_guest: the program, and the initramfs with it.
build_guest() {
	if [[ ${POWERFAIL_INITRAMFS-} ]]; then # made before; and for tests of this script
		initramfs=$POWERFAIL_INITRAMFS
		return
	fi
	local dir=$BUILD/powerfail/inside shim
	mkdir -p "$dir"
	# Relative, as the path may have a blank.
	shim=$(realpath --relative-to="$project/shim" "$BUILD")/shim
	make -s -C "$project/shim" BUILD="$shim" persist-guest >&2 || die "the library does not compile"
	make -s -C "$here" OUT="$(realpath --relative-to="$here" "$BUILD")/powerfail" \
		SHIM="$(realpath --relative-to="$here" "$BUILD")/shim" >&2 ||
		die "the guest's program does not compile"
	install -m 755 "$BUILD/powerfail/powerfail" "$BUILD/powerfail/nosync.so" "$here/init" "$dir/"
	install -m 755 "$BUILD/shim/examples/log" "$dir/example-log"
	install -m 644 "$here/layout" "$dir/"
	initramfs=$BUILD/powerfail/initramfs.img
	"$guest_dir/make-initramfs" --out "$initramfs" --tests "$dir"
}
