# SPDX-License-Identifier: Apache-2.0
"""What the stand-in apk installs for a world: the first choice that fits, with backtracking. Much simpler than apk's."""

import sys

from formats import version_key

STEPS = 20000
sys.setrecursionlimit(STEPS)


class Solver:
    def __init__(self, packages, installed, is_upgraded, is_allowed):
        """is_upgraded(name): newer ones are preferred; is_allowed(package, tag): its repository may be used."""
        self.providers = {}
        for package in packages:
            for name in package.names:
                self.providers.setdefault(name, []).append(package)
        self.installed = {p.name: p for p in installed}
        self.is_upgraded, self.is_allowed, self.steps = is_upgraded, is_allowed, 0

    def candidates(self, dependency, tag):
        def preference(package):
            there = self.installed.get(package.name)
            is_there = bool(there) and there.identity == package.identity and there.version == package.version
            kept = is_there and not self.is_upgraded(package.name)
            return (package.name == dependency.name, bool(there), kept, version_key(package.version), is_there)
        fitting = [p for p in self.providers.get(dependency.name, []) if dependency.fits(p) and
                   (self.is_allowed(p, dependency.tag or tag) or self.installed.get(p.name) is p)]
        return sorted(fitting, key=preference, reverse=True)

    def solve(self, world):
        """Packages by name, or None."""
        self.steps = 0
        conflicts = [(None, d) for d in world if d.conflict]
        wanted = [(None, d, d.tag) for d in world if not d.conflict]
        return self.step(wanted, conflicts, {})

    def step(self, wanted, conflicts, chosen):
        self.steps += 1
        if self.steps > STEPS:
            return None
        wanted = list(wanted)
        while wanted:
            _, dependency, tag = wanted.pop()
            if any(dependency.fits(p) for p in chosen.values()):
                continue
            for package in self.candidates(dependency, tag):
                more = self.take(package, tag, wanted, conflicts, chosen)
                result = more and self.step(*more)
                if result is not None and result is not False:
                    return result
            return None
        return self.add_triggered(conflicts, chosen)

    @staticmethod
    def take(package, tag, wanted, conflicts, chosen):
        """What is to be solved with it; False: it does not fit to the rest."""
        if package.name in chosen:
            return False
        forbidden = conflicts + [(package, d) for d in package.depends if d.conflict]
        chosen = {**chosen, package.name: package}
        for requirer, conflict in forbidden:
            if any(p is not requirer and conflict.fits(p) for p in chosen.values()):
                return False
        return (wanted + [(package, d, tag) for d in package.depends if not d.conflict], forbidden, chosen)

    def add_triggered(self, conflicts, chosen):
        """install_if: what belongs to packages that are there."""
        for name, providers in self.providers.items():
            for package in sorted(providers, key=lambda p: version_key(p.version), reverse=True):
                if package.name != name or name in chosen or not package.install_if or not self.is_allowed(package, ""):
                    continue
                if not all(any(d.fits(p) for p in chosen.values()) != d.conflict for d in package.install_if):
                    continue
                more = self.take(package, "", [], conflicts, chosen)
                result = more and self.step(*more)
                if result:
                    return result
        return chosen

    def explain(self, world):
        """Lines that say why there is no solution, and how many errors they are."""
        chosen, missing, wanted = {}, {}, [("world", d, d.tag) for d in world]
        constraints = []
        while wanted:
            by, dependency, tag = wanted.pop(0)
            constraints.append((by, dependency))
            if dependency.conflict or any(dependency.fits(p) for p in chosen.values()):
                continue
            found = self.candidates(dependency, tag)
            if not found:
                same = [p for p in self.providers.get(dependency.name, []) if self.is_allowed(p, tag)]
                if not same:
                    missing.setdefault(dependency.name, []).append("%s[%s]" % (by, dependency.text))
                    continue
                found = sorted(same, key=lambda p: version_key(p.version), reverse=True)
            package = found[0]
            if package.name not in chosen:
                chosen[package.name] = package
                wanted += [(str(package), d, tag) for d in package.depends]
        lines, errors = [], 0
        for name in sorted(missing):
            lines += ["  %s (no such package):" % name, "    required by: " + " ".join(missing[name])]
            errors += 1
        for package in chosen.values():
            breaks = ["%s[%s]" % (by, d.text) for by, d in constraints if by != str(package) and
                      ((d.conflict and d.fits(package)) or
                       (not d.conflict and d.name == package.name and not d.fits(package)))]
            if breaks:
                fits = ["%s[%s]" % (by, d.text) for by, d in constraints if not d.conflict and d.fits(package)]
                lines += ["  %s:" % package, "    breaks: " + " ".join(breaks)]
                lines += ["    satisfies: " + " ".join(fits)] if fits else []
                errors += 1 + bool(fits)
        return lines, max(errors, 1)
