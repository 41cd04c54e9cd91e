# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# boots.sh: the guest in which operations happen, whose every instant is logged, and those in
# which the images are recovered. Sourced by run, whose variables it uses.

# device: sets where the device of all slots begins in physical memory, and its name.
device() {
	read -r device_name _ _ device_start <<<"$DEVICES"
}

# physical SLOTS: prints "SLOT ADDRESS", of the filesystem in each.
physical() {
	awk -v start="$((device_start))" '{ printf "%s %d\n", $1, start + $3 }' "$1"
}

# log_group KIND GROUP: the operations of the group happen. $out/GROUP.list, .crash (what the
# guest said), .deltas (what became durable), .images (what "instants images" printed). 1 with a
# reason in trouble.
log_group() {
	local kind=$1 log=$out/$2
	rm -f "$log".{crash,crash.*,deltas,images,cache}
	# As they are in the first boot: a slot for each.
	paste -d' ' "$work/group" <(cut -d' ' -f1 "$work/slots") | head -n "$(wc -l <"$work/group")" >"$log.list"
	awk '{ print $1, $2, $4, $5, $6, $7, "instants" }' "$log.list" >"$work/list"
	allowed='' deltas=$log.deltas
	copy_images "$images/$kind" "$work/images"
	configure_cache "$work/images"
	deltas=''
	title="instants:"
	boot crash "$work/images" "$work/list" "" "$log" announce || return 1
	read_cache "$log" || return 1
	trouble=$(grep -m 1 '^error ' "$log.crash" || true)
	[[ ! $trouble ]] || { trouble="crash: $trouble"; return 1; }
	# What the images are made of is what was durable: byte for byte.
	trouble=$("$tool" verify "$log.deltas" "$device_start" "$images/$kind/$device_name" "$work/images/$device_name" 2>&1) ||
		{ trouble="crash: ${trouble:-the log cannot be read}"; return 1; }
	note "$kind: $trouble"
	physical "$work/slots" >"$work/places"
	awk -v size=$((LOOK_MB << 20)) 'FILENAME == ARGV[1] { at[$1] = $2; next } { print $1, at[$7], size }' \
		"$work/places" "$log.list" >"$work/operations"
	trouble=$("$tool" images "$log.deltas" "$device_start" "$images/$kind/$device_name" "$work/operations" "$max" "$seed" "$torn" \
		2>&1 >"$work/found") || { trouble="crash: ${trouble:-$(grep -m 1 'did not end' "$work/found")}"; return 1; }
	mv "$work/found" "$log.images"
}

# rebuild_images LIST: puts the image of each line into the slot that is last in it. LIST has
# lines "NUMBER KIND NAME INSTANT MODE COUNT OPERATION GROUP RECORD SKIP SKIP_END BY SLOT".
rebuild_images() {
	local group kind name
	read -r _ kind name _ _ _ _ group _ <"$1"
	awk -v size=$((LOOK_MB << 20)) '
		FILENAME == ARGV[1] { at[$1] = $2; next }
		FILENAME == ARGV[2] { from[$1] = at[$7]; next }
		{
			split($5, t, ".")
			print from[$7], size, at[$13], $9, $10, $11, t[2] + 0, t[3] + 0, t[4] + 0
		}' "$work/places" "$out/$group.list" "$1" >"$work/targets"
	copy_images "$images/$kind" "$work/images"
	"$tool" rebuild "$out/$group.deltas" "$device_start" "$work/images/$device_name" "$work/targets" ||
		die "the images cannot be rebuilt"
}

# recover_images LIST LOG: of one kind and group; 1 with a reason in trouble, or LOG.results.
recover_images() {
	local group
	read -r _ _ _ _ _ _ _ group _ <"$1"
	rm -f "$2".*
	physical "$work/slots" >"$work/places"
	paste -d' ' "$1" <(cut -d' ' -f1 "$work/slots") | head -n "$(wc -l <"$1")" >"$2.list"
	rebuild_images "$2.list"
	# What each was, as it was done in the first boot, under the number of the image.
	awk 'FILENAME == ARGV[1] { if ($1 == "done") done[$2] = $0; next }
		{
			n = split(done[$7], f, " ")
			how = $5 ~ /^torn/ ? "torn" : $5
			line = how " " $1 " " f[3] " " f[4] " " f[5] " " f[6] " " $13
			for (i = 8; i <= n; i++) line = line " " f[i]
			print line
		}' "$out/$group.crash" "$2.list" >"$work/done"
	allowed=''
	boot recover "$work/images" "$work/done" "" "$2" recovered || { [[ ! -s $2.recover ]] || cp "$work/done" "$2.crash"; return 1; }
	cp "$work/done" "$2.crash"
	look_at_all "$2.crash" "$work/images" >"$2.looked"
	awk -f "$instants/verdict.awk" -f "$here/lib/judged.awk" "$2.list" "$2.recover" "$2.logged" "$2.looked" >"$2.results"
}
