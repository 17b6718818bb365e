"""Text from data, made ready for each place that would read it as something else.

Names, ids, units, sources, licences, titles, attributes, file names and addresses come from files
of people we do not know. Each sink that interprets its text has one function here, and every page
and export uses it: Markdown (Streamlit's labels, headings and messages), the HTML of plotly's
labels, JSON inside a script element. HTML itself is `html.escape`; spreadsheets and terminals are
`engine.core.plaintext`'s. Nothing from data reaches a template engine; a test walks the source.
"""

import json
import re

# A backslash before any of these is a literal character in CommonMark. The colon begins Streamlit's
# directives (`:red[…]`, `:material/…:`) and, after http, a link; the dollar sign a formula.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#!|$~:&@\"]")
_AT_THE_START = re.compile(r"^(?:(\d+)(\.)(?=\s|$)|()([-+=]))")  # a list, the line below a heading
_LINK = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z])")  # www.example.org becomes one by itself
# Streamlit replaces these after Markdown is parsed, where a backslash is gone already.
_SHORTCODE = re.compile(r":(?=(?:material/)?[\w+-]+:)")
_JOINER = "\u2060"  # takes no room


def markdown(text: object) -> str:
    """Text that Streamlit's Markdown shows letter for letter, on one line.

    Line ends become spaces: a new line could begin a heading, a list or a table. Control characters
    become U+FFFD. A shortcode (`:smile:`) is parted by a word joiner, which takes no room.
    """
    line = re.sub(r"\s*[\r\n\v\f\u2028\u2029]+\s*", " ", str(text))
    line = _SHORTCODE.sub(":" + _JOINER, _visible(line))
    line = _LINK.sub(r"\\.", _MARKDOWN.sub(r"\\\g<0>", line))
    return _AT_THE_START.sub(lambda found: (found[1] or "") + "\\" + (found[2] or found[4]), line)


def plotly(text: object) -> str:
    """Text that plotly's labels show letter for letter.

    They know some tags of HTML, entities, and with two dollar signs a formula; a title in a hover
    template would also be looked through for `%{…}`.
    """
    plain = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero-width space parts what begins a formula or a variable.
    return _visible(plain).replace("$", "$\u200b").replace("%{", "%\u200b{")


def script_json(value: object) -> str:
    """JSON that may stand in a script element: no sign in it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _visible(text: str) -> str:
    """No character that a screen obeys instead of showing: it becomes U+FFFD."""
    return "".join("\ufffd" if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
