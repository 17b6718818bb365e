"""An error of the engine, said in the language of the screen.

The engine speaks English and knows of no other language. `app/i18n/engine.zh.json` holds what it
can say as pairs of templates, `{"en": "no data on {}", "zh": "{0} 无数据"}`: a `{}` stands for what
the engine puts in, `{0}`, `{1}`, … in the Chinese for the same texts in any order. `{0:list}`
says that the text is a list of names, which keep their letters, `{0:word}` that it is one of
`WORDS`, `{0:words}` that it is a list of them. A sentence that no template fits stays in English:
it is still true.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from engine.core.errors import EngineError

FILE = Path(__file__).resolve().parent / "engine.zh.json"

WORDS: Mapping[str, str] = {
    "grid": "网格",
    "stations": "监测站点",
    "mobile": "移动观测",
    "hour": "小时",
    "day": "日",
    "month": "月",
    "year": "年",
    "latitude": "纬度",
    "longitude": "经度",
    "super-resolution": "超分辨率",
    "reanalysis": "再分析",
    "forecast": "预报",
    "none": "无",
    "wind": "风场",
    "Field required": "缺少该字段",
    "No space left on device": "磁盘空间不足",
    "Permission denied": "没有权限",
    "Read-only file system": "文件系统只读",
    "Input/output error": "读写错误",
    "No such file or directory": "文件或文件夹不存在",
}
"""The words of closed sets that the engine puts into its sentences."""

_QUOTED = re.compile(r"'([^']*)'")
_SLOT = re.compile(r"\{(\d+)(?::(\w+))?\}")


def told(error: EngineError, language: str) -> str:
    """The whole error in a language of the screen: place, what is wrong and the way out."""
    return _chinese(error) if language == "zh" else str(error)


def _chinese(error: EngineError) -> str:
    what = said(error.what)
    if what is None:
        return str(error)
    remedy = said(error.remedy) if error.remedy else ""
    if remedy is None:
        remedy = f"{error.remedy}."
    place = f"{error.where}：" if error.where else ""
    return place + _closed(what) + (_closed(remedy) if remedy else "")


def said(text: str) -> str | None:
    """The Chinese of one clause of the engine; None where the catalogue has no template for it."""
    bare = text.rstrip(".")
    for pattern, zh in _templates():
        if match := pattern.fullmatch(bare):
            return _filled(zh, match.groups())
    return None


def pairs() -> list[tuple[str, str]]:
    """The templates of the catalogue, English and Chinese."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))
    return [(entry["en"], entry["zh"]) for entry in entries]


@lru_cache(maxsize=1)
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The catalogue compiled; the template with most letters of its own first."""
    ordered = sorted(pairs(), key=lambda pair: -len(pair[0].replace("{}", "")))
    return tuple((_pattern(en), zh) for en, zh in ordered)


def _pattern(en: str) -> re.Pattern[str]:
    literals = en.rstrip(".").split("{}")
    return re.compile("(.*?)".join(map(re.escape, literals)), re.DOTALL)


def _filled(zh: str, texts: Sequence[str]) -> str:
    return _SLOT.sub(lambda slot: _HOW[slot[2] or ""](texts[int(slot[1])]), zh)


def _quoted(text: str) -> str:
    """The text with the quotation marks of the screen's language."""
    return _QUOTED.sub(r"“\1”", text)


def _word(text: str) -> str:
    return WORDS.get(text.strip("'"), _quoted(text))


def _joined(text: str, how: Callable[[str], str]) -> str:
    return "、".join(how(part) for part in re.split(r", | and | or ", text))


_HOW: Mapping[str, Callable[[str], str]] = {
    "": _quoted,
    "word": _word,
    "words": lambda text: _joined(text, _word),
    "list": lambda text: _joined(text, _word if text == "none" else _quoted),
}


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith(("。", "？", ".")) else f"{sentence}。"
