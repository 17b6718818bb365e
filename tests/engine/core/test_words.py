"""Names and texts use the words of the field: those that were ours alone stay away."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
OURS = re.compile(
    r"(?<![a-z])(told|hears?|heard|asked|lessons?|leftovers?|deaf|unsure|tells)(?![a-z])"
    r"|(?<![a-z_])blind(?![a-z_])",
    re.I,
)
WHERE = (
    *("engine/**/*.py", "engine/**/*.md", "app/**/*.py", "app/i18n/**/*.json", "app/**/*.js"),
    *("assets/weights/*/card.md", "docs/**/*.md", "README.md", "SECURITY.md"),
)


def test_the_words_of_the_field():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for pattern in WHERE
        for path in sorted(ROOT.glob(pattern))
        if "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in OURS.finditer(line)
    ]
    assert not found, "\n".join(found[:40])
