# SPDX-License-Identifier: GPL-2.0-or-later
#
# summary.awk: what was found of each operation.
#
# awk [-v prove_torn=1] -f summary.awk SYMBOLS OPERATIONS PLAN RESULTS
#   SYMBOLS     System.map, or an empty file
#   OPERATIONS  lines "KIND NAME INSTANTS KERNEL DISTINCT TRIED"
#   PLAN        lines "NUMBER KIND NAME INSTANT MODE COUNT OPERATION GROUP RECORD SKIP SKIP_END BY"
#   RESULTS     see verdict.awk
# Prints lines, with tabs between:
#   summary     kind, name, instants, those of the kernel's instructions, distinct images,
#               images tried, kept, failed, images in which what was never written back is
#               lost, torn images, and those of them that were refused
#   not ok TEXT for each failure
#   counts      PASSED FAILED SKIPPED (left out by --max)
# An image that was chosen and has no result has failed. With prove_torn so has a kind of
# filesystem of which none was torn, or all such were refused.

function fail(text) { failures++; print "not ok", text }

# Hexadecimal digits, all as long as one another: they are in order as text is.
function name_of(address,   low, high, middle) {
	sub(/^0x/, "", address)
	if (!symbols || length(address) != 16) return "0x" address
	low = 1; high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (at[middle] "" <= address "") low = middle
		else high = middle - 1
	}
	return symbol[low]
}

FILENAME == ARGV[1] { if ($2 ~ /^[tTwW]$/) { at[++symbols] = $1; symbol[symbols] = $3 } next }
FILENAME == ARGV[2] { order[++count] = $1 " " $2; found[$1 " " $2] = $0; next }
FILENAME == ARGV[3] {
	by[$2 " " $3 " " $4 " " $5] = $12
	planned[$2 " " $3 " " $4 " " $5] = 1
	next
}
{
	split($0, f, "\t")
	op = f[2] " " f[3]; image = op " " f[4] " " f[5]
	if (!(image in planned)) next
	delete planned[image]
	whole = f[5] ~ /^(during|after)$/
	if (f[8] == "lost" && whole) lost[op]++
	if (whole) tried[op]++
	if (f[5] ~ /^torn/) torn[op]++
	if (f[6] == "refused") refused[op]++
	if (f[1] == "ok") { passed++; if (whole) kept[op]++; next }
	bad[op]++
	fail(f[2] "." f[3] ", instant " f[4] " (" f[5] (by[image] ~ /^0x[f0-9]/ ? ", fence in " name_of(by[image]) : "") \
		") # " f[6] ": " f[9])
}

END {
	for (image in planned) { split(image, f, " "); bad[f[1] " " f[2]]++; fail(f[1] "." f[2] ", instant " f[3] " # no result") }
	for (i = 1; i <= count; i++) {
		op = order[i]
		split(found[op], f, " ")
		print "summary", f[1], f[2], f[3], f[4], f[5], tried[op] + 0, kept[op] + 0, bad[op] + 0, lost[op] + 0, torn[op] + 0, refused[op] + 0
		skipped += f[5] - f[6]
		torn_of[f[1]] += torn[op]; refused_of[f[1]] += refused[op]
		if (f[5] >= 2) passed++
		else fail(f[1] "." f[2] " # nothing became durable during it: the run proves nothing")
		if (lost[op]) passed++
		else fail(f[1] "." f[2] " # what was never written back is there at each instant: the run proves nothing")
	}
	if (prove_torn) for (kind in torn_of) {
		if (!torn_of[kind]) fail(kind " # no block of a journal was torn: the run proves nothing")
		else if (refused_of[kind] == torn_of[kind]) fail(kind " # each filesystem with a torn block was refused: the run proves nothing")
		else passed++
	}
	print "counts", passed + 0, failures + 0, skipped + 0
}
