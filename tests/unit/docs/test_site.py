"""The site that `make docs` builds: every page is made, and no link is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_it_is_built(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path))
    told = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    for page in ("index.html", "howto/forget.html", "project/clients/python/index.html"):
        assert (tmp_path / page).is_file()
