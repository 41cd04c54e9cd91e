# SPDX-License-Identifier: GPL-2.0-or-later
#
# tap.awk: turns one test's output (TAP) and exit status into lines
#   ok NAME: CASE
#   not ok NAME: CASE # reason
#   skip NAME: CASE # reason
# Variables: name, status, limit (seconds, for the message). A test that says less than it
# planned, or whose exit status contradicts its cases, has failed.
# 124 and 137 are what timeout(1) returns after its first and its last signal.

function result(kind, what, reason) {
	print kind " " name ": " what (reason == "" ? "" : " # " reason)
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	if (planned == 0) {
		skipped_all = 1
		reason = $0
		if (!sub(/^1\.\.0 *# *[Ss][Kk][Ii][Pp][A-Za-z]*:? */, "", reason))
			reason = "no reason given"
	}
	has_plan = 1
	next
}

# kselftest_harness.h names a skipped case only here.
/^#  RUN +/ {
	running = $3
	next
}

# A diagnostic of a failed case comes before its line: kept as the reason.
/^# / {
	if ($0 ~ /(Expected|:[0-9]+:)/) {
		detail = substr($0, 3)
		if (first == "")
			first = detail
	}
	next
}

/^(not )?ok( |$)/ {
	bad = ($1 == "not")
	line = $0
	sub(/^(not )?ok */, "", line)
	sub(/^[0-9]+ */, "", line)
	sub(/^- /, "", line)
	directive = ""
	if (match(line, /#[ \t]*(SKIP|skip|Skip|TODO|XFAIL)/)) {
		directive = substr(line, RSTART + 1)
		line = substr(line, 1, RSTART - 1)
		sub(/^[ \t]*/, "", directive)
	}
	sub(/[ \t]+$/, "", line)
	if (line == "")
		line = running != "" ? running : "case " (seen + 1)
	seen++
	if (directive ~ /^[Ss][Kk][Ii][Pp]/) {
		sub(/^[A-Za-z]*:? */, "", directive)
		result("skip", line, directive == "" ? "no reason given" : directive)
		skips++
	} else if (bad && directive == "") {
		result("not ok", line, first)
		failures++
	} else if (bad) {
		# TODO and XFAIL: known not to work, and says so. Not a pass.
		result("skip", line, directive)
		skips++
	} else {
		result("ok", line, "")
	}
	first = running = ""
}

END {
	if (status == 124 || status == 137) {
		result("not ok", "time limit", "still running after " limit " s" \
			(seen ? ", after " seen " of " (has_plan ? planned : "?") " cases" : ""))
		exit
	}
	if (!seen && !skipped_all) {
		if (has_plan || (status != 0 && status != 4))
			result("not ok", "exit", "exit status " status ", no case reported")
		else if (status == 4)
			result("skip", "exit", "exit status 4")
		else
			result("ok", "exit", "")
		exit
	}
	if (skipped_all && !seen) {
		result("skip", "all", reason)
		if (status != 0 && status != 4)
			result("not ok", "exit", "exit status " status)
		exit
	}
	if (has_plan && planned != seen)
		result("not ok", "plan", planned " cases planned, " seen " seen, exit status " status)
	else if (!has_plan)
		result("not ok", "plan", "no plan (1..N) in the output")
	if (status != 0 && !(status == 4 && skips == seen) && !failures)
		result("not ok", "exit", "exit status " status " though no case failed")
	if (status == 0 && failures)
		result("not ok", "exit", "exit status 0 though a case failed")
}
