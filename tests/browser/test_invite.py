"""The QR code of a table's address: drawn by the page, read by another program."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

zxingcpp = pytest.importorskip("zxingcpp")
QR = Path(__file__).parents[2] / "edge" / "static" / "app" / "qr.js"
NODE = shutil.which("node")
DRAW = "import { qr } from %s; console.log(JSON.stringify(%s.map((text) => qr(text))))"
TEXTS = [
    "http://127.0.0.1:8000/room/ABCDEFGHJK",
    "https://x.y/r",
    "https://tavola.example.org/room/KXGFZCM2QP",
    "https://tables.of.a.club.example.org:8443/room/KXGFZCM2QP?a=b",
    "https://ümläut.example/room/KXGFZCM2QP",
    *("https://long.example/" + "x" * length for length in (5, 20, 41, 63, 85)),
]
DOT = 4


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
def test_an_address_is_read_as_it_was_written() -> None:
    script = DRAW % (json.dumps(QR.as_uri()), json.dumps([*TEXTS, "x" * 107]))
    told = subprocess.run([NODE or "", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    *codes, too_long = json.loads(told.stdout)
    assert too_long is None
    assert {len(rows) for rows in codes} == {21, 25, 29, 33, 37, 41}, "every version is tried"
    for text, rows in zip(TEXTS, codes, strict=True):
        side = (len(rows) + 8) * DOT
        picture = Image.new("L", (side, side), 255)
        for y, row in enumerate(rows):
            for x, dark in enumerate(row):
                if dark:
                    left, top = (x + 4) * DOT, (y + 4) * DOT
                    picture.paste(0, (left, top, left + DOT, top + DOT))
        assert [found.text for found in zxingcpp.read_barcodes(picture)] == [text]
