# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# cache.sh: a cycle with a CPU cache, which is a plugin of QEMU (../cache). Sourced by run,
# whose variables it uses.
#
# The nvdimms' files are mapped privately by QEMU; the plugin puts into them what is
# durable. So when QEMU is killed they are what the power failure has left.

LABEL_BYTES=$((2 << 20)) # see device_options

# build_cache: the plugin, and a QEMU that can run it.
build_cache() {
	cache_qemu=$("$here/cache/qemu") || die "no QEMU for the CPU cache"
	make -s -C "$here" OUT="$(realpath --relative-to="$here" "$BUILD")/powerfail" cache >&2 ||
		die "the plugin with the CPU cache does not compile"
}

# configure_cache DIR: writes the plugin's configuration, for images in DIR.
configure_cache() {
	local name kind size where start class
	{
		echo "table $work/table"
		printf 'ram %x\n' $((RAM_MB << 20))
		while read -r name kind size where; do
			[[ $kind == nvdimm ]] || continue
			size=$(($(numfmt --from=iec "$size") - LABEL_BYTES))
			printf 'device %x %x %s\n' "$where" "$size" "$(realpath "$1/$name")"
		done <<<"$DEVICES"
		echo shared-rest
		# The random cases' log: see layout.
		while read -r name start size; do
			[[ $name != log ]] || printf 'shared %x %x\n' "$start" "$size"
		done <"$images/ranges"
		case $cache in strict) ;; *) echo "evict $cache" ;; esac
		for class in $ignore; do echo "ignore $class"; done
		[[ ! ${deltas-} ]] || echo "deltas $deltas" # of ../instants
		[[ ! $drop ]] || echo "drop ${drop%:*} ${drop#*:}"
	} >"$work/cache"
}

# cache_options: sets what QEMU is started with. Addresses are not random, so that
# instructions have names.
cache_options() {
	program=$cache_qemu words=" nokaslr norandmaps"
	cache_opts=(-object "memory-backend-memfd,id=ram,size=${RAM_MB}M" -machine memory-backend=ram
		-plugin "file=./cache.so,config=$(quote_option "$work/cache")")
}

# read_cache LOG: what the plugin has left, into LOG.cache. 1 with a reason in trouble
# when the model was not right.
read_cache() {
	local -a addresses
	if [[ ! -s $work/table ]]; then
		trouble="crash: the plugin with the CPU cache has left no table"
		return 1
	fi
	mapfile -t addresses < <(awk '$1 == "store" && $12 ~ /^0x/ { print $12 }' "$1.crash" | sort -u)
	"$BUILD/powerfail/cache-lines" "$work/table" "${addresses[@]}" >"$1.cache" || die "the table of the CPU cache cannot be read"
	rm -f "$work/table"
	trouble=$(awk '$1 == "unresolved" && $2 {
		print "crash: the address of " $2 " cache flushes was not found, first that of " $4 " by the instruction at " $3 }' "$1.cache")
	[[ ! $trouble ]]
}

# explain_losses LOG: for each case that has lost data, why, in LOG.lost.
explain_losses() {
	local symbols
	symbols=$(realpath "${kernel%/arch/*}")/System.map
	[[ -r $symbols ]] || symbols=/dev/null
	nm -n "$BUILD/powerfail/powerfail" >"$work/symbols" 2>/dev/null || true
	awk -f "$here/cache/explain.awk" "$symbols" "$work/symbols" "$images/ranges" "$1.plan" "$1.crash" "$1.recover" "$1.cache" >"$1.lost"
}
