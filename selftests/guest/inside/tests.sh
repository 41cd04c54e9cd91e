# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# tests.sh: runs the tests of a list and looks at the kernel log after each.
# Sourced by init; busybox sh.

# What must not be in the kernel log. "INFO: " is lockdep's, RCU's and the hung-task detector's.
BAD_LOG='WARNING|BUG:|Oops|possible circular locking|INFO: |KASAN|UBSAN|Kernel panic'
# Linux 6.12 says this of each PUD entry that mremap(2) comes by.
case $(uname -r) in [1-6].*) ;; *) BAD_LOG="$BAD_LOG|bad p[mug4]d" ;; esac

# check_log NAME: prints a failed case, with the first line found, when the log
# has got such a line since the last call.
check_log() {
	dmesg >/run/dmesg.now
	if [ -n "$log_mark" ] && grep -qF "$log_mark" /run/dmesg.now; then
		awk -v m="$log_mark" 'f; index($0, m) { f = 1 }' /run/dmesg.now
	else # the first time, or the mark has left the buffer
		cat /run/dmesg.now
	fi >/run/dmesg.new
	log_count=$((log_count + 1))
	log_mark="mincore2: log checked, $log_count"
	bad=$(grep -E -m 1 "$BAD_LOG" /run/dmesg.new)
	echo "$log_mark" >/dev/kmsg
	[ -z "$bad" ] || echo "not ok $1: kernel log # $bad"
}

# lockdep switches itself off after its first report, and also without one when
# its tables are full: then it has seen nothing of the later tests.
check_lockdep() {
	[ -e /proc/lockdep_stats ] || return
	if grep -q 'debug_locks: *1$' /proc/lockdep_stats; then
		echo "ok guest: lockdep active to the end"
	else
		echo "not ok guest: lockdep active to the end # it switched itself off, see the log"
	fi
}

# kill_session ID: ends what a test left behind.
kill_session() {
	# The session is the fourth field after the command's closing parenthesis.
	pids=$(cat /proc/[0-9]*/stat 2>/dev/null | sed 's/ (.*)//' | awk -v s="$1" '$5 == s { print $1 }')
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -9 $pids 2>/dev/null
}

# run_test NAME SECONDS COMMAND...: runs it in a session of its own in /tests,
# prints one line a case to $RESULTS.
run_test() {
	name=$1 limit=$2
	shift 2
	progress "$name" "$limit"
	# shellcheck disable=SC2154 # of the kernel command line
	limit=$((limit * mincore2_slow))
	: >/run/out
	rm -f /run/pipe
	mkfifo /run/pipe
	tee /run/out </run/pipe >/dev/console &
	tee=$!
	# The session's id is the shell's own pid, left in a file.
	# shellcheck disable=SC2016
	setsid sh -c 'echo $$ >/run/sid; cd /tests || exit 126; exec /usr/bin/timeout -k 5 "$@"' \
		sh "$limit" "$@" </dev/null >/run/pipe 2>&1
	status=$?
	kill_session "$(cat /run/sid)"
	# A process that left the session may still hold the pipe open: do not wait for it.
	(sleep 2; kill "$tee" 2>/dev/null) &
	guard=$!
	wait "$tee"
	kill "$guard" 2>/dev/null
	before=$(wc -l <"$RESULTS")
	{
		awk -v name="$name" -v status="$status" -v limit="$limit" -f /lib/mincore2/tap.awk /run/out
		check_log "$name"
	} >>"$RESULTS"
	tail -n +$((before + 1)) "$RESULTS" | awk '
		/^ok / { p++ } /^not ok / { f++ } /^skip / { s++ }
		END { printf "end %d %d %d\n", p, f, s }' >"${PROGRESS:-/dev/null}"
}

# run_tests LIST: lines "NAME SECONDS COMMAND [ARGUMENT]..."; # starts a comment.
run_tests() {
	export MINCORE2_SLOW="$mincore2_slow"
	while read -r name limit command <&3; do
		case $name in '' | '#'*) continue ;; esac
		# shellcheck disable=SC2086 # arguments are words
		run_test "$name" "$limit" $command
	done 3<"$1"
}
