"""Which metrics each table shows, and in which unit: one list for command line, pages and results.

Names are those of `engine.verify.metrics.METRICS`. Nothing is imported, so that `airlens --help`
has the columns without loading NumPy.
"""

ERRORS_PAGE = (
    *("bias", "mae", "rmse", "centred_rmse", "correlation", "determination"),
    *("nmb", "nme", "mfb", "mfe", "fac2"),
)
EVALUATE = ("rmse", "mae", "mape", "bias", "correlation", "n")  # the JSON holds all
COMPARISON_RECORD = (
    *("rmse", "mae", "mape", "bias", "correlation"),
    *("paper_rmse", "paper_mae", "paper_mape"),
)
COMPARISON_PAGE = ("rmse", "mae", "mape")
DIFFERENCES = ("bias", "mae", "rmse")  # of a class, a station, a lead time

# Units: the rest is in ug m-3.
SHARES = frozenset({"nmb", "nme", "mfb", "mfe", "fac2", "mape", "paper_mape"})
NUMBERS = frozenset({"n", "correlation", "correlation_squared", "determination", "ioa"})


def units(columns: tuple[str, ...]) -> str:
    """What the columns of a table are in, in a sentence."""
    amounts = [name for name in columns if name not in SHARES | NUMBERS]
    shares = [name for name in columns if name in SHARES]
    text = f"{', '.join(amounts)} in µg/m³"
    if shares:
        text += f"; {', '.join(shares)} {'is a fraction' if len(shares) == 1 else 'are fractions'}"
    return text + (", with a floor of 1 µg/m³." if "mape" in shares else ".")
