"""Rules for every file of the repository that no linter knows; run by `make check`, exits 1 on a breach."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LONGEST_MODULE = 400
LARGEST_FILE = 12 << 20

# Written in pieces so that this file doesn't breach its own rules.
FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.$}])/(work|ro" + r"ot|home/\w+|Users/\w+)/"),
    "the address of a package index": re.compile(r"(extra-)?ind" + r"ex-url\s*[=:]|find-l" + r"inks\s*[=:]"),
    "unfinished work": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
}
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".j2", ".css", ".js", ".cfg", ""}
LOCKS = {"uv.lock", "pylock.toml", "poetry.lock"}


def breaches(root: Path) -> list[str]:
    """Return `file:line: rule` of every breach."""
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout
    found = []
    for name in listed.splitlines():
        path = root / name
        if not path.is_file():
            continue
        if path.name in LOCKS:
            found.append(f"{name}: lock files name package indexes; constraints.txt is the lock")
        if path.stat().st_size > LARGEST_FILE:
            found.append(f"{name}: larger than {LARGEST_FILE >> 20} MiB")
        if path.suffix in TEXT:
            found += _breaches_of(name, path.read_text(encoding="utf-8").splitlines())
    return found


def _breaches_of(name: str, lines: list[str]) -> list[str]:
    found = []
    if name.endswith(".py") and len(lines) > LONGEST_MODULE:
        found.append(f"{name}: {len(lines)} lines; a module of more than {LONGEST_MODULE} is two concepts")
    for number, line in enumerate(lines, start=1):
        found += [f"{name}:{number}: {rule}" for rule, pattern in FORBIDDEN.items() if pattern.search(line)]
    return found


if __name__ == "__main__":
    problems = breaches(Path(__file__).parent.parent)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.exit(1 if problems else 0)
