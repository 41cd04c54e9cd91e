# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# reduce.sh: the shortest parts of histories that fail. Sourced by run, whose variables it uses.

REDUCE_MAX=12 # so many are looked for; each takes two boots

# is_part HISTORY SHORT: is SHORT what is left of HISTORY without some operations?
is_part() {
	awk -v whole="$1" -v part="$2" 'BEGIN {
		n = split(whole, w, "-"); m = split(part, p, "-")
		for (i = k = 1; i <= n && k <= m; i++) if (w[i] == p[k]) k++
		exit k <= m
	}'
}

# reduce_one KIND FORM FILES HISTORY NUMBER: prints the shortest that fails, and how often it did.
# Each part is done twice in a batch, the whole three times.
reduce_one() {
	local results=$out/results log=$out/reduce-$5 first
	{
		"$generate" parts "$2" "$3" "$4" | sed p
		printf '%s %s %s\n' "$2" "$3" "$4" "$2" "$3" "$4" "$2" "$3" "$4"
	} | awk -v kind="$1" '{ print NR, kind, $0 }' >"$work/parts"
	out=$log
	mkdir -p "$out"
	: >"$out/results"
	for ((first = 1; first <= $(wc -l <"$work/parts"); first += SLOTS)); do
		sed -n "$first,$((first + SLOTS - 1))p" "$work/parts" >"$work/some"
		batch "$work/some" "$out/batch-$first" >&2 || true
	done
	out=${results%/results}
	# Verdicts by history, the shortest first; one that fails sometimes is no good.
	awk -F'\t' '
		{ k = $2 " " $3 " " $4 " " $5; if (!(k in n)) order[++c] = k; n[k]++; len[k] = split($5, x, "-")
		  if ($1 != "ok") { bad[k]++; note[k] = $6 ": " $9 } }
		END {
			for (i = 1; i <= c; i++) {
				k = order[i]
				if (bad[k] == n[k] && (best == "" || len[k] < len[best])) best = k
			}
			if (best != "") print best "\t" bad[best] " of " n[best] "\t" note[best]
		}' "$log/results"
}

# reduce_all: of all that failed, the shortest that do, each with an example.
reduce_all() {
	local kind form files history found name rest why times known=()
	reductions=0
	while IFS=$'\t' read -r kind form files history; do
		found=''
		for name in "${known[@]}"; do
			read -r _ _ _ rest <<<"$name"
			if [[ $name == "$kind $form "* ]] && is_part "$history" "$rest"; then found=1; break; fi
		done
		[[ ! $found ]] || continue
		if [[ $history != *-* ]]; then # it cannot be shorter
			known+=("$kind $form $files $history")
			echo "# shortest: $kind $form $files $history ($("$generate" words "$form" "$files" "$history"))"
			continue
		fi
		((++reductions <= REDUCE_MAX)) || { echo "# not all were reduced"; break; }
		found=$(reduce_one "$kind" "$form" "$files" "$history" "$reductions")
		if [[ ! $found ]]; then
			echo "# $kind.$form.$files.$history did not fail again"
			continue
		fi
		IFS=$'\t' read -r name times why <<<"$found"
		known+=("$name")
		read -r kind form files rest <<<"$name"
		echo "# shortest: $name ($("$generate" words "$form" "$files" "$rest")): $times times, $why"
	done < <(awk -F'\t' '$1 != "ok" { print split($5, x, "-") "\t" $2 "\t" $3 "\t" $4 "\t" $5 }' "$out/results" | sort -n -s -k1,1 | cut -f2-) | tee "$out/reduced"
}
