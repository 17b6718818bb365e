"""An error of the engine, said in the language of the screen and with the page's way out.

An error keeps its template and its values. `app/i18n/engine.json` holds for each template its
Chinese, `{"no data on {date}": {"zh": "{date} 无数据"}}`, with the same names. Where a remedy names
an option of the command line, `page_en` and `page_zh` name the control of the page instead.
`{name:word}` is one of `WORDS`, `{name:words}` a list of them, `{name:list}` a list of names, which
keep their letters, `{name:clause}` a text that has an entry of its own. A template without an entry
stays in English: it is still true.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from engine.core.errors import EngineError, Value, filled

FILE = Path(__file__).resolve().parent / "engine.json"

WORDS: Mapping[str, str] = {
    "grid": "网格",
    "stations": "监测站点",
    "mobile": "移动观测",
    "static": "静态场",
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
    "a count": "计数",
    "a standard deviation": "标准差",
    "a variance": "方差",
    "an error": "误差",
    "a quality flag": "质量标记",
    "an index": "指数",
    "a percentile": "百分位数",
    "a maximum": "最大值",
    "a minimum": "最小值",
    "a range": "变化范围",
    "a sum": "总和",
    "a difference": "差值或趋势",
    "a ratio": "比值",
    "a probability": "概率或超标次数",
    "a bound of an interval": "区间边界",
    "an emission or deposition": "排放或沉降",
    "one species": "单一组分",
    "a layer above the ground": "地面以上的层次",
    "other data": "其他数据",
    "another pollutant": "其他污染物",
    "Field required": "缺少该字段",
    "No space left on device": "磁盘空间不足",
    "Permission denied": "没有权限",
    "Read-only file system": "文件系统只读",
    "Input/output error": "读写错误",
    "No such file or directory": "文件或文件夹不存在",
}
"""The words of closed sets that the engine puts into its sentences."""

_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")


def translated(error: EngineError, language: str) -> str:
    """The whole error as a page says it: place, what is wrong and the way out."""
    if language != "zh":
        return _english(error)
    what = _page_text(error.template, "zh", error.values) or _chinese(error.template, error.values)
    if what is None:
        return _english(error)
    remedy = _remedy(error, "zh")
    within = _chinese(error.within_template, error.values) or ""
    place = f"{error.where}：" if error.where else ""
    place += f"{within}：" if within else ""
    return place + _closed(what) + (_closed(remedy) if remedy else "")


def entries() -> Mapping[str, Mapping[str, str]]:
    """Template → its texts: `zh`, and where the page words it otherwise `page_en`, `page_zh`."""
    return _entries()


@lru_cache(maxsize=1)
def _entries() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return texts


def _english(error: EngineError) -> str:
    """The English sentence in the page's words, where it has its own."""
    what, remedy = (
        _entries().get(template, {}).get("page_en", template)
        for template in (error.template, error.remedy_template)
    )
    if (what, remedy) == (error.template, error.remedy_template):
        return str(error)
    page = EngineError(
        what, where=error.where, within=error.within_template, remedy=remedy, **error.values
    )
    return str(page)


def _remedy(error: EngineError, language: str) -> str:
    page = _page_text(error.remedy_template, language, error.values)
    if page is not None:
        return page
    return _chinese(error.remedy_template, error.values) or (
        f"{error.remedy}." if error.remedy else ""
    )


def _page_text(template: str, language: str, values: Mapping[str, Value]) -> str | None:
    """The page's own wording of a template, filled; None where it has none."""
    page = _entries().get(template, {}).get(f"page_{language}")
    return None if page is None else _filled(page, values)


def _chinese(template: str, values: Mapping[str, Value]) -> str | None:
    """The Chinese of a template, filled; None where there is none."""
    texts = _entries().get(template) or _entries().get(template.rstrip("."))
    return None if texts is None else _filled(texts["zh"], values)


def _filled(template: str, values: Mapping[str, Value]) -> str:
    def text(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        given = values[place[1]]
        parts = given if isinstance(given, tuple) else (str(given),)
        return _HOW[place[2] or ""](parts)

    return _PLACE.sub(text, template)


def _word(text: str) -> str:
    return WORDS.get(text, text)


def _clause(parts: tuple[str, ...]) -> str:
    text = "、".join(parts)
    return _chinese(text, {}) or f"“{text}”"


_HOW: Mapping[str, Callable[[tuple[str, ...]], str]] = {
    "": "、".join,
    "word": lambda parts: "、".join(map(_word, parts)),
    "words": lambda parts: "、".join(map(_word, parts)),
    "list": lambda parts: "、".join(_word(p) if p == "none" else p for p in parts),
    "clause": _clause,
}


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith(("。", "？", ".")) else f"{sentence}。"


__all__ = ["FILE", "WORDS", "entries", "filled", "translated"]
