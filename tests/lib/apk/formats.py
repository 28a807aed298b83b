# SPDX-License-Identifier: Apache-2.0
"""What the stand-in apk reads and writes: versions, dependencies, packages, indexes, the database."""

import base64
import hashlib
import io
import os
import re
import tarfile
import zlib

SUFFIXES = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"]


class Trouble(Exception):
    """Ends the program with 99, as what apk calls an internal error does."""


def version_key(text):
    """Orders versions as apk does, but for what no test has (letters behind digits are there)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?", text)
    if not match:
        return ((0,), "", (), 0, text)
    suffixes = tuple((SUFFIXES.index(word) if word in SUFFIXES else 4, int(number or 0))
                     for word, number in re.findall(r"_([a-z]+)(\d*)", match[3]))
    return (tuple(int(n) for n in match[1].split(".")), match[2], suffixes + ((4, 0),), int(match[4] or 0), "")


class Dependency:
    """name(@tag)([<>~=]version), or a conflict: !name"""

    PATTERN = re.compile(r"(!?)([A-Za-z0-9./][A-Za-z0-9+._:/@-]*?)(?:@([A-Za-z0-9._-]+))?(?:([<>=~]+)([^<>=~@ ]+))?"
                         r"(?:@([A-Za-z0-9._-]+))?")

    def __init__(self, text):
        match = self.PATTERN.fullmatch(text)
        if not match:
            raise ValueError(text)
        self.text, self.conflict, self.name = text, bool(match[1]), match[2]
        self.tag, self.operator, self.version = match[3] or match[6] or "", match[4] or "", match[5] or ""

    def fits_version(self, version):
        if not self.operator:
            return True
        if "~" in self.operator:
            return version == self.version or version.startswith((self.version + ".", self.version + "-", self.version + "_"))
        mine, other = version_key(self.version), version_key(version)
        return ("=" in self.operator and mine == other) or ("<" in self.operator and other < mine) or \
            (">" in self.operator and other > mine)

    def fits(self, package):
        """Whether the package is what it names, by its name or by what it provides."""
        if package.name == self.name and self.fits_version(package.version):
            return True
        return any(p.name == self.name and (not self.operator or (p.version and self.fits_version(p.version)))
                   for p in package.provides)


def dependencies(text):
    return [Dependency(word) for word in text.split()]


class Package:
    """A stanza of an index or of the database. files: its lines F, M, R, a and Z as they are."""

    def __init__(self, fields, files=()):
        self.fields, self.files = dict(fields), list(files)
        self.name, self.version = fields["P"], fields["V"]
        self.depends = dependencies(fields.get("D", ""))
        self.provides = [d for d in dependencies(fields.get("p", "")) if not d.conflict]
        self.install_if = dependencies(fields.get("i", ""))
        self.repository = None

    def __str__(self):
        return self.name + "-" + self.version

    @property
    def identity(self):
        return self.fields.get("C", "")

    @property
    def names(self):
        return {self.name} | {p.name for p in self.provides}

    def write(self):
        lines = ["%s:%s" % item for item in self.fields.items()]
        return "\n".join(lines + self.files) + "\n\n"


def read_stanzas(text):
    packages = []
    for stanza in text.split("\n\n"):
        fields, files, in_files = {}, [], False
        for line in stanza.splitlines():
            in_files = in_files or line.startswith("F:")
            if in_files:
                files.append(line)
            elif len(line) > 1 and line[1] == ":":
                fields[line[0]] = line[2:]
        if "P" in fields and "V" in fields:
            # What is written last: tag and flags.
            package = Package(fields, files)
            packages.append(package)
    return packages


def split_members(data):
    """The gzip members: (compressed, content) of each."""
    members = []
    while data:
        inflater = zlib.decompressobj(31)
        try:
            content = inflater.decompress(data) + inflater.flush()
        except zlib.error as error:
            raise OSError("file format is invalid or inconsistent") from error
        if not inflater.eof:
            raise OSError("unexpected end of file")
        rest = inflater.unused_data
        members.append((data[:len(data) - len(rest)], content))
        data = rest
    return members


def entries(content):
    with tarfile.open(fileobj=io.BytesIO(content + b"\0" * 1024)) as archive:
        return [(info, archive.extractfile(info).read() if info.isfile() else b"") for info in archive]


def public_numbers(pem):
    """Modulus and exponent of an RSA key: two integers at the end of its DER."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))

    def element(at):
        length, at = der[at + 1], at + 2
        if length & 0x80:
            n = length & 0x7f
            length, at = int.from_bytes(der[at:at + n], "big"), at + n
        return at, length

    at, _ = element(0)
    algorithm, n = element(at)
    bits, _ = element(algorithm + n)
    key, _ = element(bits + 1)
    modulus, n = element(key)
    exponent, m = element(modulus + n)
    return int.from_bytes(der[modulus:modulus + n], "big"), int.from_bytes(der[exponent:exponent + m], "big")


