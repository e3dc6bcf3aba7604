"""The codec gives back what it was given, agrees with known bytes, and refuses what is none."""

import unittest

from processhandler import codec


def unpack(data, most=1 << 20):
    unpacker = codec.Unpacker(most)
    unpacker.feed(data)
    return list(unpacker)


class Codec(unittest.TestCase):
    VALUES = [
        None, True, False, 0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1,
        -1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63), 0.5, -1e300,
        "", "é" * 10, "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 70000, b"", b"\xff" * 255, b"y" * 256, b"z" * 70000,
        [], [1, [2, [3]]], list(range(15)), list(range(16)), list(range(70000)), {}, {"a": {1: None}},
        {str(n): n for n in range(16)}, {n: str(n) for n in range(70000)},
        codec.ExtType(5, b"12"), codec.ExtType(-1, b"12345"), codec.ExtType(1, b"q" * 300),
    ]

    def test_values_come_back(self):
        for value in self.VALUES:
            self.assertEqual(unpack(codec.packb(value)), [value])

    def test_known_bytes(self):
        known = {
            b"\x94\x00\x01\xa3add\x92\x01\x02": [0, 1, "add", [1, 2]],
            b"\xcc\x80": 128, b"\xe0": -32, b"\xd0\xdf": -33, b"\xc4\x01\xff": b"\xff", b"\x81\xa1a\xc0": {"a": None},
            b"\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00": 0.5, b"\xd4\x05x": codec.ExtType(5, b"x"),
        }
        for data, value in known.items():
            self.assertEqual(codec.packb(value), data)
            self.assertEqual(unpack(data), [value])
        self.assertEqual(unpack(b"\xca\x3f\x00\x00\x00"), [0.5])

    def test_any_cut(self):
        data = b"".join(codec.packb(value) for value in ([0, 1, "add", [1, 2]], {"a": "b" * 40}, 7))
        for cut in range(len(data) + 1):
            unpacker = codec.Unpacker(1 << 20)
            found = []
            for part in (data[:cut], data[cut:]):
                unpacker.feed(part)
                found += list(unpacker)
            self.assertEqual(found, [[0, 1, "add", [1, 2]], {"a": "b" * 40}, 7])

    def test_what_is_none_is_refused(self):
        for data in (b"\xc1", b"\x91" * 200 + b"\x01", b"\x81\x91\x81\x01\x02\x03"):
            with self.assertRaises(codec.CodecError):
                unpack(data)
        with self.assertRaises(codec.CodecError):
            unpack(b"\xdb\xff\xff\xff\xff" + b"x" * 200, 100)
        # A claim alone takes no memory, and is waited for.
        self.assertEqual(unpack(b"\xdd\xff\xff\xff\xff"), [])
        self.assertEqual(unpack(b"\xdf\xff\xff\xff\xff"), [])

    def test_what_has_no_form_is_refused(self):
        for value, error in ((object(), TypeError), (2**64, OverflowError), ({"a": {1j}}, TypeError)):
            with self.assertRaises(error):
                codec.packb(value)

    def test_it_agrees_with_the_package(self):
        try:
            import msgpack
        except ImportError:
            self.skipTest("the package msgpack is not installed")
        for value in self.VALUES[:-3]:
            self.assertEqual(codec.packb(value), msgpack.packb(value))
