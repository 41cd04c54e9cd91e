# SPDX-License-Identifier: GPL-2.0-or-later
#
# logged.awk: errors of filesystems in the kernel's log, by slot.
#
# awk -v bad=REGEX -f logged.awk SAID CONSOLE
#   SAID     what the guest said; its lines "slot SLOT DEVICE", as "slot ext4-3 pmem0.2"
#   CONSOLE  the kernel's log
# Prints a line for each line of CONSOLE that matches REGEX: "complained SLOT TEXT", or
# "unknown TEXT" if it names no device of a slot.

FNR == 1 { file++ }
file == 1 {
	if ($1 == "slot") slot[$3] = $2
	next
}
# What the guest itself says is there for people.
/powerfail: / { next }
$0 ~ bad {
	sub(/^\[ *[0-9.]+\] /, "")
	sub(/\r$/, "")
	# As in "EXT4-fs error (device pmem0.2): ..." and "XFS (pmem1): ...".
	device = match($0, /\((device )?[a-z0-9.-]+\)/) ? substr($0, RSTART + 1, RLENGTH - 2) : ""
	sub(/^device /, "", device)
	if (device in slot) print "complained", slot[device], $0
	else print "unknown", $0
}
