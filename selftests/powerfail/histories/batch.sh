# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# batch.sh: histories side by side, each on its filesystem: two boots, and the power cut
# between. Sourced by run, whose variables it uses.

SLOT_MB=32              # of a filesystem; a slot has more
LOOK_MB=$SLOT_MB        # what e2fsck and xfs_repair look at: one may have grown
LOOK_SECONDS=120        # for e2fsck or xfs_repair; one that needs longer finds it unsound
DATA_START=$((2 << 20)) # of a namespace, behind what the kernel keeps of it

# build_programs: what makes the lists, and the guest's program. Sets generate.
build_programs() {
	generate=${HISTORIES_GENERATE-} # for tests of this script
	[[ ! $generate ]] || return 0
	make -s -C "$here" OUT="$(realpath --relative-to="$here" "$BUILD")/powerfail" histories >&2 ||
		die "the programs do not compile"
	generate=$BUILD/powerfail/histories/generate
}

# build_histories: the initramfs, with one program in it.
build_histories() {
	if [[ ${POWERFAIL_INITRAMFS-} ]]; then # for tests of this script
		initramfs=$POWERFAIL_INITRAMFS
		return
	fi
	mkdir -p "$work/tree"/{tests,proc,sys,dev,mnt}
	install -m 755 "$BUILD/powerfail/histories/powerfail" "$work/tree/tests/init"
	ln -f "$work/tree/tests/init" "$work/tree/init" # for the trial of KVM
	initramfs=$work/initramfs
	(cd "$work/tree" && find . -mindepth 1 | cpio --create --format=newc --owner=+0:+0 --quiet) >"$initramfs"
}

# make_filesystem KIND FILE: as ../layout has it, but small.
make_filesystem() {
	truncate -s "${SLOT_MB}M" "$2"
	case $1 in
	xfs) mkfs.xfs -q -f --unsupported -s size=4096 -l size=8m -d agcount=2,su=2m,sw=1 -m reflink=1 "$2" ;;
	ext4) mkfs.ext4 -q -F -b 4096 -N 128 -J size=4 \
		-E stride=512,stripe_width=512,lazy_itable_init=0,lazy_journal_init=0 "$2" ;;
	esac >"$BUILD/log/histories-mkfs.log" 2>&1 || die "mkfs.$1 failed (see $BUILD/log/histories-mkfs.log)"
}

# slots: prints those in which a history can be: name, device, where in its file. They are
# namespaces of the table's layout, whatever filesystem they have there.
slots() {
	local name kind size at slot start length
	while read -r name kind size at; do
		[[ $kind == nvdimm ]] || continue
		while read -r slot start length; do
			case $slot in log | devdax*) continue ;; esac
			((start < at || start + length > at + $(numfmt --from=iec "$size"))) ||
				echo "$slot $name $((start - at + DATA_START))"
		done <"$images/ranges"
	done <<<"$DEVICES"
}

# fill_slots KIND DIR: puts a copy of one filesystem in each slot of the devices in DIR.
fill_slots() {
	local slot device at
	make_filesystem "$1" "$work/fs"
	while read -r slot device at; do
		fallocate -p -o "$at" -l $((SLOT_MB << 20)) "$2/$device" &&
			dd if="$work/fs" of="$2/$device" bs=1M seek=$((at >> 20)) conv=notrunc,sparse status=none ||
			die "the filesystem could not be copied"
	done <"$work/slots"
}

# prepare_slots: sets images, from those that the table has; makes them when the tools or the
# layout have changed. Their file "complete" tells them from others: mkfs draws a UUID.
prepare_slots() {
	local key kind name from own=$initramfs
	initramfs=''
	prepare_images
	initramfs=$own
	# The others only cost time: n1 is large.
	DEVICES=$(awk '$1 == "n0"' <<<"$DEVICES")
	from=$images
	key=${images##*/}.$({
		echo "$SLOT_MB $DATA_START"
		sed -n '/^make_filesystem()/,/^prepare_slots()/p' "$histories/batch.sh"
		versions e2fsprogs xfsprogs
	} | hash)
	slots >"$work/slots"
	SLOTS=$(wc -l <"$work/slots")
	images=$BUILD/powerfail/histories/images/$key
	[[ ! -e $images/complete ]] || return 0
	rm -rf "$BUILD/powerfail/histories/images"
	for kind in xfs ext4; do
		mkdir -p "$images/$kind"
		while read -r name _; do cp --sparse=always "$from/$name" "$images/$kind/"; done <<<"$DEVICES"
		fill_slots "$kind" "$images/$kind"
		# Zeros become holes.
		copy_images "$images/$kind" "$images/new"
		rm -r "${images:?}/$kind" && mv "$images/new" "$images/$kind"
	done
	cp "$from/ranges" "$images/"
	cp /proc/sys/kernel/random/uuid "$images/complete"
}

