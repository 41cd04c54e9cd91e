#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make what Python stored to a mapped file durable, by ctypes.

    persist.py FILE TEXT

The library is looked for as the loader does (LD_LIBRARY_PATH).
"""
import ctypes
import mmap
import os
import sys

lib = ctypes.CDLL("libmincore2-persist.so.0")
lib.mincore2_persist.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
lib.mincore2_persist.restype = ctypes.c_int


def persist(memory, start, length):
    """Make memory[start:start + length] durable, or raise OSError."""
    if start < 0 or length < 0 or start + length > len(memory):
        raise ValueError("not in this mapping")
    view = (ctypes.c_char * len(memory)).from_buffer(memory)
    try:
        ret = lib.mincore2_persist(ctypes.addressof(view) + start, length, 0)
    finally:
        del view  # so that the mapping can be closed
    if ret < 0:
        raise OSError(-ret, os.strerror(-ret))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: persist.py FILE TEXT")
    text = sys.argv[2].encode()
    with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[: len(text)] = text
        persist(memory, 0, len(text))
        print("durable:", sys.argv[2])
        try:  # private memory can not be: the library says so
            persist(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE), 0, 1)
        except OSError as error:
            print("private memory:", error.strerror)


if __name__ == "__main__":
    main()
