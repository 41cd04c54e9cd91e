# SPDX-License-Identifier: GPL-2.0-or-later
#
# events.awk: does the table of events in the documentation say what the tests have shown?
#
# awk -f glob.awk -f events.awk RST LIST [RESULTS]
#   RST      mincore2.rst; its section "Events"
#   LIST     what "run --list" prints
#   RESULTS  of the patched kernel, as judge.awk prints them
# Each test that is named has to be one of LIST, each row has to name one. With RESULTS: the
# bits have to be those of the row's column "after", with PERSIST set unless the row
# says otherwise, and the outcome that of its column "the store". Prints a line a row,
# "ok ..." or "not ok ...", and the counts.

# A leading "*" is one of the configurations that PERSIST is reported for.
function pattern_of(p) {
	if (!sub(/^\*\./, "", p)) return glob(p)
	return "^(ext4|ext4-fc|ext4-quota|xfs|xfs-noreflink)[.]" substr(glob(p), 2)
}
function digit(s, i) { return index("0123456789abcdef", substr(s, i, 1)) - 1 }
# The words of the table for the bits of a page, "37".
function state(bits) {
	if (int(digit(bits, 1) / 2) % 2) return "writable"
	return int(digit(bits, 2) / 4) % 4 ? "read-only" : "none"
}
function persist(bits) { return digit(bits, 1) % 2 }

FILENAME == ARGV[1] {
	if (/^Events$/) inside = 1
	if (/^What the kernel needs/) inside = 0
	if (!inside) next
	if (/^   \* - /) { cell[++rows, column = 1] = substr($0, 8); next }
	if (rows && !left && /^     - /) { cell[rows, ++column] = substr($0, 8); next }
	if (rows && !left && /^      *[^ ]/) { cell[rows, column] = cell[rows, column] " " $0; next }
	if (rows && /^[^ ]/) left = 1 # what follows the table
	if (left) below = below " " $0
	next
}
FILENAME == ARGV[2] { name[++names] = $2; next }
{
	split($0, f, "\t")
	result[f[2]] = f[4]; outcome[f[2]] = f[5]
}

# The names of tests in a text, in tests[1..].
function tests_in(text,   n, i, part, found) {
	n = split(text, part, "``")
	found = 0
	for (i = 2; i <= n; i += 2)
		if (part[i] ~ /^[^ \/()]+\.[^ ]+\.[^ ]+$/) tests[++found] = part[i]
	return found
}

function complain(text) { trouble = trouble "# " text "\n" }

# One case of a row against its columns.
function compare(row, test,   b, after, wanted) {
	if (!(test in outcome)) return
	after = cell[row, 4]; wanted = cell[row, 5]
	if (wanted ~ /^(survives|removes)/ && outcome[test] != "kept") complain(test ": " outcome[test])
	if (wanted ~ /^does not/ && outcome[test] != "fault") complain(test ": " outcome[test])
	if (split(result[test], b, "/") != 3 || after ~ /^any/) return
	sub(/,.*/, "", after)
	if (state(b[2]) != after && (test ~ /\.after$/ || state(b[3]) != after))
		complain(test ": bits " result[test] ", not " after)
	if (persist(b[2]) == (cell[row, 4] ~ /PERSIST is clear/))
		complain(test ": PERSIST is " (persist(b[2]) ? "set" : "clear"))
	compared++
}

function check(row, n,   i, k, hits, pattern) {
	for (i = 1; i <= n; i++) {
		pattern = pattern_of(tests[i]); hits = 0
		for (k = 1; k <= names; k++)
			if (name[k] ~ pattern) { hits++; if (row) compare(row, name[k]) }
		if (!hits) complain("no test is called " tests[i])
	}
}

function verdict(what) {
	sub(/^ +/, "", what); gsub(/  +/, " ", what)
	print (trouble == "" ? "ok" : "not ok") " events: " what
	printf "%s", trouble
	if (trouble == "") passed++; else failed++
	trouble = ""
}

END {
	for (r = 2; r <= rows; r++) { # after the head
		n = tests_in(cell[r, 6])
		if (!n) complain("no test is named")
		check(r, n)
		verdict(cell[r, 1])
	}
	check(0, tests_in(below))
	if (rows < 20) complain("only " rows " rows were found")
	verdict("tests named below the table, and enough rows")
	if (ARGC > 3) {
		if (compared < 50) complain("only " compared + 0 " cases were compared")
		verdict("enough cases to compare")
	}
	print passed + 0 " passed, " failed + 0 " failed, 0 skipped"
	exit failed != 0
}
