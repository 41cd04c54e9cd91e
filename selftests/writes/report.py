#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what writes cost on the stock kernel and on the patched one.

report.py STOCK PATCHED CASES OUTPUT

STOCK, PATCHED  what "writes" printed on each of the kernels, for all filesystems
CASES           what "selftests/powerfail/run --list" prints
OUTPUT          folder: table.csv, table.md, table.rst

Prints the table. Exit status 1 if a row of the patched kernel is above LIMIT times the
stock kernel's (below, for what is better when it is more), unless it is listed below;
2 if something was not measured.
"""
import csv
import os
import sys

LIMIT = 1.05
FILESYSTEMS = ("tmpfs", "ext4", "ext4-fc", "xfs")

# Where the stock kernel loses data, the patched one may cost more: the row, and the
# power-failure case in which the stock kernel is seen to lose what is stored like that.
APPEND = "append of 64 bytes, and a MAP_SYNC store to them"
LOSES = {
    ("ext4", APPEND): "ext4.sync.append.after",
    ("ext4-fc", APPEND): "ext4-fc.sync.append.after",
    ("xfs", APPEND): "xfs.sync.append.after",
    ("ext4-fc", "first MAP_SYNC store, page allocated"): "ext4-fc.sync.setxattr-other.before",
    ("ext4-fc", "first MAP_SYNC store, page a hole"): "ext4-fc.sync.setxattr-other.before",
    ("ext4", "fault beside it"): "ext4.sync.grow-fallocate.after",
    ("xfs", "write in place, the other owner has just let go of the block"):
        "xfs.plain.owner-punch.early.write",
    ("xfs", "write in place, the other owner has just let go of 1024 blocks"):
        "xfs.plain.owner-punch.early.write",
    ("xfs", "first MAP_SYNC store, the other owner has just let go of the block"):
        "xfs.sync.owner-punch.early",
}
# Where its mapping shows zeroes for what is in the file: the test that sees it.
TEST = "blocks_beside_a_write"
ZEROED = ", all pages mapped, some zeroed beside others"
LOSES_IN_TESTS = {
    (filesystem, f"overwrite of {size} bytes{ZEROED}"): f"agree_test: {TEST}"
    for filesystem in ("ext4", "ext4-fc") for size in (64, 4096)
}


class Incomplete(Exception):
    """Not all was measured."""


def read_raw(path):
    """{(filesystem, what, unit): value}, in the order of the file."""
    rows, ends = {}, 0
    with open(path, encoding="utf-8", errors="replace") as raw:
        for line in raw:
            field = line.strip().split("|")
            if field[0] == "row" and len(field) == 6:
                rows[tuple(field[1:4])] = float(field[5])
            elif field[0] == "problem":
                raise Incomplete(f"{path}: problem: {field[-1]}")
            elif field[0] == "end":
                ends += 1
    seen = {key[0] for key in rows}
    if ends != len(FILESYSTEMS) or seen != set(FILESYSTEMS):
        raise Incomplete(f"{path}: not all was measured")
    return rows


def check_cases(path):
    """Each case of LOSES has to be one in which the stock kernel must lose the data."""
    with open(path, encoding="utf-8") as listing:
        loses = {f[1] for f in map(str.split, listing) if len(f) > 2 and f[-1] == "yes"}
    for key, case in LOSES.items():
        if case not in loses:
            raise Incomplete(f"{key}: \"{case}\" is no case in which the stock kernel loses data")
    tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../mincore2/agree_test.c")
    with open(tests, encoding="utf-8") as source:
        if f"TEST_F(agree, {TEST})" not in source.read():
            raise Incomplete(f"agree_test has no test {TEST}")


def ratio(stock, patched):
    if stock == 0:
        return 1.0 if patched == 0 else None
    return patched / stock


def verdict(key, stock, patched):
    """"" if the row is as it should be, what shows the stock kernel's fault, or "above"."""
    if key[2] == "percent":
        above = patched < stock / LIMIT
    else:
        above = patched > stock * LIMIT
    if not above:
        return ""
    return LOSES.get(key[:2]) or LOSES_IN_TESTS.get(key[:2], "above")


def shown(key, value):
    if key[2] == "percent":
        return f"{value:.1f} %"
    if key[2] == "requests":
        return f"{value:.2f}"
    return f"{value:,.0f}"


def name(key):
    return key[1] + {"cost": "", "longest": ", the longest", "requests": ", device requests",
                     "percent": ", done"}[key[2]]


def table(stock, patched):
    lines = []
    for key, before in stock.items():
        after = patched[key]
        r = ratio(before, after)
        lines.append((key[0], name(key), shown(key, before), shown(key, after),
                      "-" if r is None else f"{r:.2f}", verdict(key, before, after)))
    return lines


HEAD = ("filesystem", "what", "stock", "patched", "ratio", "stock loses data")


def widths(lines):
    return [max(len(line[i]) for line in [HEAD, *lines]) for i in range(len(HEAD))]


def aligned(line, width):
    return [c.rjust(w) if 2 <= i <= 4 else c.ljust(w) for i, (c, w) in enumerate(zip(line, width))]


def markdown(lines):
    width = widths(lines)
    rule = ["-" * w for w in width]
    rule[2:5] = ["-" * (w - 1) + ":" for w in width[2:5]]
    return "".join("| " + " | ".join(aligned(line, width)) + " |\n" for line in [HEAD, rule, *lines])


def rst(lines):
    width = widths(lines)
    rule = "  ".join("=" * w for w in width)
    body = ["  ".join(aligned(line, width)).rstrip() for line in lines]
    head = "  ".join(aligned(HEAD, width)).rstrip()
    return "\n".join([rule, head, rule, *body, rule]) + "\n"


def write_csv(path, stock, patched):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("filesystem", "what", "unit", "stock", "patched", "verdict"))
        for key, before in stock.items():
            out.writerow((*key, before, patched[key], verdict(key, before, patched[key])))


def main():
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    output = sys.argv[4]
    try:
        stock, patched = read_raw(sys.argv[1]), read_raw(sys.argv[2])
        if stock.keys() != patched.keys():
            raise Incomplete("the two kernels were not measured alike")
        check_cases(sys.argv[3])
    except Incomplete as e:
        print(f"bench-writes: {e}", file=sys.stderr)
        return 2
    lines = table(stock, patched)
    write_csv(os.path.join(output, "table.csv"), stock, patched)
    for ending, text in (("md", markdown(lines)), ("rst", rst(lines))):
        with open(os.path.join(output, f"table.{ending}"), "w", encoding="utf-8") as f:
            f.write(text)
    print(markdown(lines), end="")
    above = [line for line in lines if line[5] == "above"]
    for line in above:
        print(f"bench-writes: {line[0]}: {line[1]}: {line[4]} times the stock kernel, "
              f"and {LIMIT} is the limit", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
