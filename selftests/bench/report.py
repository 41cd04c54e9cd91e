#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes tables, CSV and plots from what the benchmark printed.

report.py RAW OUTPUT UNIT
report.py --contention RAW      only what scans cost their neighbours

RAW     what bench printed in the guest (see bench.c for its lines)
OUTPUT  folder: costs.csv, holds.csv, table.txt, MAPPING.svg, and all.svg, which shows
        all mappings on one page. A costs.csv that is there already is the previous
        run: kept as costs.previous.csv, and its figures stand beside the new ones
UNIT    what a figure is: "instructions" or "ns"

Prints table.txt. Exit status 1 if the run was not complete, or a lock was held for more
instructions than the documentation states.
"""
import csv
import math
import os
import sys
from html import escape

# Name, mapping, rival, per entry (or in all), limit. A limit is a number, or a function of all
# costs: {(mapping, rival): {pages: (entries, cost)}}.
REGIONS, BYTES = "mincore2 regions all", "mincore2 bytes all"
OTHER = "mincore2 regions all, other process"


def largest(costs, mapping, rival):
    """(pages, entries, cost) at the largest size, or None."""
    sizes = costs.get((mapping, rival))
    if not sizes:
        return None
    pages = max(sizes)
    return (pages, *sizes[pages])


def times(factor, mapping, rival, pages=None):
    """A limit: factor x what a rival costs (at a size, or at the largest)."""
    def limit(costs, per_entry):
        sizes = costs.get((mapping, rival), {})
        if not sizes or (pages and pages not in sizes):
            return None
        entries, cost = sizes[pages or max(sizes)]
        return factor * (cost / entries if per_entry else cost)
    return limit


OLD = "mincore, old walk"

TARGETS = [
    ("PTEs uniform, regions, all bits (tmpfs)", "tmpfs-pte", REGIONS, True, 12),
    ("PTEs uniform, regions, all bits (ext4-DAX)", "ext4-dax-pte", REGIONS, True, 12),
    ("PTEs uniform, bytes (tmpfs)", "tmpfs-pte", BYTES, True, 12),
    ("PTEs uniform, bytes (ext4-DAX)", "ext4-dax-pte", BYTES, True, 12),
    ("PTEs alternating, bytes", "alternating", BYTES, True, 15),
    ("PTEs alternating, regions, all bits", "alternating", REGIONS, True, 40),
    ("half mapped, half in page cache, RESIDENT (1 x mincore's old walk)", "half-mapped",
     "mincore2 regions RESIDENT", True, times(1, "half-mapped", OLD)),
    ("PMDs, regions (ext4-DAX)", "ext4-dax-pmd", REGIONS, True, 60),
    ("PMDs, regions (XFS-DAX)", "xfs-dax-pmd", REGIONS, True, 60),
    # Within 10 % of the walk that mincore2() had before: 1,135 and 1,402.
    ("PUD 1 GiB, one element", "devdax-pud", "mincore2 one region all", False, 1249),
    ("one page, regions", "tmpfs-pte", REGIONS, False, 1542),
    ("PERSIST only, shared, any size", "ext4-dax-pmd", "mincore2 one region PERSIST",
     False, 1500),
    ("DAX only, shared, any size", "ext4-dax-pmd", "mincore2 regions DAX", False, 1500),
    ("in page cache, order 0, RESIDENT, bytes", "cached", "mincore2 bytes RESIDENT",
     True, 50),
    ("in page cache, order 0, regions, all bits", "cached", REGIONS, True, 50),
    ("in page cache, 2 MiB folios, RESIDENT, bytes", "cached-large",
     "mincore2 bytes RESIDENT", True, 2),
    ("untouched 1 TiB, regions, not RESIDENT (1.75 x empty walk)", "sparse",
     "mincore2 regions all but RESIDENT", False, times(1.75, "sparse", "floor (empty walk)")),
    ("10,000 VMAs of a page, regions", "vmas", REGIONS, True, 850),
    ("another process, PTEs, regions (1.15 x one's own)", "tmpfs-pte", OTHER, True,
     times(1.15, "tmpfs-pte", REGIONS)),
    ("another process, PMDs, regions (1.15 x one's own)", "ext4-dax-pmd", OTHER, True,
     times(1.15, "ext4-dax-pmd", REGIONS)),
    ("mincore(2), PTEs", "tmpfs-pte", "mincore", True, 12),
    ("mincore(2), page cache, order 0", "cached", "mincore", True, 60),
]
# Where not the largest size is meant.
AT_PAGES = {"PUD 1 GiB, one element": 262144, "one page, regions": 1}
# What must not cost more than mincore() did, where both are asked about as much.
AGAINST_OLD = ["mincore", "mincore2 bytes RESIDENT", BYTES, "mincore2 regions RESIDENT", REGIONS]


def read_raw(path):
    costs, what, holds, skips, complete = {}, {}, [], [], False
    with open(path, encoding="utf-8", errors="replace") as raw:
        for line in raw:
            field = line.strip().split("|")
            if field[0] == "map":
                what[field[1]] = field[2]
            elif field[0] == "cost":
                sizes = costs.setdefault((field[1], field[2]), {})
                sizes[int(field[3])] = (int(field[4]), int(field[5]))
            elif field[0] == "hold":
                holds.append(field[1:3] + [int(f) for f in field[3:]])
            elif field[0] in ("skip", "problem", "contention", "library"):
                skips.append(field)
            complete |= field[0] == "end"
    return costs, what, holds, skips, complete


def read_previous(path):
    previous = {}
    if os.path.exists(path):
        with open(path, newline="", encoding="utf-8") as old:
            for row in csv.DictReader(old):
                previous[row["mapping"], row["rival"], int(row["pages"])] = int(row["cost"])
    return previous


def write_csv(path, head, rows):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows(rows)


def pages_text(pages):
    for unit, size in (("TiB", 1 << 28), ("GiB", 1 << 18), ("MiB", 1 << 8)):
        if pages >= size:
            return f"{pages / size:.4g} {unit}"
    return f"{pages * 4} KiB"


def cost_table(costs, what, previous, unit):
    for mapping, title in what.items():
        rivals = [r for m, r in costs if m == mapping]
        if not rivals:
            continue
        yield f"\n{title}\n{'':38}{'size':>10}{unit:>15}{'an entry':>12}{'before':>15}{'one page':>12}"
        for rival in rivals:
            pages, entries, cost = largest(costs, mapping, rival)
            old = previous.get((mapping, rival, pages))
            one = costs[mapping, rival].get(1)
            yield (f"  {rival:36}{pages_text(pages):>10}{cost:>15,}{cost / entries:>12,.2f}"
                   f"{f'{old:,}' if old is not None else '-':>15}"
                   f"{f'{one[1]:,}' if one else '-':>12}")


def target_table(costs):
    yield f"\nTargets\n  {'case':60}{'target':>12}{'measured':>12}"
    for name, mapping, rival, per_entry, limit in TARGETS:
        sizes = costs.get((mapping, rival), {})
        pages = AT_PAGES.get(name) or (max(sizes) if sizes else None)
        if callable(limit):
            limit = limit(costs, per_entry)
        if pages not in sizes or limit is None:
            yield f"  {name:60}{'-':>12}{'-':>12}  not measured"
            continue
        entries, cost = sizes[pages]
        value = cost / entries if per_entry else cost
        yield (f"  {name:60}{limit:>12,.1f}{value:>12,.1f}"
               f"  {'met' if value <= limit else 'NOT MET'}")
    yield from smaps_ratio(costs)


def old_walk_table(costs, what):
    yield (f"\nAgainst the old walk of mincore(), one page and all\n  {'mapping':18}"
           + "".join(f"{name.replace('mincore2 ', ''):>20}" for name in AGAINST_OLD))
    worst = dict.fromkeys(AGAINST_OLD)
    for mapping in what:
        old = costs.get((mapping, OLD))
        if not old:
            continue
        row = f"  {mapping:18}"
        for rival in AGAINST_OLD:
            common = sorted(set(old) & set(costs.get((mapping, rival), {})))
            ratios = [costs[mapping, rival][p][1] / old[p][1] for p in common[:1] + common[-1:]]
            worst[rival] = max([worst[rival] or 0, *ratios]) if ratios else worst[rival]
            row += f"{' / '.join(f'{r:.2f}' for r in ratios):>20}"
        yield row
    yield f"  {'the largest':18}" + "".join(f"{'-' if w is None else f'{w:.2f}':>20}" for w in worst.values())
    # The other columns have more in their answers than mincore() says.
    same = [w for rival, w in worst.items() if not rival.endswith(" all")]
    if None in same:
        yield "  of the same question: not measured"
    else:
        yield (f"  of the same question {max(same):.2f}: "
               f"{'met' if max(same) <= 1 else 'NOT MET: target 1'}")


def smaps_ratio(costs):
    for mapping, least in (("ext4-dax-pte", 1000), ("ext4-dax-pmd", 250)):
        ours = largest(costs, mapping, "mincore2_check PERSIST")
        smaps = largest(costs, mapping, "smaps")
        if ours and smaps:
            ratio = smaps[2] / ours[2]
            yield (f"  {'is it persistence-safe, against smaps: ' + mapping:60}{least:>10} x"
                   f"{ratio:>10,.0f} x  {'met' if ratio >= least else 'NOT MET'}")


def hold_table(holds, unit):
    yield (f"\nLongest holds of locks, {unit}\n  {'mapping':18}{'call':26}{'pages':>12}"
           f"{'mmap_lock':>12}{'page table':>12}")
    for mapping, call, pages, mmap_max, ptl_max, *_ in holds:
        yield f"  {mapping:18}{call:26}{pages:>12}{mmap_max:>12,}{ptl_max:>12,}"


# The longest that mincore2() and mincore() may hold a lock, in instructions; a page-table lock also
# as long as the old walk of mincore() does on the same mapping.
MMAP_LIMIT, TABLE_LIMIT = 100000, 10000


def holds_too_long(holds):
    """Lines on holds that break the limits, which the documentation states."""
    mincore = {mapping: ptl for mapping, call, _, _, ptl, *_ in holds if call == OLD}
    for mapping, call, _, mmap, ptl, *_ in holds:
        if call == OLD:
            continue
        limit = max(TABLE_LIMIT, mincore.get(mapping, 0))
        if mmap > MMAP_LIMIT:
            yield f"  TOO LONG: {mapping}, {call}: mmap_lock {mmap:,}, limit {MMAP_LIMIT:,}"
        if ptl > limit:
            yield f"  TOO LONG: {mapping}, {call}: page table {ptl:,}, limit {limit:,}"


# What is plotted: mincore2() once, and the rivals. The rest is in the table.
PLOTTED = {REGIONS: ("mincore2", "#0057b8"), "mincore": ("mincore", "#00a6a6"),
           OLD: ("mincore before", "#7f7f7f"), "pagemap": ("pagemap", "#d1495b"),
           "PAGEMAP_SCAN": ("PAGEMAP_SCAN", "#edae49"), "smaps": ("smaps", "#6a4c93"),
           "pmem2_map_new": ("pmem2_map_new", "#2e8b57"),
           "floor (empty walk)": ("empty walk", "#000000")}
WIDTH, HEIGHT, COLUMNS = 620, 380, 3
LEFT, TOP, RIGHT, BOTTOM = 60, 40, 150, 40


def plotted(costs, mapping):
    """[(name, colour, [(pages, cost a page)])]; one line where two would coincide."""
    lines = []
    for rival, (name, colour) in PLOTTED.items():
        points = [(p, max(c, 1) / p)
                  for p, (_, c) in sorted(costs.get((mapping, rival), {}).items())]
        for other in lines:
            if len(other[2]) == len(points) and all(
                    abs(a[1] / b[1] - 1) < 0.04 for a, b in zip(points, other[2])):
                other[0] += ", " + name
                break
        else:
            if points:
                lines.append([name, colour, points])
    return lines


def spread(wanted, least, low, high):
    """Heights for labels: near those wanted, in their order, @least apart."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    at = {}
    for n, i in enumerate(order):
        at[i] = max(wanted[i], low if not n else at[order[n - 1]] + least)
    limit = high
    for i in reversed(order):
        at[i] = min(at[i], limit)
        limit = at[i] - least
    return [at[i] for i in range(len(wanted))]


