# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# base.sh: which kernel, as BASE in the environment says. Sourced by common.sh, and by that
# of ../../steps, when BUILD is set. Sets BASE, and of its line in the table "bases"
# base_package and base_suite. What depends on the kernel has base_suffix in its name below
# BUILD, which is empty for the default, so that one base does not overwrite another's.
# linux: the kernel's folder.

choose_base() {
	local table=$1 base package suite known=''
	base_package=''
	while read -r base package suite; do
		[[ $base && $base != '#'* ]] || continue
		BASE=${BASE:-$base}
		known+=${known:+, }$base
		[[ $base == "$BASE" ]] || continue
		base_package=$package base_suite=$suite
		base_suffix=${base#linux}
		[[ $base != "$known" ]] || base_suffix=''
	done <"$table"
	if [[ ! $base_package ]]; then
		echo "${0##*/}: BASE is \"$BASE\"; it can be $known" >&2
		exit 2
	fi
	linux=$BUILD/linux$base_suffix
	export BASE
}

choose_base "$(dirname "${BASH_SOURCE[0]}")/../bases"
