"""The tests' stand-in for `ssh`, `rsync` and `crontab`: `ray up` takes folders of $MACHINES for machines.

As on a machine, a command has that machine's home and login environment, and nothing of who sent it.
"""

from __future__ import annotations

import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path

PASSED_ON = ("MACHINES", "PATH", "RAY_TMPDIR")
FIRST = "tavola node keep --address"


def ssh(words: list[str]) -> None:
    """`ssh [-tt] [-o option …] user@machine command …`"""
    while words[0].startswith("-"):
        words = words[1:] if words[0] == "-tt" else words[2:]
    machine = words[0].rpartition("@")[2]
    # All have one outward address here, so a worker is told its own.
    command = " ".join(words[1:]).replace(FIRST, FIRST.replace("--", f"--node-ip-address={machine} --"))
    environment = {name: os.environ[name] for name in PASSED_ON} | {"HOME": str(home(machine))}
    os.chdir(home(machine))
    os.execvpe("setsid", ["setsid", "--wait", "bash", "-c", command], environment)


def rsync(words: list[str]) -> None:
    """`rsync -a… [--exclude name …] source user@machine:~/place`; a folder's name ends with a slash. Links are kept."""
    excluded = [after for word, after in pairwise(words) if word == "--exclude"]
    source, (machine, _, place) = words[-2], words[-1].rpartition("@")[2].partition(":")
    target = home(machine) / place.removeprefix("~/")
    if source.endswith("/"):
        ignored = shutil.ignore_patterns(*excluded)
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    else:
        shutil.copy2(source, target)


def crontab(words: list[str]) -> None:
    """`crontab -l`, and `crontab -`: a machine has its own."""
    listed = Path(os.environ["HOME"], "crontab")
    if words == ["-"]:
        listed.write_text(sys.stdin.read())
    else:
        sys.stdout.write(listed.read_text() if listed.exists() else "")


def home(machine: str) -> Path:
    return Path(os.environ["MACHINES"], machine)


if __name__ == "__main__":
    {"ssh": ssh, "rsync": rsync, "crontab": crontab}[sys.argv[1]](sys.argv[2:])
