# SPDX-License-Identifier: GPL-2.0-or-later
#
# fish completion for mincore2(1), which is asked for what it takes.

set -l commands (mincore2 --complete 2>/dev/null | string replace -r '\t.*' '')
complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -f
for line in (mincore2 --complete 2>/dev/null)
    set -l command (string split \t -- $line)
    complete -c mincore2 -n "not __fish_seen_subcommand_from $commands" -a $command[1] -d $command[3]
    for line in (mincore2 --complete $command[1] 2>/dev/null)
        set -l option (string split \t -- $line)
        set -l how
        switch $option[2]
            case .
            case -
                set how -x
            case '*'
                set how -x -a $option[2]
                test $option[1] != --bits; or set how -x -a "(__fish_append , $option[2])"
        end
        complete -c mincore2 -n "__fish_seen_subcommand_from $command[1]" \
            -l (string sub -s 3 -- $option[1]) $how -d $option[3]
    end
end
