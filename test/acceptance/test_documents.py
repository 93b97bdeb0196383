"""Every example of the tutorial and the how-tos does what the page says, against a real server."""
import shutil

import pytest
from examples_of_documents import Reader, blocks_of
from instance import ROOT

PAGES = sorted([*(ROOT / "docs").glob("tutorial*.md"), *(ROOT / "docs/howto").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_are_true(page, tmp_path):
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    assert any(language == "text" for language, _, _ in blocks), "nothing is compared"
    reader = Reader(tmp_path)
    try:
        for block in blocks:
            reader.do(*block)
    finally:
        reader.leave()
        shutil.rmtree(reader.directory / ".afluente", ignore_errors=True)


def test_the_tutorial_is_the_same_in_both_languages():
    """Their examples differ in nothing but the directory's name."""
    english, spanish = (blocks_of((ROOT / f"docs/tutorial{suffix}.md").read_text(encoding="utf-8")) for suffix in ("", ".es"))
    assert english == [(language, title, text.replace("mi-flujo", "my-pipeline")) for language, title, text in spanish]
