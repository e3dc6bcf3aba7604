"""MessagePack, for where the package `msgpack` is not installed: values to bytes, and bytes to values as they come in."""

import struct
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

# As deep as values may be nested.
DEPTH = 128


class ExtType(NamedTuple):
    """A value of an application's own type."""

    code: int
    data: bytes


class CodecError(ValueError):
    """The bytes are no MessagePack, or more of it than is accepted."""


def packb(value: Any) -> bytes:
    """A value as bytes. Raises `TypeError` for what MessagePack has no form for, `OverflowError` for an integer beyond 64 bits."""
    out: List[bytes] = []
    _pack(value, out, 0)
    return b"".join(out)


def _pack(value: Any, out: List[bytes], depth: int) -> None:
    if depth > DEPTH:
        raise CodecError("nested too deeply")
    if value is None:
        out.append(b"\xc0")
    elif value is True:
        out.append(b"\xc3")
    elif value is False:
        out.append(b"\xc2")
    elif isinstance(value, int):
        out.append(_integer(value))
    elif isinstance(value, float):
        out.append(struct.pack(">Bd", 0xCB, value))
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        out += [_head(len(data), (0xA0, 32), 0xD9, 0xDA, 0xDB), data]
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        out += [_head(len(data), None, 0xC4, 0xC5, 0xC6), data]
    elif isinstance(value, ExtType):
        fixed = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}.get(len(value.data))
        head = bytes([fixed]) if fixed is not None else _head(len(value.data), None, 0xC7, 0xC8, 0xC9)
        out += [head, struct.pack("b", value.code), value.data]
    elif isinstance(value, (list, tuple)):
        out.append(_head(len(value), (0x90, 16), None, 0xDC, 0xDD))
        for item in value:
            _pack(item, out, depth + 1)
    elif isinstance(value, dict):
        out.append(_head(len(value), (0x80, 16), None, 0xDE, 0xDF))
        for key, item in value.items():
            _pack(key, out, depth + 1)
            _pack(item, out, depth + 1)
    else:
        raise TypeError(f"MessagePack has no form for {type(value).__name__}")


def _integer(value: int) -> bytes:
    if 0 <= value < 0x80 or -0x20 <= value < 0:
        return struct.pack("b" if value < 0 else "B", value)
    forms = (
        [(0xCC, "B", 8), (0xCD, "H", 16), (0xCE, "I", 32), (0xCF, "Q", 64)]
        if value >= 0
        else [(0xD0, "b", 7), (0xD1, "h", 15), (0xD2, "i", 31), (0xD3, "q", 63)]
    )
    for head, form, bits in forms:
        if -(1 << bits) <= value < 1 << bits:
            return struct.pack(">B" + form, head, value)
    raise OverflowError("an integer beyond 64 bits")


def _head(length: int, small: Any, one: Any, two: int, four: int) -> bytes:
    if small is not None and length < small[1]:
        return bytes([small[0] | length])
    if one is not None and length < 1 << 8:
        return bytes([one, length])
    if length < 1 << 16:
        return struct.pack(">BH", two, length)
    return struct.pack(">BI", four, length)


class _Short(Exception):
    """There is not enough yet."""


class Unpacker:
    """Takes bytes as they come, and gives the values that are whole."""

    def __init__(self, max_buffer_size: int) -> None:
        self._most = max_buffer_size
        self._bytes = bytearray()
        # What must have come before another attempt is worth it.
        self._wanted = 1

    def feed(self, data: bytes) -> None:
        """More bytes. Raises `CodecError` for more than may wait."""
        self._bytes += data
        if len(self._bytes) > self._most:
            raise CodecError(f"a message of more than {self._most} bytes")

    def __iter__(self) -> Iterator[Any]:
        while len(self._bytes) >= self._wanted:
            reader = _Reader(bytes(self._bytes))
            try:
                value = reader.value(0)
            except _Short:
                # Doubling keeps a long message that comes in pieces from being read again for each.
                self._wanted = max(len(self._bytes) + 1, min(2 * len(self._bytes), reader.wanted))
                return
            self._wanted = 1
            del self._bytes[: reader.at]
            yield value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0
        self.wanted = 0

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            self.wanted = end
            raise _Short
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _number(self, form: str) -> Any:
        return struct.unpack(">" + form, self._take(struct.calcsize(">" + form)))[0]

    def value(self, depth: int) -> Any:
        if depth > DEPTH:
            raise CodecError("nested too deeply")
        head = self._take(1)[0]
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 0x100
        if head < 0x90:
            return self._map(head & 0x0F, depth)
        if head < 0xA0:
            return self._array(head & 0x0F, depth)
        if head < 0xC0:
            return self._text(head & 0x1F)
        read = _FORMS.get(head)
        if read is None:
            raise CodecError(f"no value begins with the byte 0x{head:02x}")
        return read(self, depth)

    def _array(self, count: int, depth: int) -> List[Any]:
        # Each takes a byte at least: what is claimed beyond that has not come.
        if count > len(self._data) - self.at:
            self.wanted = self.at + count
            raise _Short
        return [self.value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> Dict[Any, Any]:
        if 2 * count > len(self._data) - self.at:
            self.wanted = self.at + 2 * count
            raise _Short
        made: Dict[Any, Any] = {}
        for _ in range(count):
            key = self.value(depth + 1)
            key = tuple(key) if isinstance(key, list) else key
            try:
                made[key] = self.value(depth + 1)
            except TypeError as error:
                raise CodecError(f"a key that can't be one: {error}") from error
        return made

    def _text(self, length: int) -> str:
        return self._take(length).decode("utf-8", "surrogateescape")

    def _ext(self, length: int) -> ExtType:
        return ExtType(self._number("b"), self._take(length))


_FORMS: Dict[int, Callable[[_Reader, int], Any]] = {
    0xC0: lambda r, d: None,
    0xC2: lambda r, d: False,
    0xC3: lambda r, d: True,
    0xCA: lambda r, d: r._number("f"),
    0xCB: lambda r, d: r._number("d"),
}


def _fill() -> None:
    def sized(head: int, form: str, read: Callable[[_Reader, int, int], Any]) -> None:
        _FORMS[head] = lambda r, d: read(r, r._number(form), d)

    integers: List[Tuple[int, str]] = list(zip(range(0xCC, 0xD4), "BHIQbhiq"))
    for head, form in integers:
        _FORMS[head] = lambda r, d, form=form: r._number(form)  # type: ignore[misc]
    for step, form in enumerate("BHI"):
        sized(0xC4 + step, form, lambda r, n, d: r._take(n))
        sized(0xC7 + step, form, lambda r, n, d: r._ext(n))
        sized(0xD9 + step, form, lambda r, n, d: r._text(n))
    for step, form in enumerate("HI"):
        sized(0xDC + step, form, lambda r, n, d: r._array(n, d))
        sized(0xDE + step, form, lambda r, n, d: r._map(n, d))
    for step in range(5):
        _FORMS[0xD4 + step] = lambda r, d, n=1 << step: r._ext(n)  # type: ignore[misc]


_fill()
