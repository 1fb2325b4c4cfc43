"""What is odd about a config, as a table."""

import pytest

from app.domain.followup import Script, lint_config


def script(number: int, day: int, content: str = "您好,期待与您进一步沟通。") -> Script:
    return Script(id=number, day_number=day, order=0, interval_hours=24, content=content)


def rules(
    active: list[Script],
    inactive: list[Script] | None = None,
    *,
    is_active: bool = True,
    rivals: tuple[int, ...] = (),
) -> list[str]:
    findings = lint_config(
        active, inactive or [], is_active=is_active, rivals=rivals, is_echo_prone=lambda text: text == "在吗?"
    )
    return [f"{finding.rule}:{finding.severity}" for finding in findings]


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ([script(1, 1), script(2, 2), script(3, 0)], []),
        ([script(1, 0)], []),
        ([], ["no_scripts:error"]),
        ([script(1, 1)], ["no_day_zero:info"]),
        ([script(1, 2), script(2, 0)], ["gap:warning"]),
        ([script(1, 1), script(2, 4), script(3, 0)], ["gap:warning", "gap:warning"]),
        ([script(1, 1, "在吗?"), script(2, 0)], ["echo_prone:warning"]),
    ],
)
def test_scripts(active: list[Script], expected: list[str]) -> None:
    assert rules(active) == expected


def test_the_config_itself() -> None:
    texts = [script(1, 1), script(2, 0)]
    assert rules(texts, is_active=False) == ["config_inactive:warning"]
    assert rules(texts, rivals=(7, 9)) == ["rival_config:warning"]
    assert rules(texts, is_active=False, rivals=(7,)) == ["config_inactive:warning"]
    assert rules(texts, [script(3, 1, "在吗?")]) == ["inactive_script:info"]


def test_findings_say_which_script_they_are_about() -> None:
    findings = lint_config(
        [script(1, 1, "在吗?"), script(2, 0)],
        [script(3, 5)],
        is_active=True,
        rivals=(),
        is_echo_prone=lambda text: text == "在吗?",
    )
    assert [(finding.rule, finding.script_id) for finding in findings] == [("inactive_script", 3), ("echo_prone", 1)]


def test_gaps_are_named_and_bounded() -> None:
    findings = lint_config(
        [script(1, 1), script(2, 3), script(3, 100_000)],
        [],
        is_active=True,
        rivals=(),
        is_echo_prone=lambda _text: False,
    )
    gaps = [finding.message for finding in findings if finding.rule == "gap"]
    assert gaps[0].startswith("第2天")
    assert len(gaps) == 50
    assert all("直接跳到下一天" in message for message in gaps)
    with_tail = lint_config(
        [script(1, 2), script(2, 0)], [], is_active=True, rivals=(), is_echo_prone=lambda _text: False
    )
    assert "往后一直" in with_tail[0].message


@pytest.mark.parametrize(("day", "expected"), [(367, []), (368, [2])])
def test_a_script_behind_more_than_a_year_of_filled_days_is_never_reached(day: int, expected: list[int]) -> None:
    # Days 2 to 366 are 365 empty ones, of 24 hours each: exactly a year.
    active = [script(1, 1), script(2, day), script(3, 0)]
    findings = lint_config(active, [], is_active=True, rivals=(), is_echo_prone=lambda _text: False)
    assert [finding.script_id for finding in findings if finding.rule == "unreachable_script"] == expected
