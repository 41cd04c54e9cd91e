# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# cycle.sh: one boot of the guest, and the cycle of two with the power cut between.
# Sourced by run, whose variables (kernel, initramfs, accel, work, ...) it uses.

BOOT_SECONDS=${POWERFAIL_BOOT_SECONDS:-120}      # from QEMU's start to the guest's first word
RESERVE_SECONDS=${POWERFAIL_RESERVE_SECONDS:-60} # beyond what the guest says a step may take
CPUS=${POWERFAIL_CPUS:-2} # of the guest; one waits for no lock on an overloaded host
# What must not be in the kernel's log. panic_on_warn makes most of it fatal.
# A filesystem that was recovered has nothing to complain of: that is judged by slot.
BAD_RECOVERED='EXT4-fs error|XFS .*(Corruption|Internal error|metadata I/O error)'
BAD_LOG='WARNING: |BUG:|Oops|possible circular locking|INFO: .*(detected|blocked|suspicious)|KASAN|UBSAN|Kernel panic'

# What the kernel warns of, rightly or not, in some histories: history, and the part of the
# log by which it is recognised. There a warning does not end the guest.
ALLOWED_LOG='
emergency-ro ext4_journal_check_start
'

# qemu_command MODE DIR LIST USED: sets the array command. DIR holds the images; LIST and
# USED become /etc/powerfail/list and used.
qemu_command() {
	local -a device_opts machine_opts cache_opts=()
	local program=$QEMU words='' share=shared
	machine_options "$accel" "$CPUS"
	if [[ $cache != all && $1 == crash ]]; then
		share=cached
		cache_options
	fi
	device_options "$2" "$share" "$1"
	rm -rf "$work/extra"
	mkdir -p "$work/extra/etc/powerfail"
	cp "$3" "$work/extra/etc/powerfail/list"
	printf '%s\n' "$4" >"$work/extra/etc/powerfail/used"
	cp "$initramfs" "$work/initrd"
	truncate -s %4 "$work/initrd"
	(cd "$work/extra" && find . -mindepth 1 -print0 | cpio --null --create --format=newc \
		--owner=+0:+0 --quiet) >>"$work/initrd"
	local on_warn=1
	[[ ! $allowed ]] || on_warn=0
	# shellcheck disable=SC2054 # commas are QEMU's
	command=("$program" "${machine_opts[@]}" "${cache_opts[@]}" "${device_opts[@]}"
		-kernel "$kernel" -initrd "$work/initrd"
		-append "console=ttyS0 no_timer_check rcupdate.rcu_cpu_stall_timeout=120 panic=-1 panic_on_warn=$on_warn oops=panic log_buf_len=2M$words rdinit=/tests/init powerfail_mode=$1"
		-serial "file:$(quote_option "$console")" -device virtio-serial-pci
		-chardev "file,id=port,path=$(quote_option "$said")"
		-device virtserialport,chardev=port,name=powerfail)
}

# stop_qemu: the power is cut.
stop_qemu() {
	[[ $qemu ]] || return 0
	kill -KILL "$qemu" 2>/dev/null || true
	wait "$qemu" 2>/dev/null || true
	qemu=''
}

# boot MODE DIR LIST USED LOG WORD: as boot_once. On an overloaded host an emulated processor
# may come up without its timer, and hang: a guest that was waited for in vain and
# has not said a word has not mounted anything either, and is given a second try.
boot() {
	if boot_once "$@"; then return 0; fi
	[[ $trouble == waited* && ! -s $said ]] || return 1
	note "$trouble; trying once more"
	[[ ! -e $console ]] || mv "$console" "$console.hung"
	boot_once "$@"
}

