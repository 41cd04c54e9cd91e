# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# setup.sh: finds the devices, makes namespaces and filesystems (mode prepare,
# once), mounts all (every other mode) and tells the tests what there is.
# Sourced by init; busybox sh. Failures go through "problem", which init defines.

# Under emulation each fork costs 10 ms and more, and there are hundreds of things
# to look up: so functions here return text in REPLY, and read files with "read".

DEVMAP=/run/devmap            # lines "name path": which device is which this time
MNT=/mnt

# get FILE: its first line in REPLY; empty when there is none.
get() {
	REPLY=''
	[ -e "$1" ] && read -r REPLY <"$1"
	:
}

# dev NAME: the path of a device that find_devices saw; 1 when there is none.
dev() {
	REPLY=${devices#*" $1="}
	[ "$REPLY" != "$devices" ] && REPLY=${REPLY%% *}
}

# with_devices TEXT: TEXT with each @NAME replaced by the device's path.
with_devices() {
	text=$1
	while :; do
		case $text in
		*@*) ;;
		*) break ;;
		esac
		rest=${text#*@}
		name=${rest%%[!a-z0-9-]*}
		dev "$name" || { problem "no device $name"; REPLY=/dev/null; }
		text=${text%%@*}$REPLY${rest#"$name"}
	done
	REPLY=$text
}

# real_path LINK: where it leads; a directory.
real_path() {
	REPLY=$(cd -P "$1" && echo "$PWD")
}

# region_name PATH: names a device on an nvdimm bus by the place of its region:
# the slot of a virtio device, the address of a legacy range. Region numbers
# change from boot to boot; these do not.
region_name() {
	region=${1#*/region}
	region=${1%%/region*}/region${region%%/*}
	case $region in
	*/0000:00:10.0/*) REPLY=vpmem0 ;;
	*/0000:00:11.0/*) REPLY=vpmem1 ;;
	*/0000:00:15.0/*) REPLY=spare-vpmem ;;
	*)	get "$region/resource"
		case $REPLY in
		"$E820_EXT4_ADDR") REPLY=e820-ext4 ;;
		"$E820_DEVDAX_ADDR") REPLY=e820-devdax ;;
		*) REPLY='' ;;
		esac ;;
	esac
}

# nd_name DIR: the name of the namespace of a block or dax device, whose real path in
# /sys is DIR: the one kept in its label, or, without labels, that of the region.
nd_name() {
	get "$1/namespace"
	if [ -n "$REPLY" ]; then get "${1%/*}/$REPLY/alt_name"; else get "$1/alt_name"; fi
	[ -n "$REPLY" ] || region_name "$1"
}

add_device() { devices="$devices$1=$2 "; }

# Sets devices (" name=path name=path ") and writes $DEVMAP, for people.
find_devices() {
	devices=' '
	for b in /sys/block/pmem*; do
		[ -e "$b" ] || continue
		real_path "$b/device"
		nd_name "$REPLY"
		add_device "$REPLY" "/dev/${b##*/}"
	done
	for d in /sys/bus/dax/devices/dax*; do
		[ -e "$d" ] || continue
		real_path "$d"
		case $REPLY in
		*/hmem.*) REPLY=hmem-devdax ;;
		*) nd_name "${REPLY%/*}" ;;
		esac
		[ "$REPLY" = vpmem1 ] && REPLY=vpmem-devdax
		add_device "$REPLY" "/dev/${d##*/}"
	done
	for b in /sys/block/vd*; do
		[ -e "$b" ] || continue
		read -r REPLY <"$b/serial" # no newline at its end: "read" fails, and yet reads
		add_device "$REPLY" "/dev/${b##*/}"
	done
	for d in $devices; do echo "${d%%=*} ${d#*=}"; done >"$DEVMAP"
}

# ---- mode prepare ----

