"""What people write into a cell that has no value, in small letters."""

MISSING = frozenset(
    {
        *(
            "",
            "na",
            "nan",
            "n/a",
            "#n/a",
            "<na>",
            "null",
            "none",
            "nil",
            "missing",
            "nat",
            "no data",
        ),
        *("-", "--", "—", "——", "–", "―", "－", "无", "缺测", "无数据", "暂无数据"),
    }
)
