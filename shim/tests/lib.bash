# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# TAP for the scripts: each check a line, the plan last.
tap_count=0
tap_failed=0

# ok STATUS NAME...: one check; status 0 is passed
ok() {
	local status=$1
	shift
	tap_count=$((tap_count + 1))
	if ((status == 0)); then
		echo "ok $tap_count - $*"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $*"
	fi
	return 0
}

# check NAME COMMAND...: passes when the command succeeds; shows its output
# when it does not
check() {
	local name=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	ok "$status" "$name"
	if ((status)) && [[ -n $output ]]; then
		sed 's/^/# /' <<<"$output"
	fi
}

# skip NAME...: what could not be checked, and why
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - # SKIP $*"
}

tap_done() {
	echo "1..$tap_count"
	((tap_failed == 0))
}

# What a static library keeps in memory that can be written to, by name.
writable_data() {
	objdump -t "$1" | grep -E '[[:space:]]\.(data|bss|tdata|tbss)(\.[^[:space:]]*)?[[:space:]]' |
		grep -vF .data.rel.ro | awk '$NF !~ /^\./ { sub(/\.[0-9]*$/, "", $NF); print $NF }' | tr '\n' ' '
}

have() {
	command -v "$1" >/dev/null
}
