# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# apt.sh: packages without installing them, and without changing the machine's package
# sources: an apt with a state of its own. Sourced after common.sh.

# release_codename: sets codename, of this release of Debian.
release_codename() {
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[[ $codename ]] || die "/etc/os-release names no release of Debian"
}

# source_entries: for each source that apt is configured with on this machine and that
# is this release of Debian, a line for its source packages.
source_entries() {
	local file
	release_codename
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		awk -v codename="$codename" -f "$guest_dir/lib/one-line.awk" || true
	for file in /etc/apt/sources.list.d/*.sources; do
		[[ -r $file ]] || continue
		awk -v codename="$codename" -f "$guest_dir/lib/deb822.awk" "$file"
	done
}

# set_up_apt DIR: an apt that has DIR to itself; standard input is its list of sources. Of
# the system's configuration it has what is about transport (a proxy, for example), and
# none of the hooks. It takes no package for installed.
set_up_apt() {
	mkdir -p "$1"/{state/lists/partial,cache/archives/partial,log,parts}
	sort -u >"$1/sources.list"
	: >"$1/status"
	[[ -s $1/sources.list ]] || die "apt has no source for this release of Debian's main" \
		"component; look at /etc/apt/sources.list and sources.list.d"
	{
		apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' || true
		printf '%s "%s";\n' \
			Dir::Etc::SourceList "$1/sources.list" Dir::Etc::SourceParts "$1/parts" \
			Dir::Etc::Parts "$1/parts" Dir::Etc::Main "$1/none" \
			Dir::State::Lists "$1/state/lists" Dir::State::Status "$1/status" \
			Dir::Cache "$1/cache" Dir::Log "$1/log" Acquire::Languages none \
			Acquire::Retries 3 Acquire::http::Timeout 60 APT::Sandbox::User "$(id -un)" \
			APT::Install-Recommends false
	} >"$1/apt.conf"
}

# private_apt DIR COMMAND...: with that apt; apt_seconds at most (10 minutes).
private_apt() {
	local conf=$1/apt.conf
	shift
	APT_CONFIG=$conf timeout "${apt_seconds:-600}" "$@"
}