def panel(title, lines, unit):
    """SVG elements, WIDTH x HEIGHT: cost a page against pages, both as logarithms."""
    points = [point for *_, line in lines for point in line]
    x1 = max(math.log10(max(p for p, _ in points)), 1)
    low = math.floor(math.log10(max(min(c for _, c in points), 1e-6)))
    high = max(math.ceil(math.log10(max(c for _, c in points))), low + 1)

    def x(pages):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(pages) / x1

    def y(cost):
        share = (math.log10(max(cost, 1e-6)) - low) / (high - low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    out = [f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}: {unit} a page</text>']
    for power in range(low, high + 1):
        out.append(f'<path d="M{LEFT} {y(10 ** power):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">'
                   f'{10.0 ** power:g}</text>')
    sizes = sorted({p for p, _ in points})
    for pages in sizes[::2 if len(sizes) > 6 else 1]:
        out.append(f'<text x="{x(pages):.1f}" y="{HEIGHT - BOTTOM + 16}" font-size="10" '
                   f'text-anchor="middle">{pages_text(pages)}</text>')
    labels = spread([y(line[-1][1]) for *_, line in lines], 14, TOP, HEIGHT - BOTTOM)
    for (name, colour, line), label in zip(lines, labels):
        path = " ".join(f"{x(p):.1f},{y(c):.1f}" for p, c in line)
        end = f"{x(line[-1][0]):.1f} {y(line[-1][1]):.1f}"
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
                   f'<path d="M{end}L{WIDTH - RIGHT + 8} {label:.1f}" stroke="{colour}" '
                   f'stroke-width="0.5"/><text x="{WIDTH - RIGHT + 10}" y="{label + 4:.1f}" '
                   f'fill="{colour}">{escape(name)}</text>')
    return "\n".join(out)


