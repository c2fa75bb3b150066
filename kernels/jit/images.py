"""Machine code as it lies in memory: an object file made flat, so that loading it takes no LLVM.

What a compiler emits for x86-64 Linux under the large code model refers to other places by 64-bit addresses alone,
which are known as soon as it is known where the code lies. Other objects are not flattened; LLVM's loader takes those.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Image", "flatten", "load"]

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_ADDRESS = struct.Struct("<Q")
_ELF64_LITTLE, _RELOCATABLE, _X86_64 = b"\x7fELF\x02\x01", 1, 62
_SYMBOLS, _RELA, _NOBITS, _UNWINDING = 2, 4, 8, 0x70000001
_ALLOCATED = 2
_R_X86_64_64 = 1
_UNDEFINED = 0


class Image(NamedTuple):
    """Code and its constants. entry: offset of the entry point.

    inner: where offsets into the image stand that must become addresses. outer: where addresses of symbols go, by name.
    """

    code: bytes
    entry: int
    inner: tuple[int, ...]
    outer: tuple[tuple[int, str], ...]


def flatten(content: bytes, entry: str) -> Image | None:
    """The image of an object file; None where its format or a relocation is another than those known here."""
    if content[:6] != _ELF64_LITTLE:
        return None
    header = _HEADER.unpack_from(content)
    if header[1:3] != (_RELOCATABLE, _X86_64):
        return None
    sections = [_SECTION.unpack_from(content, header[6] + at * _SECTION.size) for at in range(header[12])]
    code, starts = bytearray(), {}
    for at, (_, kind, flags, _, offset, size, _, _, alignment, _) in enumerate(sections):
        if not flags & _ALLOCATED or not size or _is_unwinding(content, header, sections, at):
            continue
        if kind == _NOBITS:
            return None
        code += bytes(-len(code) % max(alignment, 1))
        starts[at] = len(code)
        code += content[offset : offset + size]
    symbols = _symbols(content, sections)
    entries = [starts.get(section, -1) + value for name, section, value in symbols if name == entry]
    inner: list[int] = []
    outer: list[tuple[int, str]] = []
    for _, kind, _, _, offset, size, _, target, _, _ in sections:
        if kind != _RELA or target not in starts:
            continue
        for place, info, addend in _RELOCATION.iter_unpack(content[offset : offset + size]):
            name, section, value = symbols[info >> 32]
            place += starts[target]
            if info & 0xFFFFFFFF != _R_X86_64_64 or (section not in starts and section != _UNDEFINED):
                return None
            if section == _UNDEFINED:
                if addend:
                    return None
                outer.append((place, name))
            else:
                _ADDRESS.pack_into(code, place, starts[section] + value + addend)
                inner.append(place)
    return Image(bytes(code), entries[0], tuple(inner), tuple(outer)) if len(entries) == 1 else None


def _is_unwinding(content: bytes, header: Any, sections: Any, at: int) -> bool:
    """Whether a section is for unwinding the stack, which nobody does: kernels raise nothing."""
    names = sections[header[13]]
    start = names[4] + sections[at][0]
    return sections[at][1] == _UNWINDING or content[start : start + 9] == b".eh_frame"


def _symbols(content: bytes, sections: Any) -> list[tuple[str, int, int]]:
    """(name, index of its section, offset in it) of every symbol."""
    found = []
    for _, kind, _, _, offset, size, link, _, _, _ in sections:
        if kind == _SYMBOLS:
            strings = sections[link][4]
            for name, _, _, section, value, _ in _SYMBOL.iter_unpack(content[offset : offset + size]):
                end = content.index(b"\0", strings + name)
                found.append((content[strings + name : end].decode(), section, value))
    return found


def load(image: Image, symbols: Mapping[str, int]) -> tuple[int, Any] | None:
    """(address of the entry point, what must be kept for it); None where the system refuses or is another one.

    symbols: addresses of some that are not found among the functions of C.
    """
    if not sys.platform.startswith("linux"):
        return None
    system = ctypes.CDLL(None)
    try:
        memory = mmap.mmap(-1, len(image.code))
        memory[: len(image.code)] = image.code
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for place in image.inner:
            _ADDRESS.pack_into(memory, place, base + _ADDRESS.unpack_from(memory, place)[0])
        for place, name in image.outer:
            function = symbols.get(name) or ctypes.cast(getattr(system, name), ctypes.c_void_p).value
            _ADDRESS.pack_into(memory, place, function)
    except (OSError, AttributeError):  # no memory, or no such function
        return None
    readable_and_executable = 1 | 4
    refused = system.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(len(memory)), readable_and_executable)
    return None if refused else (base + image.entry, memory)
