# SPDX-License-Identifier: GPL-2.0-or-later
#
# explain.awk: why stores were lost in a cycle with a CPU cache.
#
# awk -f explain.awk SYSTEM.MAP SYMBOLS RANGES PLAN CRASH RECOVER CACHE
#   SYSTEM.MAP  of the kernel; /dev/null: addresses stay numbers
#   SYMBOLS     "nm -n" of the guest's program
#   RANGES      lines "NAME START SIZE": where namespaces are in physical memory
#   PLAN        lines of plan.awk, of this cycle
#   CRASH, RECOVER  what the guest said before and after the failure
#   CACHE       what cache-lines prints
# Prints which instruction was dropped, if one was, and for each lost store which line it was in, who had stored to it last, and what was
# missing. If the line itself was durable, it is the way to it that is lost: then the lines
# of the same filesystem that were not durable, by who stored to them.

function number(hex,   i, v) {
	sub(/^0x/, "", hex)
	for (i = 1; i <= length(hex); i++) v = v * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return v
}
# 16 digits, so that addresses can be compared as text: numbers are too large for awk.
function wide(hex) {
	sub(/^0x/, "", hex)
	return substr("0000000000000000" hex, length(hex) + 1)
}
# The last symbol of a sorted list that is not behind an address; 0: none.
function find(list, n, address,   low, high, middle) {
	low = 0; high = n
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (list[middle] "" <= address "") low = middle; else high = middle - 1
	}
	return low
}
function user_symbol(at,   i, place) {
	for (i = 1; i <= maps; i++) {
		if (at "" < map_start[i] "" || at "" >= map_end[i] "") continue
		place = number(at) - number(map_start[i]) + map_offset[i]
		if (map_file[i] !~ /\/powerfail$/) return sprintf("%s+0x%x", map_file[i], place)
		i = find(user_at, users, sprintf("%016x", place))
		return i ? sprintf("%s+0x%x (powerfail)", user_name[i], place - number(user_at[i])) :
			sprintf("powerfail+0x%x", place)
	}
	return "0x" at " (another program)"
}
function symbol(at,   i) {
	if (at == "0" || at == "0x0") return "nobody that was seen"
	at = wide(at)
	if (at !~ /^[89a-f]/) return user_symbol(at)
	i = find(kernel_at, kernels, at)
	if (!i) return "0x" at " (kernel)"
	return sprintf("%s+0x%x (kernel)", kernel_name[i], number(substr(at, 9)) - number(substr(kernel_at[i], 9)))
}

FILENAME == kernel_file {
	if ($2 ~ /^[tTwW]$/) { kernel_at[++kernels] = $1; kernel_name[kernels] = $3 }
	next
}
FILENAME == symbols_file {
	if ($2 ~ /^[tTwW]$/) { user_at[++users] = $1; user_name[users] = $3 }
	next
}
FILENAME == ranges_file { start[$1] = number($2); end[$1] = start[$1] + $3; next }
FILENAME == plan_file { name[$2] = $3; slot[$2] = $4; next }
FILENAME == crash_file {
	if ($1 == "store") address[$2, $3] = $12
	if ($1 == "map") {
		split($2, ends, "-")
		map_start[++maps] = wide(ends[1]); map_end[maps] = wide(ends[2])
		map_offset[maps] = number($4); map_file[maps] = $7
	}
	next
}
FILENAME == recover_file {
	if ($1 == "read" && $4 == "lost") {
		why = $5
		for (i = 6; i <= NF; i++) why = why " " $i
		lost[++losses] = $2; watch[losses] = $3; instead[losses] = why
	}
	if ($1 == "random" && $6 > 0) { lost[++losses] = $2; watch[losses] = "-"; instead[losses] = $6 " pages" }
	if ($1 == "log" && $4 + 0 < $3 + 0) { lost[++losses] = $2; watch[losses] = "-"; instead[losses] = ($3 - $4) " records" }
	next
}
$1 == "dropped" && number($2) { print "dropped: " symbol($2) }
$1 == "at" { known[number($2)] = state($3, $4, $5, $6, $7, $8) }
$1 == "at" { durable[number($2)] = $3 == "durable" }
$1 == "line" {
	line[++lines] = number($2)
	group[lines] = state($3, $4, "", $6, "", "-")
}

# What was missing. Without processors where lines are put together.
function state(what, stored_by, stored_on, written_by, written_on, elsewhere,   text) {
	text = "stored by " symbol(stored_by) (stored_on == "" ? "" : " on processor " stored_on)
	if (what == "durable") return "durable, " text
	if (what == "stored" && written_by == "0") return "stored, never written back; " text
	if (what == "stored") return "stored again, not written back since; " text
	return "written back, " (elsewhere == "elsewhere" ? "fenced on another processor" : "no fence") "; " text \
		", written back by " symbol(written_by) (written_on == "" ? "" : " on processor " written_on)
}

# The lines of a slot that are not durable, put together by who stored to them.
function print_slot(s,   i, k, n, best, count, shown) {
	if (!(s in start)) { print "  the device of " s " has no CPU cache in front of it"; return }
	for (i = 1; i <= lines; i++)
		if (line[i] >= start[s] && line[i] < end[s]) { count[group[i]]++; n++ }
	if (!n) {
		print "  all lines of " s " were durable: it had not been stored there at all, as in a journal that was not committed"
		return
	}
	print "  " n " lines of " s " were not durable"
	for (shown = 0; shown < 8; shown++) {
		best = ""
		for (k in count) if (best == "" || count[k] > count[best] || (count[k] == count[best] && k < best)) best = k
		if (best == "") break
		print "    " count[best] ": " best
		delete count[best]
	}
}

function print_line(at,   base) {
	base = at - at % 64
	if (!(base in known)) return 0
	printf "  line 0x%x: %s\n", base, known[base]
	return durable[base] ? 1 : 2
}

BEGIN {
	kernel_file = ARGV[1]; symbols_file = ARGV[2]; ranges_file = ARGV[3]; plan_file = ARGV[4]
	crash_file = ARGV[5]; recover_file = ARGV[6]
}
END {
	for (i = 1; i <= losses; i++) {
		c = lost[i]
		print name[c] (watch[i] == "-" ? "" : ", store " watch[i]) ": lost (" instead[i] ")"
		at = (c, watch[i]) in address ? number(address[c, watch[i]]) : 0
		if (!at) {
			print "  its line is not known"
			print_slot(slot[c])
			continue
		}
		how = print_line(at)
		other = at % 64 ? print_line(at + 63) : how
		if (!how) print "  its line is on a device without a CPU cache"
		else if (how == 1 && other != 2) {
			print "  the bytes are there, and what leads to them is lost"
			print_slot(slot[c])
		}
	}
}
