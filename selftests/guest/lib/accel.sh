# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# accel.sh: which accelerator can run this kernel here. Sourced after machine.sh.

KVM_PROBE_SECONDS=15

# choose_accel KERNEL INITRAMFS: sets accel to kvm or tcg, as ACCEL says. On many
# machines /dev/kvm can be opened and yet no unmodified kernel boots: only a
# boot of this kernel to its init proves anything. The answer is kept in BUILD.
choose_accel() {
	case ${ACCEL:-auto} in
	kvm | tcg) accel=$ACCEL; return ;;
	auto) ;;
	*) die "ACCEL is \"$ACCEL\"; it can be auto, kvm or tcg" ;;
	esac
	accel=tcg
	[[ -w /dev/kvm ]] || return 0
	local key cache
	key=$({ uname -r; grep -m 1 'model name' /proc/cpuinfo; "$QEMU" --version; sha256sum <"$1"; } | hash)
	cache=$BUILD/accel.$key
	if [[ ! -s $cache ]]; then
		note "does KVM work here? (a trial boot, at most $KVM_PROBE_SECONDS s)"
		if probe_kvm "$1" "$2"; then accel=kvm; fi
		note "using $accel"
		rm -f "$BUILD"/accel.*
		echo "$accel" >"$cache"
	fi
	accel=$(<"$cache")
}

# probe_kvm KERNEL INITRAMFS: 0 when the kernel reaches init and init's verdict arrives.
probe_kvm() {
	local dir status=1
	dir=$(mktemp -d "$BUILD/probe.XXXXXX")
	machine_options kvm 2
	# In a shell of its own, which keeps quiet when QEMU aborts.
	(timeout -k 1 "$KVM_PROBE_SECONDS" "$QEMU" "${machine_opts[@]}" \
		-kernel "$1" -initrd "$2" -append "$(kernel_arguments) mincore2_mode=probe" \
		-serial "file:$(quote_option "$dir/console")" -device virtio-serial-pci \
		-chardev "file,id=v,path=$(quote_option "$dir/verdict")" \
		-device virtserialport,chardev=v,name=mincore2 >"$BUILD/log/kvm-probe.log" 2>&1 </dev/null || true) 2>/dev/null
	grep -qs '^verdict 1 0 0$' "$dir/verdict" && status=0
	cat "$dir/console" >>"$BUILD/log/kvm-probe.log" 2>/dev/null || true
	rm -rf "$dir"
	return $status
}
