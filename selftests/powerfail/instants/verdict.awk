# SPDX-License-Identifier: GPL-2.0-or-later
#
# verdict.awk: what became of the images of one boot.
#
# awk -f verdict.awk -f ../lib/judged.awk LIST RECOVER LOGGED LOOKED
#   LIST     lines "NUMBER KIND NAME INSTANT MODE COUNT ..."
#   RECOVER  what the guest said of them
#   LOGGED   what the kernel said of filesystems then; see ../lib/logged.awk
#   LOOKED   what e2fsck and xfs_repair found: "sound NUMBER" or "unsound NUMBER WHAT"
# Prints a line an image, with tabs between: verdict (ok, not ok), kind, operation, instant,
# mode, outcome (kept, lost, foreign, names, error, refused), instants at which it was the image,
# control (kept, lost, -), note. An image of the mode "broken" has to be found lost.
# One of the mode "torn.ADDRESS.FROM.TO" may also be refused by the kernel, and complained of.

FILENAME == ARGV[1] { number[++total] = $1; what[$1] = $2 "\t" $3 "\t" $4 "\t" $5; mode[$1] = $5; times[$1] = $6; next }

END {
	for (i = 1; i <= total; i++) {
		n = number[i]
		if (!(n in outcome)) { outcome[n] = "error"; why[n] = "it was not judged" }
		if (outcome[n] != "kept") remark(n, why[n])
		good = outcome[n] == "kept"
		torn = mode[n] ~ /^torn/
		if (torn && outcome[n] == "error" && why[n] ~ /^mount: /) { outcome[n] = "refused"; note[n] = ""; good = 1 }
		else remark_looked(n)
		if (n in complained && !torn) remark(n, "kernel log: " complained[n])
		good = good && note[n] == ""
		if (outcome[n] == "refused") note[n] = why[n]
		# What is missing has to be missed, by the judge and not by accident.
		if (mode[n] == "broken") {
			good = outcome[n] == "lost" && why[n] ~ /^control file: the promised line is lost/
			if (!good) remark(n, "a promised line was left out, and that was not noticed")
		}
		printf "%s\t%s\t%s\t%d\t%s\t%s\n", good ? "ok" : "not ok", what[n], outcome[n], times[n],
			n in control ? control[n] : "-", note[n]
	}
}