# Labels on every nvdimm, then the namespaces, in the order of the table, so
# that they lie in the device in that order.
make_namespaces() {
	for bus in $(ndctl list -B | sed -n 's/.*"dev":"\(ndbus[0-9]*\)".*/\1/p'); do
		ndctl list -b "$bus" -B | grep -q ACPI.NFIT || continue
		ndctl disable-region -b "$bus" all && ndctl init-labels -f -b "$bus" all &&
			ndctl enable-region -b "$bus" all || problem "labels on $bus"
	done
	echo "$NAMESPACES" | while read -r name dimm size mode align; do
		[ -n "$name" ] || continue
		addr=$(echo "$DEVICES" | awk -v d="$dimm" '$1 == d { print $4 }')
		for r in /sys/bus/nd/devices/region*; do
			[ "$(cat "$r/resource")" = "$addr" ] && break
		done
		progress "namespace $name" 60
		ndctl create-namespace -r "${r##*/}" -n "$name" -s "$size" -m "$mode" -M mem -a "$align" \
			>/dev/null || problem "namespace $name"
	done
	make_unlabelled_devdax vpmem1
}

# make_unlabelled_devdax NAME: turns the raw namespace of the region NAME into device-dax.
make_unlabelled_devdax() {
	for n in /sys/bus/nd/devices/namespace*; do
		real_path "$n"
		region_name "$REPLY"
		[ "$REPLY" = "$1" ] || continue
		ndctl create-namespace -f -e "${n##*/}" -m devdax -M mem -a 2M >/dev/null && return
	done
	problem "device-dax on $1"
}

# make_erofs DEVICE: a filesystem with the one file that a "rofs" backing has.
# noinline_data: only whole blocks can be mapped directly.
make_erofs() {
	mkdir -p /run/erofs
	head -c 16777216 /dev/urandom >/run/erofs/file
	mkfs.erofs -E noinline_data "$1" /run/erofs >/dev/null && rm -r /run/erofs
}

make_filesystems() {
	# Not mke2fs: the shell would take busybox's.
	dev ext4-journaldev && mkfs.ext4 -q -F -b 4096 -O journal_dev "$REPLY" || problem "journal device"
	each_filesystem make_filesystem
	dev swap && mkswap "$REPLY" >/dev/null || problem "mkswap"
}

make_filesystem() { # name device mkfs mount
	progress "mkfs $1" 120
	$3 "$2" || problem "mkfs of $1: $3 $2"
}

# Calls "$1" name device mkfs mount-options for each line of the table.
each_filesystem() {
	echo "$FILESYSTEMS" >/run/filesystems
	while IFS=';' read -r fs device mkfs mount; do
		[ -n "$fs" ] || continue
		# shellcheck disable=SC2086 # the blanks around the field go here
		with_devices $device
		device=$REPLY
		with_devices "$mkfs"
		mkfs=$REPLY
		with_devices "$mount"
		"$1" "$fs" "$device" "$mkfs" "$REPLY" </dev/null
	done </run/filesystems
}

# ---- every mode ----

# Block devices on block devices. Everything here is stateless (no RAID
# superblock, no LUKS header), so that it is the same at each boot.
stack_devices() {
	with_devices "@dm-linear @dm-crypt @md-a @md-b"
	# shellcheck disable=SC2086
	set -- $REPLY
	export DM_DISABLE_UDEV=1 # there is none: dmsetup has to make the nodes itself
	get "/sys/class/block/${1##*/}/size"
	dmsetup create dm-linear --table "0 $REPLY linear $1 0" || problem "dm-linear"
	get "/sys/class/block/${2##*/}/size"
	dmsetup create dm-crypt --table \
		"0 $REPLY crypt aes-xts-plain64 $(printf '%064d' 42) 0 $2 0" || problem "dm-crypt"
	mdadm --build /dev/md0 --quiet --level=1 --raid-devices=2 --assume-clean "$3" "$4" ||
		problem "md-raid1"
}

