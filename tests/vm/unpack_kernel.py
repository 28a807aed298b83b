#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""unpack_kernel.py VMLINUZ VMLINUX: the kernel inside a bzImage, which QEMU can start as it is (PVH).
The header is that of the Linux/x86 boot protocol, Documentation/x86/boot.rst of the kernel."""

import bz2
import lzma
import struct
import sys
import zlib

UNPACKERS = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"\xfd7zXZ\0", lzma.LZMADecompressor),
    (b"\x5d\0\0", lzma.LZMADecompressor),
    (b"BZh", bz2.BZ2Decompressor),
)


def main(source, target):
    with open(source, "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", image, 0x206)[0] < 0x208:
        sys.exit("unpack_kernel.py: %s: no bzImage of protocol 2.08 or later" % source)
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start:start + length]
    for magic, unpacker in UNPACKERS:
        if payload.startswith(magic):
            break
    else:
        sys.exit("unpack_kernel.py: %s: compressed in a way that is not known here" % source)
    # What follows the compressed data is its length; a decompressor stops before it.
    with open(target, "wb") as f:
        f.write(unpacker().decompress(payload))


if __name__ == "__main__":
    main(*sys.argv[1:])
