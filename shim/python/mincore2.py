# SPDX-License-Identifier: LGPL-2.1-or-later
"""What backs this process's memory, and how to make it durable.

    import mmap, mincore2
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        for region in mincore2.regions(memory):
            print(region)
        memory[:5] = b"hello"
        mincore2.persist(memory, 0, 5)

Memory is anything with a buffer that can be written to (mmap, bytearray, numpy
arrays). Answers are those of mincore2(2), or where the kernel does not have it, of
mincore2_emulate(3), if that is allowed. Failures are OSError. See mincore2(7).
"""
import ctypes
import mmap
import os
from typing import Iterator, NamedTuple, Optional

RESIDENT, DAX, LEVEL, PERSIST, WRITABLE = 0x1, 0x2, 0xC, 0x10, 0x20
DENIED, UNMAPPED, ZERO, PINNABLE = 0x40, 0x80, 0x100, 0x200
PTE, PMD, PUD = 0x4, 0x8, 0xC
ALL = RESIDENT | DAX | LEVEL | PERSIST | WRITABLE | ZERO

TRUSTED, DURABLE = 0x1, 0x2  # flags of persist()

_REGIONS = 0x80000000
_EMULATE = 0x01000000
_SHIFT = 56


class _Region(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint64), ("end", ctypes.c_uint64), ("state", ctypes.c_uint64)]


_lib = ctypes.CDLL("libmincore2.so.0", use_errno=True)
_lib.mincore2.restype = ctypes.c_ssize_t
_lib.mincore2.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
_lib.mincore2_emulate.restype = ctypes.c_ssize_t
_lib.mincore2_emulate.argtypes = _lib.mincore2.argtypes + [ctypes.c_uint, ctypes.POINTER(ctypes.c_uint64)]
_lib.mincore2_way.argtypes = [ctypes.c_uint]
for _name in ("mincore2_state_string", "mincore2_bits_string"):
    getattr(_lib, _name).argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t]
_persist_lib = None


def supported() -> bool:
    """Does the running kernel have mincore2()?"""
    return bool(_lib.mincore2_supported())


def way(emulate: bool = True) -> str:
    """Where answers come from: "native", "emulated" or "none"."""
    return ("none", "native", "emulated")[_lib.mincore2_way(_EMULATE if emulate else 0)]


def state_string(state: int) -> str:
    """The names of the bits of a state, as in "RESIDENT|DAX|PMD|ENTRY_SHIFT=21"."""
    text = ctypes.create_string_buffer(256)
    _lib.mincore2_state_string(state, text, len(text))
    return text.value.decode()


class Region(NamedTuple):
    """Bytes of the memory asked about that have one state."""

    start: int  # from the beginning of what was asked about
    end: int
    state: int
    unknown: int  # bits asked for that are not known: they read 0 in state

    def has(self, bits: int) -> Optional[bool]:
        """Are these bits set? None if one of them is not known."""
        if self.unknown & bits:
            return None
        return self.state & bits == bits

    @property
    def level(self) -> Optional[str]:
        """ "PTE", "PMD", "PUD", or None: no entry, not asked for, or not known."""
        return {PTE: "PTE", PMD: "PMD", PUD: "PUD"}.get(self.state & LEVEL)

    @property
    def entry_size(self) -> int:
        """Bytes that one page-table entry reaches, or 0."""
        shift = self.state >> _SHIFT
        return 1 << shift if shift else 0

    def __str__(self) -> str:
        text = ctypes.create_string_buffer(256)
        _lib.mincore2_bits_string(self.unknown, text, len(text))
        unknown = f", unknown: {text.value.decode()}" if self.unknown else ""
        return f"{self.start:#x}-{self.end:#x}: {state_string(self.state)}{unknown}"


def _fail(err: int) -> None:
    raise OSError(err, os.strerror(err))


def _span(memory, start: int, length: Optional[int]):
    """The buffer, kept as long as its address is used; the address, and the length."""
    view = (ctypes.c_char * len(memory)).from_buffer(memory)
    length = len(memory) - start if length is None else length
    if start < 0 or length < 0 or start + length > len(memory):
        raise ValueError("not in this memory")
    return view, ctypes.addressof(view) + start, length


def _ask(native: bool, at: int, end: int, vec, bits: int):
    unknown = ctypes.c_uint64(0)
    while True:
        if native:
            got = _lib.mincore2(at, end - at, vec, len(vec), _REGIONS | bits)
            err = ctypes.get_errno() if got < 0 else 0
        else:
            got = _lib.mincore2_emulate(at, end - at, vec, len(vec), bits, 0, ctypes.byref(unknown))
            err = -got if got < 0 else 0
        if err != 4:  # EINTR: a handler of Python's has run
            break
    if err:
        _fail(err)
    return got, unknown.value


def regions(memory, bits: int = ALL, start: int = 0, length: Optional[int] = None,
            emulate: bool = True) -> Iterator[Region]:
    """The regions of memory[start:start + length], widened to whole pages."""
    answers = way(emulate)
    if answers == "none":
        _fail(38)  # ENOSYS
    view, address, length = _span(memory, start, length)
    page = mmap.PAGESIZE
    base = address - start
    at = address // page * page
    end = (address + length + page - 1) // page * page if length else at
    vec = (_Region * 256)()
    last = None
    while at < end:
        got, unknown = _ask(answers == "native", at, end, vec, bits)
        if got <= 0 or vec[0].start != at:
            _fail(5)  # EIO: the answer breaks the rules
        for i in range(got):
            new = Region(vec[i].start - base, vec[i].end - base, vec[i].state, unknown)
            if last and (last.state, last.unknown) == (new.state, new.unknown):
                last = last._replace(end=new.end)
                continue
            if last:
                yield last
            last = new
        at = vec[got - 1].end
    if last:
        yield last
    del view


def check(memory, want: int, start: int = 0, length: Optional[int] = None, emulate: bool = True) -> Optional[bool]:
    """Have all pages these bits? A level is one at least. None if that is not known."""
    doubt = False
    for region in regions(memory, want & ~LEVEL | (LEVEL if want & LEVEL else 0), start, length, emulate):
        for bit in (want & ~LEVEL, want & LEVEL):
            mask = LEVEL if bit and bit == want & LEVEL else bit
            if bit and region.unknown & mask:
                doubt = True
            elif bit and (region.state & mask < bit if mask == LEVEL else region.state & bit != bit):
                return False
    return None if doubt else True


def persist(memory, start: int = 0, length: Optional[int] = None, flags: int = 0) -> None:
    """Make what was stored to memory[start:start + length] durable: mincore2_persist(3)."""
    global _persist_lib
    if _persist_lib is None:
        _persist_lib = ctypes.CDLL("libmincore2-persist.so.0")
        _persist_lib.mincore2_persist.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint]
    view, address, length = _span(memory, start, length)
    err = _persist_lib.mincore2_persist(address, length, flags)
    del view
    if err < 0:
        _fail(-err)
