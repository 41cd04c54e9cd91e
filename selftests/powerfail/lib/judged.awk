# SPDX-License-Identifier: GPL-2.0-or-later
#
# judged.awk: what is known of each filesystem after the power failure, by number. Loaded
# behind the verdict.awk of ../histories and ../instants, which has "next" for other files.
#   verdict NUMBER OUTCOME WHY, control NUMBER kept|lost    of the guest
#   complained NUMBER TEXT                                  of the kernel; see logged.awk
#   sound NUMBER, unsound NUMBER WHAT                       of e2fsck and xfs_repair

function remark(n, text) { note[n] = note[n] (note[n] == "" ? "" : "; ") text }
function rest(from,   i, text) {
	for (i = from; i <= NF; i++) text = text (i > from ? " " : "") $i
	return text
}
function remark_looked(n) {
	if (n in unsound) remark(n, "the filesystem is not sound: " unsound[n])
	else if (!(n in sound) && outcome[n] != "error") remark(n, "nobody has looked at the filesystem")
}

$1 == "verdict" { outcome[$2] = $3; why[$2] = rest(4) }
$1 == "control" { control[$2] = $3 }
$1 == "complained" { complained[$2] = rest(3) }
$1 == "sound" { sound[$2] = 1 }
$1 == "unsound" { unsound[$2] = rest(3); if (unsound[$2] == "") unsound[$2] = "?" }
