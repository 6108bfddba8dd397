"""Words of the report that a page can say in two languages: English stands in it, `language.js` knows the Chinese."""

from html import escape

__all__ = ["SWITCH", "labelled", "word"]

SWITCH = ('<p><select id=language aria-label="Language / 语言"><option value=en>English</option>'
          "<option value=zh>中文</option></select></p>")  # fmt: skip


def word(text: str, tag: str = "span") -> str:
    """A word, marked so that the page can change it."""
    marked = escape(text, quote=True)
    return f'<{tag} data-word="{marked}">{marked}</{tag.split()[0]}>'


def labelled(text: str) -> str:
    """The attributes of what is labelled by words that cannot be seen."""
    marked = escape(text, quote=True)
    return f'aria-label="{marked}" data-label="{marked}"'
