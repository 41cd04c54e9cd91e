# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reads apt's one-line sources, and prints a deb-src line for each suite of the release
# "codename" with the component main.
{
	options = ""
	line = $0
	sub(/#.*/, "", line)
	if (match(line, /\[[^]]*\]/)) {
		# Which key signs it matters; architectures do not, for source packages.
		if (match(line, /signed-by=[^] \t]+/))
			options = "[" substr(line, RSTART, RLENGTH) "] "
		sub(/\[[^]]*\]/, "", line)
	}
	n = split(line, word, /[ \t]+/)
	i = word[1] == "" ? 2 : 1
	if (word[i] != "deb" && word[i] != "deb-src")
		next
	suite = word[i + 2]
	if (suite != codename && suite != codename "-updates" && suite != codename "-security")
		next
	for (k = i + 3; k <= n; k++)
		if (word[k] == "main")
			print "deb-src " options word[i + 1] " " suite " main"
}