mount_filesystem() { # name device mkfs mount
	mkdir -p "$MNT/$1"
	# shellcheck disable=SC2086 # options are words
	{ mount $4 "$2" "$MNT/$1" || problem "mount $1: $4 $2"; } &
}

mount_all() {
	make_unlabelled_devdax e820-devdax &
	with_devices @e820-ext4
	{ $E4 -J size=4 "$REPLY" && mkdir -p "$MNT/e820-ext4" &&
		mount -t ext4 -o dax=always "$REPLY" "$MNT/e820-ext4" || problem "e820-ext4"; } &
	each_filesystem mount_filesystem
	for m in "tmpfs tmpfs size=512m" "tmpfs-huge tmpfs size=256m,huge=always" \
		"hugetlb-2m hugetlbfs pagesize=2M" "hugetlb-1g hugetlbfs pagesize=1G"; do
		# shellcheck disable=SC2086
		set -- $m
		mkdir -p "$MNT/$1"
		mount -t "$2" -o "$3" none "$MNT/$1" || problem "mount $1"
	done
	dev swap && swapon "$REPLY" || problem "swapon"
	wait
	# Once what lies below is there.
	mount_overlay overlay ext4-disk
	mount_overlay overlay-dax ext4
	set -- "$MNT"/*
	for d; do
		shift
		[ "$d" = "$MNT/erofs" ] || set -- "$@" "$d"
	done
	chmod 1777 "$@" || problem "chmod below $MNT"
	find_devices
}

mount_overlay() { # name backing-of-upper-and-lower
	base=$MNT/$2/.overlay
	mkdir -p "$base/lower" "$base/upper" "$base/work" "$MNT/$1" &&
		mount -t overlay -o "lowerdir=$base/lower,upperdir=$base/upper,workdir=$base/work" none \
			"$MNT/$1" || problem "mount $1"
}

# The table of what there is, for the tests. A backing that could not be set up is
# left out (and was reported as a problem, which fails the run).
write_backings() {
	stat -f -c '%n %a %S' "$MNT"/* >/run/sizes
	echo "$BACKINGS" >/run/table
	while read -r name kind dax sync persist level attr; do
		[ -n "$name" ] || continue
		path=$MNT/$name align=4096
		case $kind in
		dev)
			dev "$name" || { problem "no device $name"; continue; }
			path=$REPLY
			get "/sys/bus/dax/devices/${path##*/}/align"
			align=$REPLY
			get "/sys/bus/dax/devices/${path##*/}/size"
			size=$REPLY
			;;
		spare)
			dev "$name" || { problem "no device $name"; continue; }
			get "/sys/block/${REPLY##*/}/size"
			size=$((REPLY * 512))
			dev "$name"
			real_path "/sys/block/${REPLY##*/}/device"
			path=${REPLY##*/}
			get "$REPLY/namespace"
			[ -z "$REPLY" ] || path=$REPLY
			;;
		*)
			mounted "$path" || continue
			file_space
			;;
		esac
		echo "name=$name kind=$kind path=$path dax=$dax sync=$sync persist=$persist level=$level" \
			"size=$size align=$align attr=$attr"
	done </run/table >/etc/mincore2/backings
}

mounted() {
	while read -r _ place _; do
		[ "$place" = "$1" ] && return
	done </proc/mounts
	return 1
}

# file_space: sets size to the bytes that the files at path may fill; align for hugetlbfs.
file_space() {
	while read -r place blocks block; do
		[ "$place" = "$path" ] && break
	done </run/sizes
	case $name in
	erofs) size=16777216 ;;
	hugetlb-*)
		# statfs knows nothing of the pool, which is as large as the command line says.
		align=$block
		get "/sys/kernel/mm/hugepages/hugepages-$((block / 1024))kB/nr_hugepages"
		size=$((REPLY * block)) ;;
	*) size=$((blocks * block)) ;;
	esac
}