# boot_once MODE DIR LIST USED LOG WORD: runs a guest until it says WORD, and then SECONDS more
# if that line has a number behind it; kills it at once. What it says goes to LOG.MODE,
# its console to LOG.MODE.console. 1 with a reason in trouble when that does not come.
boot_once() {
	local mode=$1 log=$5 word=$6 line='' part='' step="boot" limit=$BOOT_SECONDS since=$SECONDS first rest
	local -a command
	said=$log.$mode console=$log.$mode.console trouble=''
	: >"$said"
	qemu_command "$mode" "$2" "$3" "$4"
	local -a preload=()
	[[ $mode != crash ]] || preload=(env LD_PRELOAD=./flushsnap.so)
	# From there, as a blank in LD_PRELOAD would end the name.
	(cd "$BUILD/powerfail" && exec "${preload[@]}" "${command[@]}") </dev/null >"$log.$mode.stderr" 2>&1 &
	qemu=$!
	exec 8<"$said"
	while :; do
		while IFS= read -r -u 8 part; do
			line+=$part
			read -r first rest <<<"$line"
			line=''
			case $first in
			begin) limit=${rest%% *} step=${rest#* } since=$SECONDS ;;
			"$word")
				[[ -z $rest ]] || sleep "$rest"
				stop_qemu
				break 2 ;;
			esac
			on_terminal && [[ $first == begin ]] && printf '\r\033[K%s %s' "$title" "$step" >&2
		done
		line+=$part
		if ! kill -0 "$qemu" 2>/dev/null; then
			trouble="the guest ended by itself during \"$step\""
		elif ((SECONDS - since > limit + RESERVE_SECONDS)); then
			trouble="waited $((limit + RESERVE_SECONDS)) s for \"$step\" to end"
		fi
		[[ -z $trouble ]] || break
		sleep 0.05
	done
	exec 8<&-
	stop_qemu
	on_terminal && printf '\r\033[K' >&2
	[[ $trouble ]] || look_into_logs "$mode" "$log"
	[[ -z $trouble ]]
}

# look_into_logs MODE LOG: what the guest or its kernel complained about, in trouble. What
# concerns one slot only goes to LOG.logged, for the judge.
look_into_logs() {
	local found
	found=$(grep -a -m 1 '^problem ' "$said" || true)
	[[ $found ]] || found=$(grep -a -v 'powerfail: ' "$console" | grep -E "$BAD_LOG" |
		grep -v -m 1 -E "${allowed:-^$}" || true)
	if [[ $1 == recover ]]; then
		LC_ALL=C awk -v bad="$BAD_RECOVERED" -f "$here/lib/logged.awk" "$said" "$console" >"$2.logged"
		[[ $found ]] || found=$(sed -n 's/^unknown //p' "$2.logged" | head -n 1)
	fi
	[[ -z $found ]] || trouble="$1: $found"
}

# explain: the reason, and what QEMU and the kernel's last words add to it.
explain() {
	echo "$trouble"
	[[ ! -s $console ]] || grep -a -m 3 -E "$BAD_LOG" "$console" || true
	[[ ! -s ${said%.*}.${said##*.}.stderr ]] || head -n 3 "${said%.*}.${said##*.}.stderr"
}

# copy_images FROM TO: without filling the holes.
copy_images() {
	rm -rf "$2"
	mkdir -p "$2"
	cp --sparse=always --reflink=auto "$1"/* "$2"/ || die "the images could not be copied to \"$2\""
	rm -f "$2/complete" "$2/ranges"
}

# power_cut DIR: what virtio-pmem devices keep: the last snapshot of a flush; without
# one, what they were prepared with.
power_cut() {
	local file
	for file in "$1"/*vpmem*; do
		case $file in *.snap | *.new) continue ;; esac
		if [[ -e $file.snap ]]; then
			mv "$file.snap" "$file"
		elif [[ -e $file ]]; then
			cp --sparse=always "$images/${file##*/}" "$file"
		fi
	done
	rm -f "$1"/*.new
}

# prepare_images: sets images; makes them when the layout or the tools have changed. The guest
# for that is built if initramfs is empty.
prepare_images() {
	local key
	key=$({
		sed '/^ *#/d' "$here/layout"
		sed -n '/^dm_device()/,/^mount_slot()/p' "$here/init"
		versions ndctl e2fsprogs xfsprogs
	} | hash)
	images=$BUILD/powerfail/images/$key
	[[ ! -e $images/complete ]] || return 0
	note "preparing the images (once, some minutes)"
	[[ ${initramfs-} ]] || build_guest
	rm -rf "$BUILD/powerfail/images"
	mkdir -p "$work/new"
	make_blank_images "$work/new"
	: >"$work/empty"
	title="prepare:" allowed=''
	boot prepare "$work/new" "$work/empty" "" "$BUILD/log/powerfail-prepare" prepared ||
		die "the images could not be prepared: $(explain) (console log: $console)"
	# Blocks of zeros become holes.
	copy_images "$work/new" "$images.new"
	sed -n 's/^range //p' "$said" >"$images.new/ranges"
	rm -rf "$work/new"
	mv "$images.new" "$images"
	touch "$images/complete"
}
