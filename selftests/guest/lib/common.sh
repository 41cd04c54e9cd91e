# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# common.sh: sourced by the host's scripts. Sets guest_dir (this folder), project,
# BUILD (absolute, exists), and what base.sh does.

guest_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project=$(cd "$guest_dir/../.." && pwd)
BUILD=${BUILD:-$project/build}
mkdir -p "$BUILD/log"
BUILD=$(cd "$BUILD" && pwd)
# Debian keeps mkfs and the like where a user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin
self=${0##*/}
# shellcheck source=selftests/guest/lib/base.sh
. "$guest_dir/lib/base.sh"

die() {
	echo "$self: $*" >&2
	exit 2
}

note() { echo "$self: $*" >&2; }

# need_arg OPTION COUNT: dies when the option is the last word.
need_arg() { (($2 >= 2)) || die "$1 needs a value (see --help)"; }

# usage: prints the comment at the head of the calling script.
usage() { sed -n '4,/^$/s/^# \{0,1\}//p' "$0"; }

# attended COMMAND...: runs it; it ends when this script does, however that ends. Returns
# its exit status.
attended() {
	local status=0
	trap '[[ ! ${attended_pid-} ]] || kill "$attended_pid" 2>/dev/null || true' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	"$@" &
	attended_pid=$!
	wait "$attended_pid" || status=$?
	attended_pid=''
	return "$status"
}

# versions NAME...: the installed versions of packages, for keys of caches.
versions() { dpkg-query -W "$@" 2>/dev/null || true; }

# hash: of standard input, short enough for a file name.
hash() { sha256sum | cut -c1-16; }

on_terminal() { [[ -t 2 && ${TERM:-dumb} != dumb ]]; }
