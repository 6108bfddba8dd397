"""Documents as sections of words: HTML, PDF, Markdown, plain text.

A PDF is read by another process with little time and memory, for a file may be made to take all of both.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from antiphon.errors import ConfigError, InputError
from antiphon.tools.clean import clean

KINDS = {".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown", ".markdown": "markdown",
         ".txt": "text", ".text": "text", ".rst": "text", ".pdf": "pdf"}  # fmt: skip
MOST_BYTES = 32 << 20
PDF_S, PDF_BYTES, PDF_PAGES = 30, 1 << 30, 2000
CHUNK = 200  # words of a section, about
MUTE = frozenset("script style noscript template svg math nav header footer aside form button select iframe".split())
BREAKS = frozenset("p div br li tr section article blockquote pre table ul ol dl dd dt figure hr td th".split())
HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
VOID = frozenset("br hr img input meta link area base col embed source track wbr".split())
MARKDOWN_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")


@dataclass(frozen=True)
class Section:
    """A stretch of a document under one heading."""

    heading: str
    text: str


@dataclass(frozen=True)
class Document:
    """A file, read."""

    title: str
    sections: tuple[Section, ...]


def read_document(path: Path) -> Document:
    """A document by the ending of its name. Raises InputError for one that cannot be read."""
    kind = KINDS.get(path.suffix.lower())
    try:
        if kind is None or path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is no HTML, PDF, Markdown or text below {MOST_BYTES >> 20} MiB; leave it out.")
        if kind == "pdf":
            return _pdf(path)
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); leave it out.") from None
    if kind == "html":
        return _html(text, path.stem)
    return _marked(text, path.stem) if kind == "markdown" else Document(path.stem, _cut([("", text)]))


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = re.search(rb"charset=[\"']?([\w-]{2,20})", data[:2048])
        try:
            return data.decode(declared[1].decode() if declared else "gb18030" if _is_gb(data) else "cp1252", "replace")
        except LookupError:
            return data.decode("cp1252", errors="replace")


def _is_gb(data: bytes) -> bool:
    """Whether bytes above ASCII come in pairs, as Chinese characters do; letters with accents come alone."""
    high = sum(byte >= 0x80 for byte in data[:8192])
    return 2 * len(re.findall(rb"[\xa1-\xfe]{2}", data[:8192])) >= 0.9 * high


def _cut(parts: list[tuple[str, str]]) -> tuple[Section, ...]:
    """Parts under headings as sections of about `CHUNK` words, cut between paragraphs where there are any."""
    sections = []
    for heading, text in parts:
        heading, waiting, size = clean(heading, 120).replace("\n", " "), list[str](), 0
        for paragraph in re.split(r"\n\s*\n", text):
            for piece in _pieces(clean(paragraph)):
                if size and size + _size(piece) > CHUNK * 5 // 4:
                    sections.append(Section(heading, "\n".join(waiting)))
                    waiting, size = [], 0
                waiting.append(piece)
                size += _size(piece)
        if size:
            sections.append(Section(heading, "\n".join(waiting)))
    return tuple(sections)


def _size(text: str) -> int:
    """Words, two Chinese characters being one."""
    return len(text.split()) + sum("\u4e00" <= c <= "\u9fff" for c in text) // 2


def _pieces(paragraph: str) -> list[str]:
    if _size(paragraph) <= CHUNK:
        return [paragraph] if paragraph.strip() else []
    pieces, now = list[str](), ""
    for sentence in re.findall(r"[^.!?。！？\n]+[.!?。！？\n]*\s*", paragraph):
        if now and _size(now + sentence) > CHUNK:
            pieces.append(now.strip())
            now = ""
        now += sentence
    words = now.split()
    if len(words) > 2 * CHUNK:  # no sentence ends in it
        return [*pieces, *(" ".join(words[i : i + CHUNK]) for i in range(0, len(words), CHUNK))]
    return [*pieces, now.strip()] if now.strip() else pieces


def _marked(text: str, title: str) -> Document:
    parts, heading, lines = list[tuple[str, str]](), "", list[str]()
    for line in text.splitlines():
        if found := MARKDOWN_HEADING.match(line):
            parts.append((heading, "\n".join(lines)))
            heading, lines = found[1], []
            title = found[1] if not any(h for h, _ in parts) and line.startswith("# ") else title
        else:
            lines.append(re.sub(r"^\s*(?:[-*+>]|\d+\.)\s+|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}", "", line))
    return Document(clean(title, 200), _cut([*parts, (heading, "\n".join(lines))]))


class _Page(HTMLParser):
    """What is to be read of a page: text under headings, without what frames it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title, self.parts, self._text = "", list[tuple[str, str]](), list[str]()
        self._heading, self._mute, self._open = "", 0, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        hidden = any(name == "hidden" or (name == "aria-hidden" and value == "true") for name, value in attrs)
        style = next((value or "" for name, value in attrs if name == "style"), "").replace(" ", "").lower()
        hidden = hidden or "display:none" in style or "visibility:hidden" in style or "font-size:0" in style
        if tag in VOID:
            self._text.append("\n" if tag in BREAKS else "")
            return
        if self._mute or tag in MUTE or hidden:
            self._mute += 1
        self._open.append(tag)
        if tag in HEADINGS and not self._mute:
            self.end_part()
        elif tag in BREAKS:
            self._text.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open:
            ended = self._open.pop()
            self._mute = max(self._mute - 1, 0)
            if ended == tag:
                break
        if tag in HEADINGS and not self._mute:
            self._heading, self._text = "".join(self._text), []
        elif tag in BREAKS:
            self._text.append("\n\n")

    def handle_data(self, data: str) -> None:
        if "title" in self._open and not self._mute:
            self.title += data
        elif not self._mute:
            self._text.append(re.sub(r"\s+", " ", data))

    def end_part(self) -> None:
        """What has been read so far is a part."""
        self.parts.append((self._heading, "".join(self._text)))
        self._heading, self._text = "", []


def _html(text: str, name: str) -> Document:
    page = _Page()
    page.feed(text)
    page.close()
    page.end_part()
    return Document(clean(page.title, 200).replace("\n", " ") or name, _cut(page.parts))


def _pdf(path: Path) -> Document:
    command = [sys.executable, "-m", "antiphon.tools.search.reading", str(path.resolve())]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=2 * PDF_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise InputError(f"{path} takes too long to read; leave it out.") from None
    if ran.returncode == 3:
        raise ConfigError("PDF files need another library; run: pip install 'antiphon[docs]'")
    if ran.returncode != 0:
        raise InputError(f"{path} is no PDF that can be read; leave it out.")
    found = json.loads(ran.stdout)
    pages = [(f"page {n}", text) for n, text in enumerate(found["pages"], 1)]
    return Document(clean(found["title"], 200) or path.stem, _cut(pages))


def _read_pdf(path: str) -> int:
    """In a process of its own: the pages of a PDF, as JSON to standard output."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (PDF_S, PDF_S))
    resource.setrlimit(resource.RLIMIT_AS, (PDF_BYTES, PDF_BYTES))
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        return 3
    try:
        reader = PdfReader(path)
        title = str(reader.metadata.title or "") if reader.metadata else ""
        pages = [page.extract_text() for page in reader.pages[:PDF_PAGES]]
    except (PyPdfError, ValueError, KeyError, TypeError, OSError, RecursionError, MemoryError, AttributeError):
        return 2
    sys.stdout.write(json.dumps({"title": title, "pages": pages}))
    return 0


if __name__ == "__main__":
    sys.exit(_read_pdf(sys.argv[1]))
