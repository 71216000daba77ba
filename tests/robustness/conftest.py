"""Count the cases of the bad input campaign, and say so at the end."""

PROPERTY = "bad input case"


def pytest_terminal_summary(terminalreporter):
    n_held, n_escaped = (
        sum(
            PROPERTY in dict(report.user_properties)
            for report in terminalreporter.getreports(outcome)
        )
        for outcome in ("passed", "failed")
    )
    if n_held + n_escaped:
        terminalreporter.write_line(
            f"bad input campaign: {n_held + n_escaped:,} cases, {n_escaped} escapes"
        )
