# SPDX-License-Identifier: GPL-2.0-or-later
#
# report.awk: the table of cases, for people.
#
# awk -v form=md|html -v kernel=NAME -v date=DATE -v seeds="..." -f report.awk PATCHED [STOCK]
#   PATCHED, STOCK  results, as lib/judge.awk prints them

function text(s) {
	if (form == "html") {
		gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
	} else {
		gsub(/\|/, "\\|", s)
	}
	return s
}
function paragraph(s) { print form == "html" ? "<p>" s "</p>" : s "\n" }
function heading(s) { print form == "html" ? "<h2>" s "</h2>" : "## " s "\n" }

BEGIN { FS = "\t" }
FILENAME == ARGV[1] {
	n++
	verdict[n] = $1; name[n] = $2; persist[n] = $3; bits[n] = $4; outcome[n] = $5; law[n] = $6; note[n] = $7
	if ($1 != "ok") bad++
	if ($5 == "lost" && $3 == "no") lost_clear++
	if ($6 == "kept" && $3 == "yes") kept_set++
	by[n] = split($2, part, ".") > 4 ? part[5] : "flush"
	if (by[n] ~ /^(persist|persistv|trusted|handle)$/) {
		if ($6 == "kept") library_kept++
		if ($5 == "refused") library_refused++
	} else if (by[n] != "flush" && $6 == "kept") {
		fsync_kept++
	}
	if ($6 == "broken") violations++
	next
}
{
	stock[$2] = $5; stock_guess[$2] = $8; stock_n++
	if ($5 == "lost") stock_lost++
	if ($1 != "ok") stock_bad++
	if ($6 == "broken") stock_broken++
	if ($8 == "yes" && $5 == "kept") stock_emulated++
	if ($8 == "no" || $8 == "unknown") stock_emulated_not++
	if ($8 != "yes" && $8 != "-" && $5 == "lost") stock_emulated_lost++
}

function cell(s, class) {
	return form == "html" ? "<td" (class != "" ? " class=" class : "") ">" text(s) "</td>" : " " text(s) " |"
}
function lost_class(i) { return outcome[i] != "lost" ? "" : law[i] == "broken" ? "broken" : "lost" }

# Bold in the text form, where there is no colour.
function mark(s, what) { return form == "md" && what == "lost" ? "**" s "**" : s }

function row(i,   s) {
	s = cell(verdict[i] == "ok" ? name[i] : name[i] " (FAILED)", verdict[i] == "ok" ? "" : "failed")
	s = s cell(persist[i], persist[i] == "yes" ? "set" : "") cell(bits[i], "code")
	s = s cell(mark(outcome[i], outcome[i]), lost_class(i)) cell(law[i], law[i] == "broken" ? "broken" : "")
	if (stock_n) {
		s = s cell(mark(stock[name[i]], stock[name[i]]), stock[name[i]] == "lost" ? "lost" : "")
		s = s cell(stock_guess[name[i]], stock_guess[name[i]] == "yes" ? "set" : "")
	}
	s = s cell(note[i], "")
	print form == "html" ? "<tr>" s "</tr>" : "|" s
}

function table(   i, head, c, k) {
	c = split("case;PERSIST before the store;bits at mmap/before/after;outcome;the law" \
		(stock_n ? ";unpatched kernel;PERSIST emulated there" : "") ";note", head, ";")
	if (form == "html") {
		printf "<table><tr>"
		for (k = 1; k <= c; k++) printf "<th>%s</th>", head[k]
		print "</tr>"
	} else {
		for (k = 1; k <= c; k++) printf "| %s ", head[k]
		print "|"
		for (k = 1; k <= c; k++) printf "|---"
		print "|"
	}
	for (i = 1; i <= n; i++) row(i)
	print form == "html" ? "</table>" : ""
}

function style() {
	print "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>The power-failure test of MINCORE_PERSIST</title>"
	print "<style>body{font-family:sans-serif;margin:2em;color:#222}table{border-collapse:collapse}"
	print "td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;font-size:90%}.code{font-family:monospace}"
	print ".lost{background:#ffd9a0}.broken,.failed{background:#f33;color:#fff;font-weight:bold}.set{background:#d6f5d6}</style>"
}

END {
	if (form == "html") { style(); print "<h1>The power-failure test of MINCORE_PERSIST</h1>" }
	else print "# The power-failure test of MINCORE_PERSIST\n"
	paragraph(date ", " text(kernel) ". " n " cases" (seeds != "" ? ", seeds of the random ones: " seeds : "") "; " \
		(bad + 0) " not as expected.")
	paragraph("The law: PERSIST reported before the store, so the stored bytes are there after the crash. " \
		(kept_set + 0) " cases with PERSIST set kept all. The same goes for what libmincore2-persist has called " \
		"durable: " (library_kept + 0) " cases kept all, in " (library_refused + 0) " it refused to promise; and for " \
		"fsync and msync: " (fsync_kept + 0) " cases. " (violations + 0) " cases broke the law. " \
		(lost_clear + 0) " cases with PERSIST clear lost data, as is their right, which shows that losses are seen.")
	if (stock_n)
		paragraph("On the kernel without the patches " (stock_lost + 0) " of the same " stock_n \
			" cases lost data; " (stock_bad + 0) " were not as expected. There the library's emulation of the call " \
			"reported PERSIST in " (stock_emulated + 0) " cases that kept all, and in " (stock_emulated_not + 0) \
			" it did not, " (stock_emulated_lost + 0) " of which lost data. " (stock_broken + 0) \
			" cases lost what emulation, library, fsync or msync had called durable.")
	paragraph("What this cannot show: QEMU's emulation has no CPU cache that could lose a line, so that somebody " \
		"forgot to write one back is not noticed here, but in the runs with a cache (run --cache strict, or a number). For " \
		"virtio-pmem, whose stores survive QEMU in the host's page cache, the guest recovers from a copy of the backing file that was made at its last flush request.")
	heading("Cases")
	paragraph("A name is kind.mapping.history.order, and .by where it is not a cache write-back (flush). Bits are those of " \
		"mincore2(), in hexadecimal: 10 PERSIST, 20 WRITABLE, 02 DAX, 01 RESIDENT, 04 PTE, 08 PMD; - not asked.")
	table()
	if (form == "html") print "</html>"
}
