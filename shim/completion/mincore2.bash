# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# bash completion for mincore2(1). Needs nothing but bash; where the package
# bash-completion is installed it is loaded on demand, else source it.

# The command on the line, if there is one: the first word that is no option.
_mincore2_command() {
	local i skip=0
	for ((i = 1; i < COMP_CWORD; i++)); do
		if ((skip)); then
			skip=0
			continue
		fi
		case ${COMP_WORDS[i]} in
		--write-pages | --bits | --level | --interval | --count | --time | --offset | --length | --page)
			skip=1 ;;
		-*) ;;
		*)
			echo "${COMP_WORDS[i]}"
			return ;;
		esac
	done
}

_mincore2_options() {
	local all="--read --populate --write-pages --private --no-sync --native --emulate --offset --length --page --help --version"
	case $1 in
	map) echo "$all --bits --bytes --summary --json" ;;
	check) echo "$all --persist --dax --level --writable --resident --quiet" ;;
	watch) echo "$all --bits --bytes --summary --interval --count --time" ;;
	explain) echo "$all" ;;
	*) echo "$all" ;;
	esac
}

# Words of $1 that begin with $2.
_mincore2_words() {
	local word
	COMPREPLY=()
	for word in $1; do
		[[ $word != "$2"* ]] || COMPREPLY+=("$word")
	done
}

_mincore2() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command list line
	command=$(_mincore2_command)
	case $before in
	--level)
		_mincore2_words "pte pmd pud" "$word"
		return ;;
	--bits) # the last of a list
		list=''
		[[ $word != *,* ]] || list=${word%,*},
		_mincore2_words "resident dax level persist writable zero all" "${word##*,}"
		COMPREPLY=("${COMPREPLY[@]/#/$list}")
		return ;;
	--write-pages | --interval | --count | --time | --offset | --length | --page)
		COMPREPLY=()
		return ;;
	esac
	if [[ $word == -* ]]; then
		_mincore2_words "$(_mincore2_options "$command")" "$word"
	elif [[ -z $command ]]; then
		_mincore2_words "map check watch explain" "$word"
	else
		compopt -o filenames 2>/dev/null
		COMPREPLY=()
		while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
	fi
}

complete -F _mincore2 mincore2
