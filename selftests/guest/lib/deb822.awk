# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reads apt's sources in deb822 format, and prints a deb-src line for each suite of the
# release "codename" with the component main.
function flush(    u, s, c, nu, ns, nc, i, k, m, main, options) {
	nu = split(field["uris"], u, " ")
	ns = split(field["suites"], s, " ")
	nc = split(field["components"], c, " ")
	for (m = 1; m <= nc; m++)
		if (c[m] == "main")
			main = 1
	# A key in the file itself cannot be had here: apt then uses those it trusts anyway.
	if (field["signed-by"] ~ /^\//)
		options = "[signed-by=" field["signed-by"] "] "
	for (i = 1; main && field["enabled"] != "no" && i <= nu; i++)
		for (k = 1; k <= ns; k++)
			if (s[k] == codename || s[k] == codename "-updates" || s[k] == codename "-security")
				print "deb-src " options u[i] " " s[k] " main"
	delete field
	name = ""
}
/^#/ { next }
/^[ \t]*$/ { flush(); next }
/^[ \t]/ { # a continued field
	sub(/^[ \t]+/, "")
	if (name != "")
		field[name] = field[name] " " $0
	next
}
{
	name = tolower($0)
	sub(/:.*/, "", name)
	value = $0
	sub(/^[^:]*:[ \t]*/, "", value)
	sub(/[ \t]+$/, "", value)
	field[name] = value
}
END { flush() }
