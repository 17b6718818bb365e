"""What a whole run of the tests says of itself: the ten slowest files."""

from collections import Counter

SLOWEST = 10
seconds: Counter[str] = Counter()


def pytest_runtest_logreport(report):
    seconds[report.nodeid.partition("::")[0]] += report.duration


def pytest_terminal_summary(terminalreporter):
    if len(seconds) <= SLOWEST:
        return
    terminalreporter.section(f"slowest {SLOWEST} files of {sum(seconds.values()):.0f} s")
    for name, took in seconds.most_common(SLOWEST):
        terminalreporter.write_line(f"{took:7.1f} s  {name}")
