# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# verdict.sh: what run makes of what the guest says. Sourced by run, whose variables
# (work, qemu, timeout, mode, results, console, start, ...) it uses.

gave_up=''      # why the guest was stopped, when it was

# show TEXT: one line of progress. On a terminal, in the place of the last one.
show() {
	if on_terminal; then
		printf '\r\033[K%s' "$1" >&2
	elif [[ ${2:-} ]]; then
		printf '%s\n' "$1" >&2
	fi
}

# follow_progress: prints what the guest is doing until QEMU ends; ends it when a
# step takes longer than the guest said it may, or everything longer than --timeout.
# The guest's lines: "begin SECONDS NAME" and "end PASSED FAILED SKIPPED".
follow_progress() {
	local step="boot" limit=$BOOT_SECONDS since=$SECONDS line='' part='' word rest count=0
	local now step_limit
	exec 8<"$work/progress"
	while :; do
		while IFS= read -r -u 8 part; do
			line+=$part
			read -r word rest <<<"$line"
			line=''
			case $word in
			begin)
				limit=${rest%% *} step=${rest#* } since=$SECONDS
				[[ $mode == run || $mode == prepare ]] && show "$((SECONDS - start)) s  $step" ;;
			end)
				count=$((count + 1))
				show_end "$step" "$rest" $((SECONDS - since)) ;;
			esac
		done
		line+=$part # the beginning of a line that is not complete
		kill -0 "$qemu" 2>/dev/null || break
		now=$SECONDS
		step_limit=$((limit * slow + RESERVE_SECONDS))
		if ((limit && now - since > step_limit)); then
			gave_up="waited $step_limit s for \"$step\" to end"
		elif ((timeout && now - start > timeout)); then
			gave_up="--timeout of $timeout s has passed; waiting for \"$step\" to end"
		fi
		if [[ $gave_up ]]; then
			kill -KILL "$qemu"
			break
		fi
		sleep 0.2
	done
	exec 8<&-
	on_terminal && [[ $mode == run || $mode == prepare ]] && show ""
	last_step=$step
}

# show_end NAME "PASSED FAILED SKIPPED" SECONDS
show_end() {
	local passed failed skipped
	read -r passed failed skipped <<<"$2"
	local text="$passed passed"
	((failed)) && text+=", $failed FAILED"
	((skipped)) && text+=", $skipped skipped"
	on_terminal && printf '\r\033[K' >&2
	printf '  %-40s %s (%d s)\n' "$1" "$text" "$3" >&2
}

# apply_skip_policy: reads verdict lines, prints them with each skip that is not in
# allowed-skips turned into a failure. A line there: case, tab, reason; the case is
# "PROGRAM: CASE", or "*: CASE" for that case of any program.
apply_skip_policy() {
	awk -v allowed="$guest_dir/allowed-skips" '
		BEGIN {
			while ((getline line < allowed) > 0)
				if (line !~ /^#/ && split(line, f, "\t") >= 2 && f[2] != "")
					ok[f[1]] = 1
		}
		/^skip / {
			what = substr($0, 6)
			sub(/ # .*/, "", what)
			any = what
			sub(/^[^:]*: /, "*: ", any)
			if (!(what in ok) && !(any in ok)) {
				sub(/^skip /, "not ok ")
				sub(/( # |$)/, " # skipped, which allowed-skips does not allow: ")
			}
		}
		{ print }'
}

# no_verdict REASON: reports a guest that did not get to its verdict.
no_verdict() {
	echo "$self: NO VERDICT: $1" >&2
	# What a panicking kernel says, if it did.
	grep -a -m 3 -E 'Kernel panic|BUG:|WARNING' "$console" 2>/dev/null | sed 's/^/  /' >&2 || true
	[[ ! -s $work/stderr ]] || sed 's/^/  qemu: /' "$work/stderr" >&2
	echo "  console log: $console" >&2
	[[ -z $results ]] || printf '%s\n' "not ok guest: verdict # $1" "0 passed, 1 failed, 0 skipped" >"$results"
	exit 2
}

# judge: checks the verdict, writes --results, prints failures and counts, exits.
judge() {
	local last p f s
	[[ -z $gave_up ]] || no_verdict "$gave_up"
	last=$(tail -n 1 "$work/verdict")
	[[ $last =~ ^verdict\ ([0-9]+)\ ([0-9]+)\ ([0-9]+)$ ]] ||
		no_verdict "the guest ended during \"$last_step\""
	p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
	sed '$d' "$work/verdict" >"$work/cases"
	[[ "$p $f $s" == "$(count_cases "$work/cases")" ]] ||
		no_verdict "its counts ($p, $f, $s) are not those of its lines ($(count_cases "$work/cases"))"
	apply_skip_policy <"$work/cases" >"$work/judged"
	read -r p f s < <(count_cases "$work/judged")
	if [[ $results ]]; then
		{ cat "$work/judged"; echo "$p passed, $f failed, $s skipped"; } >"$results"
	fi
	grep '^not ok ' "$work/judged" | sed 's/^/  /' >&2 || true
	if ((f)); then
		echo "  console log: $console" >&2
	fi
	[[ $mode != run ]] || echo "$self: $p passed, $f failed, $s skipped, $((SECONDS - start)) s ($accel)" >&2
	((f == 0 && p > 0)) || exit 1
	exit 0
}

# count_cases FILE: prints "PASSED FAILED SKIPPED".
count_cases() {
	awk '/^ok / { p++ } /^not ok / { f++ } /^skip / { s++ } END { print p + 0, f + 0, s + 0 }' "$1"
}
