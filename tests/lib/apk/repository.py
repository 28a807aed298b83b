# SPDX-License-Identifier: Apache-2.0
"""Repositories of packages in the formats of apk-tools 2, made for tests: keys, packages, a signed index.

apk-tools 2.14 and 3.0 install from them, and so does the stand-in beside this file. Nothing but Python and the
program openssl is needed.

A package is three gzip members one behind the other: the signature of the second one, .PKGINFO with the scripts, and
the files, each a part of one tar archive, which only the last one ends. The second member's SHA-1 is the package's
identity in the index, and has the SHA-256 of the third in it. An index is a signature and an archive.
"""

import base64
import gzip
import hashlib
import io
import os
import subprocess
import tarfile

ARCH = "x86_64"
BUILT = 1700000000


class Key:
    """An RSA key; its public half is what a phone has in /etc/apk/keys."""

    def __init__(self, directory, name):
        self.name = name + ".rsa.pub"
        self.private = os.path.join(directory, name + ".rsa")
        self.public = os.path.join(directory, self.name)
        os.makedirs(directory, exist_ok=True)
        subprocess.run(["openssl", "genrsa", "-out", self.private, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", self.private, "-pubout", "-out", self.public], check=True,
                       capture_output=True)

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-sha1", "-sign", self.private], input=data, check=True,
                              capture_output=True).stdout


def compress(data):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as f:
        f.write(data)
    return out.getvalue()


def archive(entries, ended, checksums=False):
    """entries: (path, bytes, None for a directory or ("link", target), mode)."""
    out = io.BytesIO()
    for path, data, mode in entries:
        info = tarfile.TarInfo(path)
        info.mtime, info.mode, info.uname, info.gname = BUILT, mode, "root", "root"
        if data is None:
            info.type = tarfile.DIRTYPE
        elif isinstance(data, tuple):
            info.type, info.linkname = tarfile.SYMTYPE, data[1]
        else:
            info.size = len(data)
            if checksums:
                info.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(data).hexdigest()}
        out.write(info.tobuf(tarfile.PAX_FORMAT))
        if info.size:
            out.write(data)
            out.write(b"\0" * (-len(data) % 512))
    if ended:
        out.write(b"\0" * 1024)
    return out.getvalue()


def signature(key, member):
    return compress(archive([(".SIGN.RSA." + key.name, key.sign(member), 0o644)], False)) if key else b""


def with_directories(files):
    entries, seen = [], set()
    for path in sorted(files):
        parts = path.split("/")[:-1]
        for i in range(len(parts)):
            directory = "/".join(parts[:i + 1])
            if directory not in seen:
                seen.add(directory)
                entries.append((directory, None, 0o755))
        data = files[path]
        executable = isinstance(data, bytes) and data.startswith((b"#!", b"\x7fELF"))
        entries.append((path, data, 0o755 if executable else 0o644))
    return entries


class Repository:
    """A directory that apk takes for a repository, as it is or over HTTP."""

    def __init__(self, directory, key):
        self.directory, self.key = directory, key
        self.packages = {}
        os.makedirs(os.path.join(directory, ARCH), exist_ok=True)
        self.index()

    # pylint: disable=too-many-arguments,too-many-positional-arguments,too-many-locals
    def add(self, name, version="1.0-r0", depends="", provides="", install_if="", files=None, scripts=None, key=None,
            origin=None, indexed=True, size=None):
        """Makes a package; scripts: {"post-install": text}. A key of its own may sign it."""
        files = {"usr/share/%s/about" % name: b"%s %s\n" % (name.encode(), version.encode())} if files is None else files
        files = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        data = compress(archive(with_directories(files), True, True))
        installed = size if size is not None else sum(len(d) for d in files.values() if isinstance(d, bytes))
        info = ["# made for a test", "pkgname = " + name, "pkgver = " + version, "pkgdesc = %s of a test" % name,
                "url = https://example.org/", "builddate = %d" % BUILT, "packager = test", "size = %d" % installed,
                "arch = " + ARCH, "origin = " + (origin or name), "license = MIT"]
        for word, texts in (("depend", depends), ("provides", provides), ("install_if", install_if)):
            info += ["%s = %s" % (word, text) for text in texts.split()]
        info.append("datahash = " + hashlib.sha256(data).hexdigest())
        entries = [(".PKGINFO", ("\n".join(info) + "\n").encode(), 0o644)]
        entries += [("." + kind, text.encode(), 0o755) for kind, text in sorted((scripts or {}).items())]
        control = compress(archive(entries, False))
        package = signature(key or self.key, control) + control + data
        file_name = "%s-%s.apk" % (name, version)
        with open(os.path.join(self.directory, ARCH, file_name), "wb") as f:
            f.write(package)
        entry = ["C:Q1" + base64.b64encode(hashlib.sha1(control).digest()).decode(), "P:" + name, "V:" + version,
                 "A:" + ARCH, "S:%d" % len(package), "I:%d" % installed, "T:%s of a test" % name,
                 "U:https://example.org/", "L:MIT", "o:" + (origin or name), "t:%d" % BUILT]
        for letter, text in (("D", depends), ("p", provides), ("i", install_if)):
            if text:
                entry.append(letter + ":" + text)
        if indexed:
            self.packages[name, version] = "\n".join(entry) + "\n\n"
            self.index()
        return os.path.join(self.directory, ARCH, file_name)

    def drop(self, name, version="1.0-r0"):
        del self.packages[name, version]
        self.index()

    def index(self, key=None, signed=True):
        text = "".join(self.packages.values()).encode()
        member = compress(archive([("DESCRIPTION", b"test", 0o644), ("APKINDEX", text, 0o644)], True))
        key = (key or self.key) if signed else None
        path = os.path.join(self.directory, ARCH, "APKINDEX.tar.gz")
        with open(path + ".new", "wb") as f:
            f.write(signature(key, member) + member)
        os.rename(path + ".new", path)


def make_root(directory, repositories=(), keys=(), shell=False):
    """A root file system that apk manages, without any package."""
    for path in ("lib/apk/db", "etc/apk/keys", "etc/apk/commit_hooks.d", "var/cache/apk", "var/log", "proc", "dev",
                 "tmp", "run"):
        os.makedirs(os.path.join(directory, path), exist_ok=True)
    for path, text in (("etc/apk/arch", ARCH + "\n"), ("etc/apk/world", ""), ("lib/apk/db/installed", ""),
                       ("etc/apk/repositories", "".join(str(r) + "\n" for r in repositories))):
        with open(os.path.join(directory, path), "w", encoding="utf-8") as f:
            f.write(text)
    for path in ("lib/apk/db/triggers",):
        with open(os.path.join(directory, path), "wb"):
            pass
    with open(os.path.join(directory, "lib/apk/db/scripts.tar"), "wb") as f:
        f.write(b"\0" * 1024)
    for key in keys:
        with open(key.public, "rb") as source, open(os.path.join(directory, "etc/apk/keys", key.name), "wb") as f:
            f.write(source.read())
    if shell:
        copy_program("/bin/sh", directory)
        copy_program("/bin/cat", directory)
        copy_program("/bin/sleep", directory)


def copy_program(program, directory):
    """A program of this machine with its libraries, for scripts that run below the directory."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    needed = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    for path in [program] + needed:
        target = directory + path
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(path, "rb") as source, open(target, "wb") as f:
                f.write(source.read())
            os.chmod(target, 0o755)
