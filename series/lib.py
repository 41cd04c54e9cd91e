# SPDX-License-Identifier: GPL-2.0-or-later
"""What "export", "verify" and "build" have in common: the tables, the source, who exports."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)
PATCHES = os.path.join(PROJECT, "kernel/patches")
# Who the patches here are by: nobody. No mail may have it.
PLACEHOLDERS = ("mincore2 developers", "mincore2@example.org")
# The patch that brings the complete files, and MAINTAINERS.
CALL = "0036"
SELFTESTS = "tools/testing/selftests/mincore2"
# Lists refuse, or hold back, what is larger.
MAIL_LIMIT = 100000


def die(*words):
    """Ends the program."""
    print("%s:" % os.path.basename(sys.argv[0]), *words, file=sys.stderr)
    sys.exit(1)


def read(*path):
    """The text of a file."""
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def write(text, *path):
    """Makes a file, and the folders that it needs."""
    name = os.path.join(*path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def rows(*path):
    """The lines of a table, without comments."""
    lines = (re.sub(r"#.*", "", line).strip() for line in read(*path).splitlines())
    return [line for line in lines if line]


def run(*command, cwd=None, stdin=None, env=None):
    """What a command prints. If it fails, so does the program."""
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True,
                          env=env, check=False)
    if done.returncode:
        die("%s failed:\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def number(patch):
    """The number of a patch: what its name begins with."""
    return os.path.basename(patch)[:4]


def parts():
    """The table "parts": (series, prefix, numbers) of each."""
    table = []
    for line in rows(HERE, "parts"):
        m = re.match(r"(\S+)\s+((?:RFC )?PATCH)\s+([\d ]+)$", line)
        if not m:
            die("series/parts: not a line of the table: " + line)
        table.append((m[1], m[2], m[3].split()))
    return table


def listed(base):
    """The patches of a base, in the order of its list."""
    return rows(PATCHES, "series", base)


def split(base):
    """The patches of a base by series: [(series, prefix, patches)]. Each is in one.

    A series of which the base has no patch is left out.
    """
    table, patches = parts(), listed(base)
    known = [n for _, _, numbers in table for n in numbers]
    lost = [p for p in patches if known.count(number(p)) != 1]
    if lost:
        die("in series/parts, these have to be in one line, once: " + ", ".join(lost))
    series = [(name, prefix, [p for p in patches if number(p) in numbers])
              for name, prefix, numbers in table]
    return [row for row in series if row[2]]


def cover(name, base):
    """The text of a cover for a base: lines that begin with @BASE are for that one only."""
    return re.sub(r"^@(linux-\S+) (.*\n)", lambda m: m[2] if m[1] == base else "",
                  read(HERE, "covers", name + ".txt"), flags=re.M)


def strace_patch():
    """The patch for strace, which is a mail already."""
    folder = os.path.join(PROJECT, "strace/patches/upstream")
    names = os.listdir(folder)
    if len(names) != 1:
        die("strace/patches/upstream: not one patch, but " + " ".join(names))
    return read(folder, names[0])


def who():
    """Who exports, as git is configured: (name, address). Without, nothing is exported."""
    found = []
    for key in ("user.name", "user.email"):
        value = subprocess.run(["git", "-C", PROJECT, "config", key], capture_output=True,
                               text=True, check=False).stdout.strip()
        if not value or value in PLACEHOLDERS:
            die("git has no %s: the patches are signed off by who exports them "
                "(git config %s ...)" % (key, key))
        found.append(value)
    return tuple(found)


def tools():
    """Files of the kernel, besides those that the patches change, that are needed here."""
    return """Makefile Kconfig mm/Kconfig MAINTAINERS COPYING CREDITS Kbuild README .mailmap
        .get_maintainer.ignore tools/testing/selftests/Makefile scripts/checkpatch.pl
        scripts/get_maintainer.pl scripts/spelling.txt
        scripts/const_structs.checkpatch""".split()


def source(base, build):
    """The files of the unpatched source that are needed, unpacked; their folder.

    They are kept in BUILD/series, until other files or another version are wanted.
    """
    version, tarball = run(os.path.join(PROJECT, "selftests/guest/kernel-source"),
                           env=dict(os.environ, BASE=base, BUILD=build)).splitlines()
    names = set(tools())
    for patch in listed(base):
        names.update(re.findall(r"^--- a/(\S+)$", read(PATCHES, patch), re.M))
    top = os.path.basename(tarball).replace(".tar.xz", "")
    wanted = "".join("%s/%s\n" % (top, name) for name in sorted(names))
    folder = os.path.join(build, "series", "source-" + base)
    stamp = version + "\n" + wanted
    if os.path.exists(folder + ".stamp") and read(folder + ".stamp") == stamp:
        return folder
    run("rm", "-rf", folder, folder + ".stamp")
    os.makedirs(folder)
    run("tar", "-xf", tarball, "-C", folder, "--strip-components=1", "-T", "-", stdin=wanted)
    # By these get_maintainer and checkpatch know the top of a kernel.
    for name in "Documentation arch include drivers fs init ipc kernel lib scripts".split():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    write(stamp, folder + ".stamp")
    return folder


def applied(base, plain, folder):
    """What kernel/apply makes of a copy of the source: in a folder."""
    run("cp", "-R", plain, folder)
    run(os.path.join(PROJECT, "kernel/apply"), folder)
    run("rm", "-rf", os.path.join(folder, ".mincore2"))
    return folder


def added_files():
    """The complete files that kernel/apply lays on a tree."""
    top = os.path.join(PROJECT, "kernel")
    found = []
    for part in ("mm", "include", "Documentation"):
        for folder, _, names in os.walk(os.path.join(top, part)):
            found += [os.path.relpath(os.path.join(folder, name), top) for name in names]
    return sorted(found)


def kselftest_files():
    """The files of the selftest as they are in the kernel: {name: text}."""
    folder = os.path.join(PROJECT, "selftests/mincore2")
    # "build" is how they are built outside of a kernel.
    files = {name: read(folder, name) for name in sorted(os.listdir(folder)) if name != "build"}
    files[".gitignore"] = "# SPDX-License-Identifier: GPL-2.0\n" + "".join(
        test + "\n" for test in sorted(tests_of(files["Makefile"])))
    return files


def tests_of(makefile):
    """The programs that the selftest's Makefile names."""
    return " ".join(re.findall(r"^TEST_GEN_PROGS [:+]= *(.*)$", makefile, re.M)).split()


def maintainers(text, name, email):
    """MAINTAINERS with our section where the alphabet wants it."""
    ours = read(HERE, "MAINTAINERS").replace("@NAME@", name).replace("@EMAIL@", email)
    title = ours.split("\n", 1)[0]
    # Not all of the file is in order; among those with the same beginning it is.
    for m in re.finditer(r"^(%s.*)\n[A-Z]:\t" % title[:2], text, re.M):
        if m[1] > title:
            return text[:m.start()] + ours + "\n" + text[m.start():]
    return die("no place for us in MAINTAINERS")


def selftest_targets(text):
    """tools/testing/selftests/Makefile with our folder."""
    before = "TARGETS += mincore\n"
    if text.count(before) != 1:
        die("no place for us in tools/testing/selftests/Makefile")
    return text.replace(before, before + "TARGETS += mincore2\n")
