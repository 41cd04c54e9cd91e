# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# bash completion for mincore2(1), which is asked for what it takes. Needs nothing but
# bash; where the package bash-completion is installed it is loaded on demand, else
# source it.

# The command on the line, if there is one.
_mincore2_command() {
	local i commands
	commands=" $(mincore2 --complete 2>/dev/null | cut -f 1 | tr '\n' ' ')"
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ $commands == *" ${COMP_WORDS[i]} "* ]]; then
			echo "${COMP_WORDS[i]}"
			return
		fi
	done
}

_mincore2_options() {
	mincore2 --complete "$1" 2>/dev/null | cut -f 1 | tr '\n' ' '
}

# What the argument of option $2 of command $1 can be: words, "-" for anything, or
# "." where it takes none.
_mincore2_argument() {
	mincore2 --complete "$1" 2>/dev/null | awk -F '\t' -v o="$2" '$1 == o { print $2 }'
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
	local command argument=. list='' line
	command=$(_mincore2_command)
	[[ $before != --* ]] || argument=$(_mincore2_argument "${command:-map}" "$before")
	if [[ -n $argument && $argument != . ]]; then
		COMPREPLY=()
		[[ $argument != - ]] || return
		# The last of a list.
		[[ $before != --bits || $word != *,* ]] || list=${word%,*},
		_mincore2_words "$argument" "${word#"$list"}"
		COMPREPLY=("${COMPREPLY[@]/#/$list}")
	elif [[ $word == -* ]]; then
		_mincore2_words "$(_mincore2_options "${command:-map}")" "$word"
	elif [[ -z $command ]]; then
		_mincore2_words "$(mincore2 --complete 2>/dev/null | cut -f 1)" "$word"
	else
		compopt -o filenames 2>/dev/null
		COMPREPLY=()
		while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
	fi
}

complete -F _mincore2 mincore2
