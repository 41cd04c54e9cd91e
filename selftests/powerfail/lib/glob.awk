# SPDX-License-Identifier: GPL-2.0-or-later
#
# glob.awk: for awk -f glob.awk -f PROGRAM.

# A shell pattern as a regular expression: only * and ? are special.
function glob(p) {
	gsub(/[.+^$(){}|\[\]\\]/, "\\\\&", p)
	gsub(/\*/, ".*", p)
	gsub(/\?/, ".", p)
	return "^" p "$"
}
