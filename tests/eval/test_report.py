"""The report: a folder that needs nothing but itself, with every item in it, worst first."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.eval.benchmark import Result
from antiphon.eval.folder import Folder
from antiphon.eval.gates import GATED
from antiphon.eval.report.charts import bars, confusion, radar
from antiphon.eval.report.sketch import COLUMNS, ROWS, sketch
from antiphon.eval.report.write import write_report
from antiphon.eval.running import gate_run
from tests.eval.conftest import Measure

NAMES = ["asr.librispeech_clean", "mmau", "stepeval_audio_paralinguistic", "stepeval_audio_toolcall", "cvss_s2st"]


class Read(HTMLParser):
    """Names, roles and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links, self.labels, self.ids = list[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [given[name] or "" for name in ("href", "src") if name in given]
        self.labels += [given["aria-label"] or ""] if "aria-label" in given else []
        self.ids += [given["id"] or ""] if "id" in given else []


@pytest.fixture
def page(measure: Measure, tmp_path: Path) -> Path:
    report = measure(NAMES, "drop-last-word")
    return write_report(tmp_path / "html", Folder(tmp_path / "run-drop-last-word"), report)


def items(page: Path, name: str) -> list[dict]:  # type: ignore[type-arg]
    text = (page.parent / f"items-{name}.js").read_text(encoding="utf-8")
    found: list[dict] = json.loads(text.removeprefix("const items = ").removesuffix(";\n"))  # type: ignore[type-arg]
    return found


def test_nothing_is_fetched_and_every_link_leads_somewhere(page: Path) -> None:
    for path in page.parent.glob("*.html"):
        read = Read()
        read.feed(path.read_text(encoding="utf-8"))
        assert read.links and not [link for link in read.links if "//" in link]
        inside = [link for link in read.links if not link.startswith("#")]
        assert all((page.parent / link).exists() for link in inside), path
        assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    for name in ("listening.js", "style.css"):
        assert "http" not in (page.parent / name).read_text(encoding="utf-8")


def test_figures_stand_beside_published_ones_with_words_for_all(page: Path) -> None:
    text, read = page.read_text(encoding="utf-8"), Read()
    read.feed(text)
    (told,) = [label for label in read.labels if label.startswith("wer: this run 13.64")]
    assert "Step-Audio 2 mini 1.33" in told and "scorer:transcripts@1" in text
    assert "prefers-color-scheme: dark" in (page.parent / "style.css").read_text(encoding="utf-8")
    assert "contradiction:" in text and "<caption" in text and ">due (rows)" in text


def test_items_are_worst_first_aligned_and_heard(page: Path) -> None:
    found = items(page, "asr.librispeech_clean")
    badness = [item["badness"] for item in found]
    assert badness == sorted(badness, reverse=True) and badness[0] > 0
    assert [kind for kind, *_ in found[0]["aligned"]][-1] == "delete"
    for name in ("asr.librispeech_clean", "cvss_s2st"):
        for item in items(page, name):
            for _, sound in item["sounds"]:
                assert Audio.read(page.parent / sound["file"]).duration_s == pytest.approx(sound["seconds"], abs=0.01)
    (heard, said) = items(page, "cvss_s2st")[0]["sounds"]
    assert (heard[0], said[0]) == ("heard (user)", "said")


def test_the_listening_page_knows_its_keys_and_what_is_shown(page: Path) -> None:
    script = (page.parent / "listening.js").read_text(encoding="utf-8")
    used = set(re.findall(r'getElementById\("(\w+)"\)', script))
    read = Read()
    read.feed((page.parent / "mmau_v05.15.25_test_mini.html").read_text(encoding="utf-8"))
    assert used <= set(read.ids) and {'"1"', '"0"', '"u"', "j:", "k:"} <= {
        key for key in ('"1"', '"0"', '"u"', "j:", "k:") if key in script}  # fmt: skip
    assert set(re.findall(r"item\.(\w+)", script)) <= set(items(page, "mmau_v05.15.25_test_mini")[0])


def test_every_word_of_the_pages_is_known_in_chinese(page: Path) -> None:
    script = (page.parent / "language.js").read_text(encoding="utf-8")
    known = set(re.findall(r'"([^"]+)":\s', script.split("const KEPT")[0]))
    pages = "".join(path.read_text(encoding="utf-8") for path in page.parent.glob("*.html"))
    said = {unescape(word) for word in re.findall(r'data-(?:word|label)="([^"]+)"', pages)}
    said |= set(re.findall(r'word\("([^"]+)"\)', (page.parent / "listening.js").read_text(encoding="utf-8")))
    assert said <= known and len(said) > 30, said - known
    facts = {name for path in page.parent.glob("*.html") if path.stem != "index"
             for item in items(page, path.stem) for name, _ in item["facts"]}  # fmt: skip
    assert facts <= known
    assert all(path.read_text(encoding="utf-8").count("id=language") == 1 for path in page.parent.glob("*.html"))


def test_gates_stand_in_the_report_where_they_were_looked_at(measure: Measure, tmp_path: Path) -> None:
    report = measure(NAMES, "drop-last-word")
    folder = Folder(tmp_path / "run-drop-last-word")
    assert "id=gates" not in write_report(tmp_path / "html", folder, report).read_text(encoding="utf-8")
    found = gate_run(folder.path, "text", 0.02)
    text = write_report(tmp_path / "html", folder, report).read_text(encoding="utf-8")
    rows = re.findall(r"<tr><th scope=row data-word=\"(\w+)\".*?</tr>", text.split("id=gates")[1])
    assert rows == [one.gate for one in found] and any(one.looked_at for one in found)
    known = (tmp_path / "html" / "language.js").read_text(encoding="utf-8")
    assert all(f'"{unescape(word)}":' in known for word in re.findall(r'data-word="([^"]+)"', text))
    (folder.path / GATED).write_text('[{"gate": "seams"}]')
    with pytest.raises(InputError, match="holds no gates; make it again with `antiphon eval gate`"):
        write_report(tmp_path / "html", folder, report)


def test_an_instruction_is_told_once_for_all_items(page: Path) -> None:
    for name in ("asr.librispeech_clean", "stepeval_audio_toolcall"):
        text = (page.parent / f"{name}.html").read_text(encoding="utf-8")
        (told,) = re.findall(r", instructions = (\[.*?\]);</script>", text)
        numbers = {dict(map(tuple, item["facts"]))["instruction"] for item in items(page, name)}  # type: ignore[arg-type]
        assert numbers == {"0"} and len(json.loads(told)) == 1
        assert json.loads(told)[0][:40] not in (page.parent / f"items-{name}.js").read_text(encoding="utf-8")


def test_markup_in_data_stays_text(measure: Measure, tmp_path: Path, look: Path) -> None:
    report = measure(["mmau"])
    name = "mmau_v05.15.25_test_mini"
    row = report[name].rows[0]
    row.shown["said"] = "</script><script>alert(1)</script>"  # type: ignore[index]
    write_report(tmp_path / "html", Folder(tmp_path / "run-perfect"), report, with_audio=False)
    assert "</script>" not in (tmp_path / "html" / f"items-{name}.js").read_text(encoding="utf-8")
    assert not (tmp_path / "html" / "audio").exists()


def test_charts() -> None:
    one = Result(metric="wer <b>", value=5.0, low=4.0, high=6.5)
    drawn = bars(one, {"A & B": 3.0})
    assert drawn.count("<rect") == 2 and "whisker" in drawn and "A &amp; B" in drawn and "<b>" not in drawn
    assert radar({"a": 10.0, "b": 50.0, "c": 90.0}, {"x": {"a": 1.0}}).count("<polygon") == 6
    table = confusion({("x", "x"): 3, ("x", "y"): 1}, ["x"], ["x", "y"])
    assert 'class="right" style="--share:1.00">3' in table and 'class="wrong" style="--share:0.33">1' in table


def test_a_sketch_is_small_and_shows_where_the_sound_is() -> None:
    import base64

    wave = torch.zeros(1, 16_000)
    wave[0, 8000:] = 0.5 * torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 16_000)
    found = sketch(Audio(wave, 16_000))
    peaks = np.frombuffer(base64.b64decode(str(found["wave"])), np.uint8)
    assert len(peaks) == COLUMNS and peaks[: COLUMNS // 2].max() == 0 and peaks[COLUMNS // 2 + 1 :].min() > 100
    packed = np.frombuffer(base64.b64decode(str(found["bands"])), np.uint8)
    shades = np.stack([packed >> 4, packed & 15], axis=1).reshape(COLUMNS, ROWS)
    assert shades[:40].max() == 0 and len(set(shades[60:].argmax(axis=1))) == 1
    assert len(str(found["wave"])) + len(str(found["bands"])) < 2000
