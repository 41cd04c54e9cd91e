# SPDX-License-Identifier: GPL-2.0-or-later
#
# verdict.awk: what became of the histories of one batch.
#
# awk -v kernel=patched|stock -f verdict.awk -f ../lib/judged.awk LIST CRASH RECOVER LOGGED LOOKED
#   LIST     lines "NUMBER KIND FORM FILES HISTORY SLOT"
#   CRASH    what the guest said before its power was cut, RECOVER what it said after it
#   LOGGED   what the kernel said of filesystems then; see ../lib/logged.awk
#   LOOKED   what e2fsck and xfs_repair found: "sound NUMBER" or "unsound NUMBER WHAT"
# Prints a line a history, with tabs between: verdict (ok, not ok), kind, form, files,
# history, outcome (kept, lost, foreign, names, error), results (see act.h), control (kept,
# lost, - where there is no plain store), note.

FILENAME == ARGV[1] { number[++count] = $1; what[$1] = $2 "\t" $3 "\t" $4 "\t" $5; next }
FILENAME == ARGV[2] {
	if ($1 == "done") results[$2] = $8
	if ($1 == "error") error[$2] = rest(3)
	next
}

# Was PERSIST what the kernel under test has to say, before each store through MAP_SYNC?
function check_promise(n) {
	if (results[n] ~ /N/) remark(n, "PERSIST was clear")
	if (results[n] ~ (kernel == "stock" ? "P" : "U")) remark(n, kernel == "stock" ? "this kernel has mincore2" : "mincore2 failed")
}

END {
	for (i = 1; i <= count; i++) {
		n = number[i]
		if (n in error) { outcome[n] = "error"; remark(n, error[n]) }
		else if (!(n in results)) { outcome[n] = "error"; remark(n, "it was not done") }
		else if (!(n in outcome)) { outcome[n] = "error"; remark(n, "it was not judged") }
		else {
			check_promise(n)
			if (outcome[n] != "kept") remark(n, why[n])
			remark_looked(n)
		}
		if (n in complained) remark(n, "kernel log: " complained[n])
		printf "%s\t%s\t%s\t%s\t%s\t%s\n", note[n] == "" && outcome[n] == "kept" ? "ok" : "not ok", what[n],
			outcome[n], n in results ? results[n] : "-", n in control ? control[n] : "-", note[n]
	}
}