def svg(panels, columns):
    """A page of panels."""
    rows = -(-len(panels) // columns)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * columns}" '
           f'height="{HEIGHT * rows}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, one in enumerate(panels):
        out.append(f'<g transform="translate({i % columns * WIDTH} {i // columns * HEIGHT})">'
                   f'{one}</g>')
    return "\n".join(out + ["</svg>", ""])


def write_plots(folder, costs, what, unit):
    panels = {mapping: panel(title, lines, unit) for mapping, title in what.items()
              if (lines := plotted(costs, mapping))}
    for name, page in [(m, svg([one], 1)) for m, one in panels.items()] + [
            ("all", svg(list(panels.values()), COLUMNS))]:
        with open(os.path.join(folder, name + ".svg"), "w", encoding="utf-8") as out:
            out.write(page)


def contention_table(lines):
    """lines: [[word, run, alone, mincore's old walk, mincore, mincore2 bytes, regions]]."""
    rounds = [[int(n) for n in line[2:]] for line in lines if line[0] == "contention"]
    if not rounds:
        return
    scanners = ("mincore", "bytes", "regions")
    yield ("\nA thread that maps, faults and unmaps, rounds a second; -smp 2, real time\n"
           f"  {'run':>4}{'alone':>10}{'old mincore':>13}" + "".join(f"{s:>10}" for s in scanners) +
           "".join(f"{s + '/old':>14}" for s in scanners))
    for i, (alone, old, *beside) in enumerate(rounds, 1):
        yield (f"  {i:>4}{alone:>10,}{old:>13,}" + "".join(f"{n:>10,}" for n in beside) +
               "".join(f"{n / old:>14.2f}" for n in beside))
    for column, name in enumerate(scanners, 2):
        ratios = sorted(r[column] / r[1] for r in rounds)
        median = ratios[len(ratios) // 2]
        yield (f"  median beside {name}: {median:.2f} of what is left beside mincore's old walk"
               f" ({'met' if median >= 1 else 'NOT MET: target 1'})")


# What the library costs, against what. The limit is of the difference, or of the ratio.
LIBRARY = [
    ("64 bytes by a handle, beyond libpmem's own flush", "64 bytes, mincore2_map_persist",
     "64 bytes, pmem_persist", 20),
    ("1000 ranges at once, MAP_SYNC: msync each costs", "1000 ranges, MAP_SYNC, msync each",
     "1000 ranges, MAP_SYNC, mincore2_persistv", None),
    ("the same, trusted", "1000 ranges, MAP_SYNC, msync each",
     "1000 ranges, MAP_SYNC, mincore2_persistv, trusted", None),
    ("1000 ranges at once, plain: msync each costs", "1000 ranges, plain, msync each",
     "1000 ranges, plain, mincore2_persistv", None),
    ("the same, trusted", "1000 ranges, plain, msync each",
     "1000 ranges, plain, mincore2_persistv, trusted", None),
]


def library_table(lines, previous, unit):
    costs = {line[1]: int(line[3]) for line in lines if line[0] == "library"}
    if not costs:
        return
    yield f"\nMaking data durable, ext4-DAX\n  {'':54}{unit:>15}{'before':>15}"
    for name, cost in costs.items():
        old = previous.get(("library", name, 1))
        yield f"  {name:54}{cost:>15,}{f'{old:,}' if old is not None else '-':>15}"
    for name, one, other, limit in LIBRARY:
        if one not in costs or other not in costs:
            yield f"  {name:54}{'':>15}  not measured"
        elif limit is None:
            yield f"  {name:54}{costs[one] / costs[other]:>13,.1f} x"
        else:
            value = costs[one] - costs[other]
            yield (f"  {name:54}{value:>15,}{'met' if value <= limit else 'NOT MET':>15}"
                   f" (target {limit})")


def main():
    if sys.argv[1] == "--contention":
        *_, skips, complete = read_raw(sys.argv[2])
        print("\n".join(contention_table(skips)))
        return 0 if complete else 1
    raw, folder, unit = sys.argv[1:]
    costs, what, holds, skips, complete = read_raw(raw)
    table = os.path.join(folder, "costs.csv")
    previous = read_previous(table)
    if previous:
        os.replace(table, os.path.join(folder, "costs.previous.csv"))
    write_csv(table, ["mapping", "rival", "pages", "entries", "cost", "previous"],
              [[m, r, p, e, c, previous.get((m, r, p), "")]
               for (m, r), sizes in costs.items() for p, (e, c) in sizes.items()] +
              [["library", line[1], 1, line[2], line[3], previous.get(("library", line[1], 1), "")]
               for line in skips if line[0] == "library"])
    write_csv(os.path.join(folder, "holds.csv"),
              ["mapping", "call", "pages", "mmap_lock", "page_table", "mmap_holds",
               "page_table_holds", "overhead"], holds)
    write_plots(folder, costs, what, unit)
    too_long = list(holds_too_long(holds)) if unit == "instructions" else []
    note = ("instructions under emulation, not time" if unit == "instructions" else "time")
    text = "\n".join([f"Figures are {note}; each is the least of several.",
                      *cost_table(costs, what, previous, unit), *hold_table(holds, unit),
                      *too_long, *library_table(skips, previous, unit), *contention_table(skips), *target_table(costs),
                      *old_walk_table(costs, what), "",
                      *("|".join(s) for s in skips if s[0] in ("skip", "problem")), ""])
    with open(os.path.join(folder, "table.txt"), "w", encoding="utf-8") as out:
        out.write(text)
    print(text)
    return 0 if complete and not too_long else 1


if __name__ == "__main__":
    sys.exit(main())
