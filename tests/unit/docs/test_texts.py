"""All texts of the players' pages are in one file: nothing else need be known to translate them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tavola.edge.rest import pages

ROOT = Path(__file__).parents[3]
APP = ROOT / "edge" / "static" / "app"
TEXTS = APP / "texts.json"
FOLDERS = (
    APP,
    ROOT / "games" / "holdem" / "page",
    ROOT / "games" / "chess" / "page",
    ROOT / "games" / "hearts" / "page",
    ROOT / "games" / "tictactoe_page",
)
SAID = re.compile(r'\bt\(\s*("(?:[^"\\\n]|\\.)*")')
STRING = re.compile(r'(?P<before>[^\n"`]{0,40})(?P<text>"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)')
A_TEXT = re.compile(r"[^A-Za-z]*[A-Z][a-z]+|.*[a-z0] [A-Za-z]{2}|.*[a-z] [a-z0]")
"""Capital letters begin one, or it has two words."""
NO_TEXT = re.compile(r"(class: |key: |class: `|name: |new Error\(|=== |!== |===|const WHOLE = |same\(event, )$")
"""Before a string that nobody reads: classes, keys, names of keys, mistakes of ours."""
CLASSES = {"pip taken", "primary small", "quiet small", "column row"}
NODE = shutil.which("node")
SAY = """
globalThis.document = { documentElement: {}, querySelector: () => ({ getAttribute: () => "de fr" }) };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["it", "de-CH", "en"] } });
globalThis.fetch = async (path) => ({ json: async () => ({ "{0} wins {1}.": "{1} gehen an {0}.", path }) });
const { t } = await import(%s);
console.log(JSON.stringify([t("{0} wins {1}.", "Ann", 5), t("Fold"), t("path"), document.documentElement.lang]));
"""


def scripts() -> Iterator[tuple[str, str]]:
    """(name, code without comments)."""
    for path in sorted(path for folder in FOLDERS for path in folder.glob("*.js")):
        if path.name not in ("qr.js", "reload.js"):
            yield path.name, re.sub(r"/\*\*.*?\*/|//[^\n\"`]*$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def said() -> set[str]:
    return {json.loads(text) for _, code in scripts() for text in SAID.findall(code)}


def test_the_file_has_every_text_and_no_other() -> None:
    texts = json.loads(TEXTS.read_text())
    assert len(texts) > 250
    assert texts.keys() == said(), "python -m unit.docs.test_texts writes it, with tests on the path"
    assert all(english == text for english, text in texts.items())


def test_no_text_is_left_in_the_code() -> None:
    left = []
    for name, code in scripts():
        for found in STRING.finditer(code):
            text = re.sub(r"\$\{[^}]*\}", "0", found["text"][1:-1])
            spoken = re.search(r"\bt\($", found["before"]) or NO_TEXT.search(found["before"])
            if A_TEXT.match(text) and not spoken and text not in CLASSES and not re.match(r"[\w-]*\.|/|Arrow", text):
                left.append((name, text))
    assert left == []


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
def test_a_translation_is_a_file() -> None:
    script = SAY % json.dumps((APP / "texts.js").as_uri())
    told = subprocess.run([NODE or "", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == ["5 gehen an Ann.", "Fold", "/static/texts.de.json", "de"]
    files = {**pages.load("client", "app"), "texts.de.json": pages.made(b"{}", ".json")}
    assert b'<meta name="languages" content="de">' in pages.players_page(files, pages.LOBBY).plain
    assert b"languages" not in pages.players_page(pages.load("client", "app"), pages.LOBBY).plain


if __name__ == "__main__":
    TEXTS.write_text(json.dumps({text: text for text in sorted(said())}, indent=1, ensure_ascii=False) + "\n")