def is_signed(keys_directory, content, signed):
    """Whether the member that is a signature is one of a key that is trusted, over these bytes."""
    for info, data in entries(content):
        if not info.name.startswith(".SIGN.RSA."):
            continue
        try:
            with open(os.path.join(keys_directory, os.path.basename(info.name[len(".SIGN.RSA."):])),
                      encoding="utf-8") as f:
                modulus, exponent = public_numbers(f.read())
        except (OSError, ValueError, IndexError):
            continue
        size = (modulus.bit_length() + 7) // 8
        digest = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(signed).digest()
        wanted = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
        if pow(int.from_bytes(data, "big"), exponent, modulus).to_bytes(size, "big") == wanted:
            return True
    return False


def has_signature(content):
    return any(info.name.startswith(".SIGN.") for info, _ in entries(content))


def read_index(data, keys_directory, allow_untrusted):
    members = split_members(data)
    if not members:
        raise OSError("unexpected end of file")
    if has_signature(members[0][1]):
        signature = members.pop(0)[1]
        trusted = is_signed(keys_directory, signature, b"".join(m[0] for m in members))
    else:
        trusted = False
    if not trusted and not allow_untrusted:
        raise OSError("UNTRUSTED signature")
    for info, content in entries(b"".join(m[1] for m in members)):
        if info.name == "APKINDEX":
            return read_stanzas(content.decode())
    raise OSError("v2 index format error")


class PackageFile:
    """A package as it was made: its stanza, its scripts and its files."""

    def __init__(self, data):
        members = split_members(data)
        self.signature = members.pop(0)[1] if members and has_signature(members[0][1]) else None
        if len(members) < 2:
            raise OSError("unexpected end of file")
        self.control, content = members[0]
        self.identity = "Q1" + base64.b64encode(hashlib.sha1(self.control).digest()).decode()
        self.scripts, info = {}, {}
        for entry, text in entries(content):
            if entry.name == ".PKGINFO":
                for line in text.decode().splitlines():
                    if " = " in line:
                        info.setdefault(line.split(" = ")[0], []).append(line.split(" = ", 1)[1])
            else:
                self.scripts[entry.name.lstrip(".")] = text
        raw = b"".join(m[0] for m in members[1:])
        if info.get("datahash") != [hashlib.sha256(raw).hexdigest()]:
            raise OSError("v2 package integrity error")
        self.files = entries(b"".join(m[1] for m in members[1:]))
        fields = {"C": self.identity, "P": info["pkgname"][0], "V": info["pkgver"][0], "A": info["arch"][0],
                  "S": str(len(data)), "I": info["size"][0], "T": info["pkgdesc"][0], "U": info["url"][0],
                  "L": info["license"][0], "o": info.get("origin", [""])[0]}
        for letter, word in (("D", "depend"), ("p", "provides"), ("i", "install_if")):
            if word in info:
                fields[letter] = " ".join(info[word])
        self.fields = fields
