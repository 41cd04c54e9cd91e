# SPDX-License-Identifier: GPL-2.0-or-later
#
# report.awk: the table of latencies.
#
# awk -F'|' -v form=text|csv|rst -v unit="..." -f report.awk RAW
# Exits with 2 if RAW has not what "latency" prints for both filesystems, or a problem.

function number(n,   s) { # 1234567 as 1,234,567
	n = sprintf("%d", n)
	while (length(n) > 3) { s = "," substr(n, length(n) - 2) s; n = substr(n, 1, length(n) - 3) }
	return n s
}
function line(   i) {
	for (i = 1; i <= 4; i++) printf "%s%s", sprintf("%-13s", "============="), "  "
	for (i = 1; i <= 4; i++) printf "%s%s", "===========", i < 4 ? "  " : "\n"
}
function cells(a, b, c, d, e, f, g, h) {
	printf "%-13s  %-13s  %-13s  %-13s  %11s  %11s  %11s  %11s\n", a, b, c, d, e, f, g, h
}
$1 == "problem" { print "latency: problem: " $2 >"/dev/stderr"; wrong = 1 }
$1 == "row" { n++; row[n] = $0; seen[$2]++ }
$1 ~ /^end/ { ends++ }
END {
	if (wrong || ends != 2 || seen["ext4"] != seen["xfs"] || !n) {
		print "latency: not all was measured" >"/dev/stderr"
		exit 2
	}
	if (form == "csv") print "filesystem,journal,mapping,state,stores,p50,p90,p99,max"
	if (form == "text") print "First stores to a page (" unit "):"
	if (form != "csv") {
		if (form == "rst") line()
		cells("filesystem", "journal", "mapping", "page before", "p50", "p90", "p99", "max")
		if (form == "rst") line()
	}
	for (i = 1; i <= n; i++) {
		split(row[i], r, "|")
		if (form == "csv")
			printf "%s,%s,\"%s\",%s,%d,%d,%d,%d,%d\n", r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]
		else
			cells(r[2], r[3], r[4], r[5], number(r[7]), number(r[8]), number(r[9]), number(r[10]))
	}
	if (form == "rst") line()
}
