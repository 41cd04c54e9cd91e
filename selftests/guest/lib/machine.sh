# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# machine.sh: the QEMU machine, built from inside/layout. Sourced after common.sh.

# shellcheck source=selftests/guest/inside/layout
. "$guest_dir/inside/layout"

QEMU=${QEMU:-qemu-system-x86_64}

# quote_option TEXT: a comma in a QEMU option value is doubled.
quote_option() { printf '%s' "${1//,/,,}"; }

# make_blank_images DIR: sparse files, one a device.
make_blank_images() {
	local name kind size where
	while read -r name kind size where; do
		[[ -z $name ]] || truncate -s "$size" "$1/$name"
	done <<<"$DEVICES"
}

# device_options DIR MODE PURPOSE: sets the array device_opts for all devices, backed by
# the files in DIR. MODE private: what the guest writes stays in this QEMU process
# (copy on write), so that nothing has to be copied and several guests can run on
# the same images. MODE shared: it goes into the files. MODE cached: so do the virtio
# devices', while the nvdimms' are left to a plugin (../powerfail/cache). PURPOSE is the
# guest's mode: the kernel makes no namespace on an nvdimm that is not armed.
device_options() {
	local dir name kind size where share nvdimm_share snapshot armed
	dir=$(quote_option "$1")
	# reserve=off: swap space for a whole private copy need not be there.
	if [[ $2 == private ]]; then
		share="share=off,reserve=off" snapshot="snapshot=on"
	else
		share="share=on" snapshot="snapshot=off"
	fi
	nvdimm_share=$share
	[[ $2 != cached ]] || nvdimm_share="share=off,reserve=off"
	device_opts=()
	while read -r name kind size where; do
		[[ $name ]] || continue
		case $kind in
		nvdimm | unarmed)
			armed=''
			[[ $kind == nvdimm || $3 == prepare ]] || armed=',unarmed=on'
			device_opts+=(
				-object "memory-backend-file,id=m-$name,$nvdimm_share,mem-path=$dir/$name,size=$size,align=2M"
				-device "nvdimm,id=$name,memdev=m-$name,label-size=2M,addr=$where$armed") ;;
		vpmem)
			device_opts+=(
				-object "memory-backend-file,id=m-$name,$share,mem-path=$dir/$name,size=$size,align=2M"
				-device "virtio-pmem-pci,id=$name,memdev=m-$name,addr=$where") ;;
		blk)
			device_opts+=(
				-drive "if=none,id=d-$name,format=raw,cache=unsafe,$snapshot,file=$dir/$name"
				-device "virtio-blk-pci,id=$name,drive=d-$name,serial=$name,addr=$where") ;;
		*) die "inside/layout: unknown kind of device \"$kind\"" ;;
		esac
	done <<<"$DEVICES"
}

# machine_options ACCEL SMP [DOMAIN]: sets the array machine_opts: everything but devices,
# kernel and consoles. DOMAIN mem-ctrl: as most machines sold with NVDIMMs, power failure
# protection begins at the memory controller, caches excluded; cpu: caches included; none:
# the machine does not say.
machine_options() {
	local -a accel=(-accel kvm)
	local cpu=max
	local domain=",nvdimm-persistence=${3-mem-ctrl}"
	[[ ${3-} != none ]] || domain=''
	# Emulated, "rep stosb" and "rep movsb" go byte by byte, so that to clear a page of 1 GiB
	# takes seconds. Without these features the kernel does not use them.
	[[ $1 == tcg ]] && accel=(-accel "tcg,thread=multi") cpu=max,-erms,-fsrm
	machine_opts=(
		-nodefaults -no-user-config -no-reboot -display none
		-M "q35,nvdimm=on$domain"
		-m "${RAM_MB}M,slots=4,maxmem=32G"
		"${accel[@]}" -cpu "$cpu" -smp "$2"
		-device virtio-rng-pci)
}

# kernel_arguments: prints the command line; the volatile backings are cut out of RAM here.
# no_timer_check: on a loaded host, an emulated timer interrupt may come too late for that
# check, which then panics.
kernel_arguments() {
	echo "console=ttyS0 no_timer_check rcupdate.rcu_cpu_stall_timeout=120 panic=-1 panic_on_warn=1 oops=panic log_buf_len=2M" \
		"memmap=${VOLATILE_MB}M!$E820_EXT4_ADDR memmap=${VOLATILE_MB}M!$E820_DEVDAX_ADDR" \
		"memmap=${VOLATILE_MB}M%$HMEM_ADDR-1+0xefffffff" \
		"hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=64"
}
