# SPDX-License-Identifier: GPL-2.0-or-later
#
# judge.awk: what became of the cases of one cycle.
#
# awk -v kernel=patched|stock -v unjournalled="KIND..." -f judge.awk PLAN CRASH RECOVER LOGGED
#   PLAN     lines of plan.awk, of this cycle
#   CRASH    what the guest said before its power was cut
#   RECOVER  what it said after it
#   LOGGED   what the kernel said of filesystems then; see lib/logged.awk
# unjournalled are the kinds of filesystem that have no journal: nothing is asked of them.
# Prints a line a case, with tabs between: verdict (ok, not ok), name, persist (yes, no,
# none), bits (claim/before/after of the last store), outcome (kept, lost, fault, refused,
# accepted, none), law (kept, broken, -), note, emulated (what mincore2_emulate() said of
# PERSIST before the last store: yes, no, unknown, -).
#
# The law: what was stored while PERSIST was reported, be it when the page was mapped
# or just before the store, is there after the crash. So is what fsync, msync or the
# library has called durable (by), and what was stored while the emulation reported
# PERSIST. Where the kernel can tell, the emulation may not say otherwise. And a
# filesystem with a journal has to be sound after recovery: e2fsck or xfs_repair has to
# say so, and the kernel has nothing to complain of.

function hex(s,   i, v) {
	for (i = 1; i <= length(s); i++)
		v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return v
}
function persist(bits) { return bits != "-" && int(hex(bits) / 16) % 2 }
function remark(c, text) { note[c] = note[c] (note[c] == "" ? "" : "; ") text }
# Has the slot a filesystem that has to be sound after a power failure?
function journalled(s) {
	if (s ~ /^devdax/) return 0
	sub(/-[0-9]+$/, "", s)
	return !(s in bare)
}
function rest_from(n,   i, s) {
	for (i = n; i <= NF; i++) s = s (i > n ? " " : "") $i
	return s
}

BEGIN { for (i = split(unjournalled, word, " "); i; i--) bare[word[i]] = 1 }
FILENAME == ARGV[1] {
	order[++n] = $2
	name[$2] = $3
	slot[$2] = $4
	by[$2] = $8
	want_persist[$2] = $9
	want[$2] = kernel == "stock" ? $11 : $10
	next
}
$1 == "store" || $1 == "fault" {
	w = ++watches[$2]
	kind[$2, w] = $1; id[$2, w] = $3
	claim[$2, w] = $8; before[$2, w] = $9; after[$2, w] = $10
	emulated[$2, w] = $11
}
$1 == "forget" { forgotten[$2, $3] = 1 }
# By whom a store was to be made durable, or an operation of the history.
$1 == "refused" { refused[$2]++; if ($3 == by[$2]) unable[$2]++; remark($2, rest_from(3)) }
$1 == "accepted" { accepted[$2]++; remark($2, rest_from(3) " accepted") }
$1 == "error" { broken[$2] = rest_from(3) }
$1 == "read" { result[$2, $3] = $4; if ($4 == "lost") why[$2, $3] = rest_from(5) }
# A random case is judged in the guest: "random CASE STORES CHECKED SAFE LOST BROKEN"
$1 == "random" { random[$2] = $3; checked[$2] = $4; safe[$2] = $5; rlost[$2] = $6; rbroken[$2] = $7 }
# "sound SLOT", "unsound SLOT what is wrong": found by e2fsck or xfs_repair after recovery
$1 == "sound" { sound[$2] = 1 }
$1 == "unsound" { unsound[$2] = rest_from(3) }
# "foreign CASE FILE WHAT": bytes that the file never had; "owned CASE": both files looked at
$1 == "owner" { owner[$2] = 1 }
$1 == "owned" { owned[$2] = 1 }
$1 == "foreign" { foreign[$2] = rest_from(3) }
# The kernel's first complaint about a filesystem
$1 == "complained" && !($2 in complaint) { complaint[$2] = rest_from(3) }
$1 == "random-lost" { remark($2, rest_from(3)) }
# The example of an append-only log: "log CASE SAID FOUND right|wrong|unreadable"
$1 == "log" { logged[$2] = $3; found[$2] = $4; how[$2] = $5 }

function judge_random(c) {
	outcome = rlost[c] ? "lost" : "kept"
	bits = "-"
	persisted = kernel == "stock" ? "none" : safe[c] ? "yes" : "no"
	if (kernel != "stock" && safe[c]) law = rbroken[c] ? "broken" : "kept"
	remark(c, random[c] " stores, " checked[c] " pages looked at, " rlost[c] " lost")
	if (random[c] < 20 || checked[c] < 5) { good = 0; remark(c, "too few to tell anything") }
}

# It has said that so many records are durable: these have to be there, in order. By
# "nosync" it was deceived, and has to lose.
function judge_log(c) {
	outcome = found[c] + 0 >= logged[c] + 0 && how[c] == "right" ? "kept" : "lost"
	law = by[c] == "nosync" ? "-" : outcome == "kept" ? "kept" : "broken"
	bits = "-"
	remark(c, logged[c] " records durable, " found[c] " found" (how[c] == "right" ? "" : ", then " how[c]))
	if (logged[c] < 10) { good = 0; remark(c, "too few to tell anything") }
}

