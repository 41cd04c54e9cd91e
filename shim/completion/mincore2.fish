# SPDX-License-Identifier: GPL-2.0-or-later
#
# fish completion for mincore2(1).

set -l commands map check watch explain
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -f
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -a map -d "Show the mapping"
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -a check -d "Answer with the exit status"
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -a watch -d "Show it again and again"
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -a explain -d "Say why not, and what to change"

complete -c mincore2 -l read -d "Fault all pages in for reading first"
complete -c mincore2 -l populate -d "Fault all pages in for writing first"
complete -c mincore2 -l write-pages -x -d "Fault these pages in for writing first"
complete -c mincore2 -l private -d "Map privately"
complete -c mincore2 -l no-sync -d "Do not ask for MAP_SYNC"
complete -c mincore2 -l native -d "Ask mincore2() or nobody"
complete -c mincore2 -l emulate -d "Find out without mincore2() what can be"
complete -c mincore2 -l offset -x -d "Map only what begins at this offset of the file"
complete -c mincore2 -l length -x -d "Map only so much"
complete -c mincore2 -l page -x -d "Only this page"
complete -c mincore2 -l help -d "Print a summary of the options"
complete -c mincore2 -l version -d "Print the version"

set -l output "__fish_seen_subcommand_from map watch"
complete -c mincore2 -n $output -l bits -x -a "(__fish_append , resident dax level persist writable zero all)" -d "Ask for these only"
complete -c mincore2 -n $output -l bytes -d "Print sizes in bytes"
complete -c mincore2 -n $output -l summary -d "Leave out the rows"
complete -c mincore2 -n "__fish_seen_subcommand_from map" -l json -d "Print JSON"

set -l check "__fish_seen_subcommand_from check"
complete -c mincore2 -n $check -l persist -d "All pages are persistence-safe"
complete -c mincore2 -n $check -l dax -d "No page cache stands between"
complete -c mincore2 -n $check -l level -x -a "pte pmd pud" -d "Mapped by entries of this level at least"
complete -c mincore2 -n $check -l writable -d "No write fault is expected"
complete -c mincore2 -n $check -l resident -d "In memory"
complete -c mincore2 -n $check -l quiet -d "Print nothing but errors"

set -l watch "__fish_seen_subcommand_from watch"
complete -c mincore2 -n $watch -l interval -x -d "Seconds between two frames"
complete -c mincore2 -n $watch -l count -x -d "End after so many frames"
complete -c mincore2 -n $watch -l time -x -d "End after this time"
