# SPDX-License-Identifier: Apache-2.0
"""Root file systems in the shape of real ones, written down in tests/sysroots/NAME.tree and made
from there; and the table of what works where. As a program:

    sysroots.py make NAME DIRECTORY    makes the tree below an empty or missing directory
    sysroots.py expect BUILD_DIR       writes expected.tsv from what mdm-agentd says; read the diff
    sysroots.py readme                 writes "What works where" of README.md from expected.tsv

tests/sysroots/README.md has the words of a tree."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
TREES = os.path.join(SOURCE, "tests", "sysroots")
EXPECTED = os.path.join(TREES, "expected.tsv")
README = os.path.join(SOURCE, "README.md")
BEGIN = "<!-- what works where: made by `make reference` from tests/sysroots/expected.tsv -->\n"
END = "<!-- end of what works where -->\n"

# Columns of the table, in its order.
SYSTEMS = {
    "postmarketos-26.06-systemd": "postmarketOS 26.06, systemd, Phosh",
    "postmarketos-26.06-openrc": "postmarketOS 26.06, OpenRC, Sxmo",
    "postmarketos-duranium": "postmarketOS immutable, Plasma Mobile",
    "alpine-3.22": "Alpine 3.22, Phosh",
    "mobian": "Mobian, Phosh",
    "debian-12": "Debian 12, no screen",
}
# What `mdm-agentd --probe` says, and what the table says for it.
CELLS = {"works": "enforced", "observed only": "observed", "missing": "no", "error": "error"}
# What a cell would promise otherwise, and what nothing on the tree shows.
CAVEATS = {
    ("postmarketos-duranium", "encryption.storage"):
        "a fresh system is encrypted with an empty passphrase, until somebody sets one. Whoever has the phone can open it, so that "
        "encrypted does not mean protected there; where cryptsetup is installed, `forbid_empty_passphrase` sees it",
}
CAVEATS.update({(system, "password.at_maximum"):
                "`lock_out` instead of `wipe` on a phone that its assignment does not make the organisation's, and instead of "
                "`crypto_lock` while the organisation has no recovery key that opens its disks" for system in SYSTEMS})
CAVEATS.update({(system, row):
                "needs a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS, which nobody sees before the guard has been started; without it "
                "the phone says `guard_absent`" for system in SYSTEMS
                for row in ("apps.guard", "apps.guard_failure", "apps.user_programs")})
# Works on files in the place of disks, and so makes and reads those of the trees.
CRYPTSETUP = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin") or "/usr/sbin/cryptsetup"
# How it is known, in expected.tsv and in the table.
PROOFS = {"tree": "(t)", "vm": "(v)"}


class TreeError(Exception):
    pass


class Tree:
    """A tree under construction. Each word of the language is a method."""

    def __init__(self, root):
        self.root, self.mounts, self.swaps, self.packages = root, [], [], None

    def path(self, name):
        """A place in the tree whose parents exist and are no links out of it."""
        name = name.strip("/")
        if not name or ".." in name.split("/"):
            raise TreeError("not a path in a tree: %r" % name)
        at = self.root
        for part in name.split("/")[:-1]:
            at = os.path.join(at, part)
            if os.path.islink(at):
                raise TreeError("%s leads through a link: write where it leads to" % name)
            os.makedirs(at, exist_ok=True)
        return os.path.join(self.root, name)

    def write(self, name, data, mode="644"):
        path = self.path(name)
        if os.path.lexists(path):
            raise TreeError("%s is there twice" % name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, int(mode, 8))

    def text(self, name, text):
        self.write(name, (text + "\n").encode())

    def word_file(self, lines, name, mode="644"):
        data = "".join(line + "\n" for line in lines).replace("\\0\n", "\0").replace("\\0", "\0")
        self.write(name, data.encode(), mode)

    def word_program(self, _, *names):
        for name in names:
            self.write(name, b"", "755")

    def word_dir(self, _, name, mode="755"):
        os.makedirs(self.path(name), exist_ok=True)
        os.chmod(self.path(name), int(mode, 8))

    def word_link(self, _, name, target):
        os.symlink(target, self.path(name))

    # --- storage, as the kernel shows it ---

    def device(self, where, number):
        target = "../../devices/" + where
        self.text("sys/devices/%s/dev" % where, number)
        self.word_link(None, "sys/dev/block/" + number, target)
        self.word_link(None, "sys/class/block/" + os.path.basename(where), target)

    def word_disk(self, _, name, number):
        self.device("platform/block/" + name, number)

    def word_partition(self, _, name, number, disk):
        where = "platform/block/%s/%s" % (disk, name)
        self.device(where, number)
        self.text("sys/devices/%s/partition" % where, re.search(r"\d+$", name).group())

    def word_zram(self, _, name, number):
        self.device("virtual/block/" + name, number)

    def word_mapped(self, _, name, number, dm_name, uuid, *below):
        where = "virtual/block/" + name
        self.device(where, number)
        self.text("sys/devices/%s/dm/name" % where, dm_name)
        self.text("sys/devices/%s/dm/uuid" % where, uuid)
        self.text("sys/devices/%s/ro" % where, "1" if uuid.startswith("CRYPT-VERITY-") else "0")
        for slave in below:
            kind = "virtual" if slave.startswith("dm-") else "platform"
            self.word_link(None, "sys/devices/%s/slaves/%s" % (where, os.path.basename(slave)),
                           "../../../../%s/block/%s" % (kind, slave))

    def word_luks(self, _, name, *options):
        """The volume that is mapped: a file at /dev/NAME with a header that cryptsetup makes."""
        path = self.path("dev/" + name)
        with open(path, "wb") as f:
            f.truncate(20 << 20)
        subprocess.run([CRYPTSETUP, "luksFormat", "--batch-mode", *options, "--key-file=-", path],
                       input=b"passphrase", stderr=subprocess.DEVNULL, check=True, timeout=60)

    def word_mount(self, _, number, point, kind, source, how="rw", root="/"):
        self.mounts.append("%d 1 %s %s %s %s,relatime shared:1 - %s %s %s" % (
            30 + len(self.mounts), number, root, point, how, kind, source, how))

    def word_swap(self, _, path, kind):
        self.swaps.append("%s   %s\t\t1048576\t0\t100" % (path, kind))

    # --- packages ---

    def word_packages(self, _, kind, name):
        if kind not in ("apk", "dpkg"):
            raise TreeError("packages of what kind? %r" % kind)
        self.packages = kind, name, []

    def word_package(self, _, name, version, arch="aarch64", depends=""):
        if not self.packages:
            raise TreeError("package %s: say `packages` before" % name)
        apk = "P:%s\nV:%s\nA:%s\nS:1000\nI:4000\nT:%s\nL:custom\no:%s\n%s\n"
        dpkg = "Package: %s\nStatus: install ok installed\nVersion: %s\nArchitecture: %s\n" \
            "Description: %s\n\n"
        self.packages[2].append(
            apk % (name, version, arch, name, name, "D:%s\n" % depends if depends else "")
            if self.packages[0] == "apk" else dpkg % (name, version, arch, name))

    def end(self):
        self.text("proc/self/mountinfo", "\n".join(self.mounts))
        self.text("proc/swaps", "\n".join(
            ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"] + self.swaps))
        for name in ("sys/dev/block", "sys/class/block"):
            self.word_dir(None, name)
        if self.packages:
            self.write(self.packages[1], "".join(self.packages[2]).encode())


def make(name, root):
    """Makes the tree of that name below root, which is empty or not there."""
    with open(os.path.join(TREES, name + ".tree"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    os.makedirs(root, exist_ok=True)
    if os.listdir(root):
        raise TreeError("%s is not empty" % root)
    os.chmod(root, 0o755)
    tree, at = Tree(root), 0
    try:
        while at < len(lines):
            words, start = lines[at].split(), at
            at += 1
            if not words or words[0].startswith("#"):
                continue
            block = []
            while at < len(lines) and lines[at].startswith("|"):
                block.append(lines[at][2:])
                at += 1
            word = getattr(tree, "word_" + words[0], None)
            if not word or (block and words[0] != "file"):
                raise TreeError("not understood: %r" % lines[start])
            word(block, *words[1:])
        tree.end()
    except (TreeError, TypeError, OSError, subprocess.SubprocessError) as error:
        raise TreeError("%s.tree, line %d: %s" % (name, start + 1, error)) from error


def probe(build, root, **options):
    """What mdm-agentd says of a tree."""
    r = subprocess.run([os.path.join(build, "mdm-agentd"), "--probe", "--json", "--sysroot", root,
                        "--cryptsetup-program", CRYPTSETUP],
                       stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, check=True,
                       **options)
    return json.loads(r.stdout)


def rows_of(told):
    """{row: [columns]} of what was said: the system, the mechanisms, the settings."""
    rows = {name: [value or "-"] for name, value in told["system"].items()}
    for row in told["mechanisms"]:
        rows[row["name"]] = ["present" if row["present"] else "absent", row["detail"] or "-"]
    for row in told["settings"]:
        rows["%s.%s" % (row["area"], row["setting"])] = [
            row["support"], row["by"] or "-", json.dumps(row["observed"]), row["detail"] or "-"]
    return rows


def expected():
    """{system: {row: [columns]}} of expected.tsv, and the proofs of its settings likewise."""
    found, proofs = {}, {}
    if os.path.exists(EXPECTED):
        with open(EXPECTED, encoding="utf-8") as f:
            for line in f:
                if line.startswith("#"):
                    continue
                system, row, *columns = line.rstrip("\n").split("\t")
                if "." in row:
                    proofs.setdefault(system, {})[row] = columns.pop()
                found.setdefault(system, {})[row] = columns
    return found, proofs


def write_expected(build):
    proofs = expected()[1]
    with tempfile.TemporaryDirectory(prefix="sysroots-") as base:
        lines = ["# Made by tests/lib/sysroots.py expect: system, row, what mdm-agentd --probe says",
                 "# (of settings: support, mechanism, value now, detail), and of settings how it is known: tree,",
                 "# or vm, which is set by hand and kept."]
        for system in SYSTEMS:
            root = os.path.join(base, system)
            make(system, root)
            for row, columns in rows_of(probe(build, root)).items():
                proof = [proofs.get(system, {}).get(row, "tree")] if "." in row else []
                lines.append("\t".join([system, row, *columns, *proof]))
    with open(EXPECTED, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def what_works_where():
    """The part of README.md between its two marks."""
    found, proofs = expected()
    settings = [row for row in found[next(iter(SYSTEMS))] if "." in row]
    out = ["| | %s |\n" % " | ".join(SYSTEMS.values()), "|---" * (len(SYSTEMS) + 1) + "|\n"]
    notes = {}
    unknown = [key for key in CAVEATS if key[0] not in SYSTEMS or key[1] not in settings]
    if unknown:
        raise TreeError("CAVEATS name what is not in the table: %s" % unknown)
    for row in settings:
        cells = []
        for system, title in SYSTEMS.items():
            support, by, _, detail = found[system][row]
            cell = CELLS[support]
            if support != "missing" and by != "-":
                cell += ", " + by
            note = detail if support == "missing" else CAVEATS.get((system, row))
            if note:
                cell += " [%d]" % notes.setdefault((title, note), len(notes) + 1)
            cells.append("%s %s" % (cell, PROOFS[proofs[system][row]]))
        out.append("| `%s` | %s |\n" % (row, " | ".join(cells)))
    out.append("\n")
    if not any("vm" in rows.values() for rows in proofs.values()):
        out.append("No cell has a (v) yet.\n\n")
    out += ["[%d] %s: %s.%s\n" % (note, title, detail, "<br>" if note < len(notes) else "")
            for (title, detail), note in notes.items()]
    return "".join(out)


def with_table(text):
    """The text of README.md with the part between its marks made anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + what_works_where() + END + rest.split(END)[1]


def write_readme():
    with open(README, encoding="utf-8") as f:
        text = with_table(f.read())
    with open(README, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["readme"]:
            write_readme()
        elif len(sys.argv) == 4 and sys.argv[1] == "make":
            make(sys.argv[2], sys.argv[3])
        elif len(sys.argv) == 3 and sys.argv[1] == "expect":
            write_expected(sys.argv[2])
        else:
            sys.exit("Usage: sysroots.py make NAME DIRECTORY | expect BUILD_DIR | readme")
    except (TreeError, OSError, subprocess.SubprocessError) as problem:
        sys.exit("sysroots.py: %s" % problem)
