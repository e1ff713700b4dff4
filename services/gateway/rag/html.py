"""Text of an HTML page: no scripts, no styles; headings are marked as in Markdown, so that chunks heed them."""

import codecs
import re
from html.parser import HTMLParser

from serving.errors import InvalidInput

_HIDDEN = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object"})
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
    }
    | {
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
    }
    | {"table", "tr", "ul"}
)
_CHARSET = re.compile(rb"<meta[^>]{0,512}charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\f\v\xa0]+")
_AROUND_LINES = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")


def read_html(data: bytes) -> tuple[str, str]:
    """Title and text of a page; raises InvalidInput for bytes that are no text."""
    parser = _TextParser()
    parser.feed(_decode(data))
    parser.close()
    text = _AROUND_LINES.sub("\n", _SPACE.sub(" ", "".join(parser.parts)))
    return " ".join("".join(parser.title).split()), _BLANK_LINES.sub("\n\n", text).strip()


class _TextParser(HTMLParser):
    """Collects what a reader sees. It holds no tree, so nesting costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._hidden: str | None = None
        self._hidden_depth = 0
        self._in_title = False
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a block, a heading or what is not shown."""
        if self._hidden is not None:
            self._hidden_depth += tag == self._hidden
        elif tag in _HIDDEN:
            self._hidden, self._hidden_depth = tag, 1
        elif tag == "title":
            self._in_title = True
        elif tag in _HEADINGS:
            self.parts.append(f"\n\n{_HEADINGS[tag]} ")
        elif tag == "br":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n" if tag not in ("li", "tr", "dt", "dd") else "\n")
            self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Close it again."""
        if self._hidden is not None:
            self._hidden_depth -= tag == self._hidden
            if not self._hidden_depth:
                self._hidden = None
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.parts.append("\n\n" if tag not in ("li", "tr", "dt", "dd") else "\n")
            self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """Text, with its line breaks only where they show."""
        if self._in_title:
            self.title.append(data)
        elif self._hidden is None:
            self.parts.append(data if self._pre else data.replace("\n", " "))


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:2048])
    for encoding in ("utf-8-sig", declared.group(1).decode() if declared else "utf-8"):
        try:
            if not codecs.lookup(encoding)._is_text_encoding:
                continue
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if "\0" not in text:
            return text
    raise InvalidInput("file.data", "is not text in UTF-8 or in the encoding that the page declares")
