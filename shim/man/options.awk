# SPDX-License-Identifier: GPL-2.0-or-later
#
# awk -f options.awk options.def mincore2.1.in: the manual page of the tool. A line
#	@options COMMANDS
# of the template becomes the options of the table that these commands take, in its
# order, each with the help of the table for its first sentence. What is to be said
# beyond that stands between
#	@more NAME
# and the next line that begins with "@", which is "@end" after the last.

function die(text) {
	if (!died)
		print "options.awk: " FILENAME ":" FNR ": " text >"/dev/stderr"
	died = 1
	exit 1
}

# The next field of the line, without its quotes; empty for 0 and NULL.
function field(    text) {
	if (!match(line, /^('[^']*'|"[^"]*"|[^,"]+)(, |\)$)/))
		die("not an option: " $0)
	text = substr(line, 1, RLENGTH)
	line = substr(line, RLENGTH + 1)
	sub(/(, |\))$/, "", text)
	gsub(/^["']|["']$/, "", text)
	return text == "0" || text == "NULL" ? "" : text
}

function read_option(    kind) {
	kind = line
	sub(/\(.*/, "", kind)
	line = substr(line, length(kind) + 2)
	field()
	name[++count] = field()
	letter[count] = argument[count] = ""
	if (kind == "OPTION") {
		letter[count] = field()
		argument[count] = field()
		field()
	} else {
		field()
	}
	commands[count] = field()
	help[count] = field()
	number[name[count]] = count
}

function escaped(text) {
	gsub(/-/, "\\-", text)
	return text
}

# Words as the rest of the page has them: options and constants bold, arguments slanted.
function marked(word, own,    start, end) {
	match(word, /^\(?/)
	start = substr(word, 1, RLENGTH)
	word = substr(word, RLENGTH + 1)
	match(word, /[,.;:)]*$/)
	end = substr(word, RSTART)
	word = substr(word, 1, RSTART - 1)
	if (word == "mincore2(" && end ~ /^\)/)
		return start "\\fBmincore2\\fR(2" end
	if (word ~ /^--[a-z]/ || word ~ /^(MAP_[A-Z]+|check|explain|map|watch)$/ && (word ~ /_/ || end ~ /^:/))
		return start "\\fB" escaped(word) "\\fR" end
	if (own != "" && word == own)
		return start "\\fI" tolower(word) "\\fR" end
	return start word end
}

# The help of an option as a sentence, in lines that are not too long.
function print_help(i,    n, words, j, out, word) {
	n = split(help[i], words, " ")
	out = ""
	for (j = 1; j <= n; j++) {
		word = words[j]
		if (j == 1)
			word = toupper(substr(word, 1, 1)) substr(word, 2)
		word = marked(word (j == n ? "." : ""), argument[i])
		if (out != "" && length(out) + length(word) > 72) {
			print out
			out = ""
		}
		out = out (out == "" ? "" : " ") word
	}
	print out
}

function print_option(i,    long) {
	print ".TP"
	long = "\\-\\-" escaped(name[i])
	if (argument[i] != "") {
		printf ".BI "
		if (letter[i] != "")
			printf "\\-%s \" %s\" \"\\fR, \" ", letter[i], tolower(argument[i])
		printf "%s \" %s\"\n", long, tolower(argument[i])
	} else if (letter[i] != "") {
		printf ".BR \\-%s \", \" %s\n", letter[i], long
	} else {
		printf ".B %s\n", long
	}
	print_help(i)
	printf "%s", more[i]
	printed[i] = 1
}

function print_region(    i, any) {
	for (i = 1; i <= count; i++) {
		if (commands[i] == region) {
			print_option(i)
			any = 1
		} else if (more[i] != "") {
			die(name[i] " is an option of " commands[i])
		}
		more[i] = ""
	}
	if (!any)
		die("no options for " region)
	region = ""
}

FNR == 1 { files++ }
files == 1 && /^[A-Z]+\(/ { line = $0; read_option() }
files == 1 { next }
FNR == 1 {
	print
	print ".\\\" Made from mincore2.1.in and options.def."
	next
}
/^@options / {
	if (region != "")
		die("@end is missing")
	region = substr($0, 10)
	at = 0
	next
}
/^@more / {
	at = number[$2]
	if (region == "" || !at)
		die("no such option: " $2)
	next
}
/^@end$/ { print_region(); next }
/^@/ { die("what is " $0 "?") }
region != "" {
	if (!at)
		die("this belongs to no option")
	more[at] = more[at] $0 "\n"
	next
}
{ print }
END {
	if (region != "")
		die("@end is missing")
	for (i = 1; i <= count; i++)
		if (!printed[i])
			die("--" name[i] " is nowhere")
}
