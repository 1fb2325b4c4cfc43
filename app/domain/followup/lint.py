"""What is odd about a config, said before anybody is written to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.followup.sequence import Script

HOURS_OF_A_YEAR = 8760


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark: a stable ``rule``, ``severity`` ``error|warning|info``, a message, the script it is about."""

    rule: str
    severity: str
    message: str
    script_id: int | None = None


def lint_config(
    active: Sequence[Script],
    inactive: Sequence[Script],
    *,
    is_active: bool,
    rivals: Sequence[int],
    is_echo_prone: Callable[[str], bool],
) -> tuple[Finding, ...]:
    """Look a config over: gaps, no day 0, scripts that never leave, texts taken for echoes, rivals."""
    findings = [
        *_about_config(active, is_active=is_active, rivals=rivals),
        *_gaps(active),
        *_unreachable(active),
        *(_inactive(script) for script in inactive),
    ]
    findings += [_echo(script) for script in active if is_echo_prone(script.content)]
    return tuple(findings)


def _about_config(active: Sequence[Script], *, is_active: bool, rivals: Sequence[int]) -> list[Finding]:
    findings = []
    if not is_active:
        findings.append(Finding("config_inactive", "warning", "配置未启用,不会发送 (the config is not active)"))
    if not active:
        findings.append(Finding("no_scripts", "error", "没有启用的话术,只会发送开场白 (no active script)"))
    elif all(script.day_number for script in active):
        findings.append(
            Finding(
                "no_day_zero",
                "info",
                "没有「往后一直」的话术,最后一天后结束 (no day-0 script: the sequence ends)",
            )
        )
    if is_active and rivals:
        ids = ", ".join(str(rival) for rival in rivals)
        findings.append(
            Finding("rival_config", "warning", f"同一岗位还有启用的配置 {ids},最新的生效 (the newest wins)")
        )
    return findings


def _gaps(active: Sequence[Script]) -> list[Finding]:
    days = {script.day_number for script in active if script.day_number}
    has_tail = any(script.day_number == 0 for script in active)
    filler = "用「往后一直」的话术补上 (filled by day 0)" if has_tail else "直接跳到下一天 (skipped)"
    return [Finding("gap", "warning", f"第{day}天没有启用的话术,{filler}") for day in _missing_days(days)]


def _missing_days(days: set[int], most: int = 50) -> list[int]:
    missing: list[int] = []
    previous = 0
    for day in sorted(days):
        missing += range(previous + 1, min(day, previous + 1 + most))
        previous = day
    return missing[:most]


def _unreachable(active: Sequence[Script]) -> list[Finding]:
    """Find scripts that stand behind so many empty days that filling those takes more than a year."""
    tail = [script.interval_hours for script in active if script.day_number == 0]
    if not tail:
        return []
    days = sorted({script.day_number for script in active if script.day_number})
    filled = {day: (day - 1 - days.index(day)) * min(tail) for day in days}
    return [
        Finding(
            "unreachable_script",
            "warning",
            f"之前的空档用「往后一直」的话术补足需要 {filled[script.day_number] // 24} 天以上,实际不会发到 "
            "(filling the empty days before it takes longer than a year)",
            script.id,
        )
        for script in active
        if script.day_number and filled[script.day_number] > HOURS_OF_A_YEAR
    ]


def _inactive(script: Script) -> Finding:
    return Finding("inactive_script", "info", "话术未启用,不会发送 (inactive script)", script.id)


def _echo(script: Script) -> Finding:
    return Finding(
        "echo_prone",
        "warning",
        "话术过短或过于常见,对方的同样回答会被当作回声 (an answer with the same words would be taken for an echo)",
        script.id,
    )
