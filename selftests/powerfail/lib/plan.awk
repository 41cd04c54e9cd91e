# SPDX-License-Identifier: GPL-2.0-or-later
#
# plan.awk: which cases there are, and in which cycle each is done on which slot.
#
# awk -v want=PATTERN -v short=0|1 -v seeds="1 2 3" -v more=0|1 -f glob.awk -f plan.awk SLOTS CASES
#   more   with the further seeds that the table has for some kinds
#   SLOTS  lines "KIND NUMBER": how many slots of a kind there are (0: shared by all)
# Prints "CYCLE INDEX NAME SLOT MAPPING HISTORY ORDER BY PERSIST LOSES STOCK", sorted by cycle.
# Exits with 2 if the table is wrong.

function bad(text) {
	print "plan: " FILENAME ":" FNR ": " text >"/dev/stderr"
	wrong = 1
	exit 2
}

function matches(name, patterns, n,   i) {
	for (i = 1; i <= n; i++)
		if (name ~ patterns[i])
			return 1
	return 0
}

# One combination of a line's alternatives.
function add(kind, map, history, order, by,   name) {
	name = kind "." map "." history "." order (by == "flush" ? "" : "." by)
	if (!(kind in slots))
		bad("no slot of kind \"" kind "\" in layout")
	if (!(name in number)) {
		number[name] = ++count
		names[count] = name
	}
	kinds[name] = kind
	rest[name] = map " " history " " order " " by " " $6 " " $7 " " $8
	maps[name] = map; histories[name] = history; bys[name] = by
}

# Cases that go on until the power is cut, at random: one for each seed.
function seeded(history) { return history == "random" || history == "example-log" }
function add_random(kind, map, history, by,   i, n, list) {
	for (i = 1; i <= nseeds; i++)
		add(kind, map, history, "seed-" seed_list[i], by)
	if (history != "random") return
	n = split(further[kind], list, " ")
	for (i = 1; i <= n; i++) {
		add(kind, map, history, "seed-" list[i], by)
		is_further[kind "." map "." history ".seed-" list[i] (by == "flush" ? "" : "." by)] = 1
	}
}

function expand(   k, m, h, o, b, nk, nm, nh, no, nb, i, j, l, p, q) {
	nk = split($1, k, ","); nm = split($2, m, ","); nh = split($3, h, ",")
	no = split($4, o, ","); nb = split($5, b, ",")
	for (i = 1; i <= nk; i++) for (j = 1; j <= nm; j++) for (l = 1; l <= nh; l++)
		for (p = 1; p <= no; p++) for (q = 1; q <= nb; q++)
			if (seeded(h[l])) add_random(k[i], m[j], h[l], b[q])
			else add(k[i], m[j], h[l], o[p], b[q])
}

BEGIN {
	nseeds = split(seeds, seed_list, " ")
	nwant = split(want, wanted, " ")
	for (i = 1; i <= nwant; i++) wanted[i] = glob(wanted[i])
}
FNR == NR { slots[$1] = $2; next }
/^#/ || NF == 0 { next }
$1 == "short" { for (i = 2; i <= NF; i++) brief[++nbrief] = glob($i); next }
$1 == "commits" { for (i = 2; i <= NF; i++) commits[$i] = 1; next }
$1 == "seeds" { for (i = 3; more && i <= NF; i++) further[$2] = further[$2] " " $i; next }
$1 == "alone" { for (i = 2; i <= NF; i++) alone[$i] = 1; next }
NF != 8 { bad(NF " columns, not 8") }
$6 !~ /^(yes|no|-)$/ { bad("persist is \"" $6 "\"") }
$7 !~ /^(yes|no|either|refuse|fault)$/ || $8 !~ /^(yes|no|either|refuse|fault)$/ {
	bad("loses is \"" $7 "\" and \"" $8 "\"")
}
{ expand() }

# May several such cases be on one filesystem? Nobody may commit it.
function shares(name) {
	return maps[name] ~ /^(plain|private|legacy-private)$/ && bys[name] == "flush" &&
		!(histories[name] in commits)
}

# Cases of one group are done in the same cycles, apart from all others. (The short form
# is to be one cycle.)
function group(name) {
	if (name in is_further) return "further"
	if (!short && seeded(histories[name])) { split(rest[name], r, " "); return "random " r[3] }
	return histories[name] in alone ? histories[name] : ""
}

# The next free place for a case: sets cycle[name] and slot[name].
function place(name,   g, kind, key, n, s) {
	g = group(name); kind = kinds[name]
	if (slots[kind] == 0) { # a device for all of them
		cycle[name] = g SUBSEP int(used[g, kind]++ / 10)
		slot[name] = kind
		return
	}
	key = g SUBSEP kind
	if (shares(name)) {
		if (!(key in shared) || load[key] == 12) {
			shared[key] = used[key]++
			load[key] = 0
		}
		load[key]++
		n = shared[key]
	} else {
		n = used[key]++
	}
	cycle[name] = g SUBSEP int(n / slots[kind])
	slot[name] = kind "-" (n % slots[kind] + 1)
}

END {
	if (wrong) exit 2
	for (i = 1; i <= count; i++) {
		name = names[i]
		if ((nwant && !matches(name, wanted, nwant)) || (short && !matches(name, brief, nbrief)))
			continue
		place(name)
		if (!(cycle[name] in id)) id[cycle[name]] = ++ids
		lines[id[cycle[name]]] = lines[id[cycle[name]]] id[cycle[name]] " " i " " name " " slot[name] " " rest[name] "\n"
	}
	for (i = 1; i <= ids; i++) printf "%s", lines[i]
}