# look_at DIR NUMBER KIND SLOT DEVICE AT: what e2fsck or xfs_repair say of a slot.
look_at() {
	local file=$work/slot.$4
	dd if="$1/$5" of="$file" bs=1M skip=$(($6 >> 20)) count="$LOOK_MB" conv=sparse status=none
	truncate -s "${LOOK_MB}M" "$file"
	case $3 in
	ext4) timeout "$LOOK_SECONDS" e2fsck -fn "$file" ;;
	xfs) timeout "$LOOK_SECONDS" xfs_repair -n -f "$file" ;;
	esac >"$file.out" 2>&1 && echo "sound $2" ||
		echo "unsound $2 $(grep -v -E '^(e2fsck|Pass|Phase|.* - )' "$file.out" | head -n 1)"
	rm -f "$file" "$file.out"
}

# look_at_all CRASH DIR: two at a time.
look_at_all() {
	local half number kind slot device at
	for half in 0 1; do
		awk -v half="$half" 'FILENAME == ARGV[1] { place[$1] = $2 " " $3; next }
			$1 ~ /^(done|during|after|broken|torn)$/ && n++ % 2 == half { print $2, $3, $7, place[$7] }' "$work/slots" "$1" |
			while read -r number kind slot device at; do
				look_at "$2" "$number" "$kind" "$slot" "$device" "$at"
			done >"$work/looked.$half" &
	done
	wait
	cat "$work/looked.0" "$work/looked.1"
}

# both_boots LIST LOG: 1 with a reason in trouble, or LOG.results.
both_boots() {
	local kind rest
	read -r _ kind rest <"$1"
	rm -f "$2".*
	# Each has a slot for itself.
	paste -d' ' "$1" <(cut -d' ' -f1 "$work/slots") | head -n "$(wc -l <"$1")" >"$2.list"
	allowed=''
	copy_images "$images/$kind" "$work/images"
	[[ $cache == all ]] || configure_cache "$work/images"
	boot crash "$work/images" "$2.list" "" "$2" announce || return 1
	[[ $cache == all ]] || read_cache "$2" || return 1
	sed -n '/^done /p' "$2.crash" >"$work/done"
	[[ ! ${POWERFAIL_KEEP:-} ]] || copy_images "$work/images" "$2.images"
	boot recover "$work/images" "$work/done" "" "$2" recovered || return 1
	look_at_all "$2.crash" "$work/images" >"$2.looked"
	awk -v kernel="$which" -f "$histories/verdict.awk" -f "$here/lib/judged.awk" "$2.list" "$2.crash" "$2.recover" "$2.logged" "$2.looked" >"$2.results"
}

# unfinished LOG: the histories that were going on in the boot that ended.
unfinished() {
	if [[ -s $1.recover ]]; then
		awk '$1 == "slot" { on[$2] = 1 } $1 == "verdict" { delete on[$2] } END { for (n in on) print n }' "$1.recover"
	else
		awk '$1 == "at" { on[$2] = 1 } $1 == "done" || $1 == "error" { delete on[$2] } END { for (n in on) print n }' "$1.crash"
	fi
}

# batch LIST LOG: adds the verdicts to $out/results. If the guest dies, those that were
# going on then are done alone, so that only one gets the blame. 1: three batches in
# succession have had no result at all. Each line of LIST has a number, and four words that
# are its name in the results.
batch() {
	local n why
	if "${boots:-both_boots}" "$1" "$2"; then
		cat "$2.results" >>"$out/results"
		[[ ${POWERFAIL_KEEP_LOGS:-} ]] || rm -f "$2".*.console "$2".*.stderr
		broken=0
		return 0
	fi
	why=$(explain | tr '\t\n' '  ')
	note "$(wc -l <"$1") ${title%:}: $why (logs: $2.*)"
	if (($(wc -l <"$1") == 1)) || [[ ! -s $2.crash ]]; then
		awk -v why="$why" -v OFS='\t' '{ print "not ok", $2, $3, $4, $5, "error", "-", "-", "the guest died: " why }' "$1" >>"$out/results"
		[[ -s $2.crash ]] || broken=$((broken + 1))
		((broken < 3))
		return
	fi
	unfinished "$2" >"$2.suspects"
	# Whoever it was, he had finished: by halves then.
	[[ -s $2.suspects ]] || awk 'NR % 2 { print $1 }' "$1" >"$2.suspects"
	awk 'FILENAME == ARGV[1] { s[$1] = 1; next } !($1 in s)' "$2.suspects" "$1" >"$2.rest"
	if (($(wc -l <"$2.suspects") <= 4)); then
		for n in $(<"$2.suspects"); do
			awk -v n="$n" '$1 == n' "$1" >"$2.one"
			batch "$2.one" "$2-$n" || return 1
		done
	else
		awk 'FILENAME == ARGV[1] { s[$1] = 1; next } $1 in s' "$2.suspects" "$1" >"$2.half"
		batch "$2.half" "$2-half" || return 1
	fi
	[[ ! -s $2.rest ]] || batch "$2.rest" "$2-rest"
}