# Whether anybody has called a store durable, and who.
function promise(c, w) {
	if (persist(claim[c, w]) || persist(before[c, w])) return "PERSIST WAS SET"
	if (emulated[c, w] == "yes") return "THE EMULATION REPORTED PERSIST"
	return by[c] == "flush" ? "" : toupper(by[c]) " HAS SUCCEEDED"
}

# What the emulation says it knows has to be what the kernel says.
function check_emulation(c, w) {
	guess = emulated[c, w] == "" ? "-" : emulated[c, w]
	if (guess == "error") { good = 0; remark(c, "the emulation failed") }
	if (before[c, w] == "-" || (guess != "yes" && guess != "no")) return
	if (persist(before[c, w]) != (guess == "yes")) {
		good = 0
		remark(c, "the emulation says \"" guess "\" of PERSIST")
	}
}

# The stores of a case: sets outcome, persisted, law, bits.
function judge_stores(c,   w, i, who) {
	for (w = 1; w <= watches[c]; w++) {
		i = id[c, w]
		persisted = before[c, w] == "-" ? "none" : persist(before[c, w]) ? "yes" : "no"
		bits = claim[c, w] "/" before[c, w] "/" after[c, w]
		check_emulation(c, w)
		if (kind[c, w] == "fault") { outcome = outcome == "lost" ? "lost" : "fault"; continue }
		if ((c, i) in forgotten) continue
		if (!((c, i) in result)) { good = 0; remark(c, "store " i " was not read back"); continue }
		who = promise(c, w)
		if (who != "" && law == "-") { law = "kept"; breach = who }
		if (result[c, i] == "kept") {
			if (outcome == "none") outcome = "kept"
			continue
		}
		outcome = "lost"
		remark(c, why[c, i] (watches[c] > 1 ? " (store " i ")" : ""))
		if (who != "") { law = "broken"; breach = who }
	}
}

# Bytes in blocks that the filesystem takes for free are as good as lost.
function check_soundness(c) {
	if (!journalled(slot[c])) return
	if (slot[c] in complaint) {
		remark(c, "kernel log: " complaint[slot[c]])
		if (kernel != "stock") good = 0
	}
	if (!(slot[c] in unsound)) {
		if (slot[c] in sound) return
		good = 0
		remark(c, "nobody has looked at the filesystem after the recovery")
		return
	}
	remark(c, "the filesystem is not sound: " unsound[slot[c]])
	if (kernel == "stock") return
	good = 0
	if (law == "kept") { law = "broken"; breach = breach " AND BLOCKS MAY BE FREE" }
}

# A file that has bytes of another one is broken, whatever was promised.
function check_owners(c) {
	if (c in owner && !(c in owned)) { good = 0; remark(c, "the files were not looked at") }
	if (!(c in foreign)) return
	outcome = "lost"
	remark(c, foreign[c])
	# With it go bytes that fsync had made durable: what the unpatched kernel is known for.
	if (kernel == "stock") { if (breach !~ /EMULATION/) law = "-"; return }
	law = "broken"
	breach = "A FILE HAS BYTES THAT IT NEVER HAD"
}

function expectations(c) {
	if (want[c] != "refuse" && unable[c]) { good = 0; remark(c, "was not to be refused") }
	if (want[c] == "refuse" && outcome == "none" && refused[c] && !accepted[c]) outcome = "refused"
	if (outcome == "none" && accepted[c]) outcome = "accepted"
	if (want[c] == "refuse" && outcome != "refused") { good = 0; remark(c, "was to be refused") }
	if (want[c] == "fault" && outcome != "fault") { good = 0; remark(c, "the store was to fail") }
	if (want[c] == "yes" && outcome != "lost") { good = 0; remark(c, "was to be lost") }
	if (want[c] == "no" && outcome != "kept") { good = 0; remark(c, "was to be kept") }
	if (want[c] == "either" && outcome != "kept" && outcome != "lost") {
		good = 0
		remark(c, "neither kept nor lost")
	}
	if (want[c] != "refuse" && outcome == "none") { good = 0; remark(c, "nothing was stored") }
	if (kernel == "stock" || want_persist[c] == "-") return
	if (persisted != want_persist[c]) {
		good = 0
		remark(c, "PERSIST was to be " (want_persist[c] == "yes" ? "set" : "clear"))
	}
}

END {
	for (k = 1; k <= n; k++) {
		c = order[k]
		good = 1; outcome = "none"; persisted = "none"; law = "-"; bits = "-"
		guess = "-"; breach = "PERSIST WAS SET"
		if (c in broken) {
			good = 0
			remark(c, "could not be done: " broken[c])
		} else if (c in random) {
			judge_random(c)
			expectations(c)
		} else if (c in logged) {
			breach = "THE LIBRARY HAS SUCCEEDED"
			judge_log(c)
			expectations(c)
		} else {
			judge_stores(c)
			check_owners(c)
			expectations(c)
		}
		check_soundness(c)
		if (law == "broken") {
			good = 0
			note[c] = breach (outcome == "lost" ? " AND DATA IS LOST; " : "; ") note[c]
		}
		printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", good ? "ok" : "not ok", name[c], persisted, bits, outcome, law, note[c], guess
	}
}
