"""Variables in texts, and the form in which positions are compared."""

import pytest

from app.domain.followup import MissingVariableError, UnknownVariableError, check_variables, position_key, render

LIN = {"name": "林小满", "position": "Python开发"}
NOBODY: dict[str, str | None] = {"name": None, "position": None}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("没有变量", "没有变量"),
        ("{name} 与 }} 原样", "{name} 与 }} 原样"),
        ("{{name}}您好", "林小满您好"),
        ("{{ name }}您好", "林小满您好"),
        ("{{name|您}},{{position|合适的}}岗位", "林小满,Python开发岗位"),
        ("{{name}}{{name}}", "林小满林小满"),
    ],
)
def test_values_are_filled_in(content: str, expected: str) -> None:
    assert render(content, LIN) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{{name|您}}好", "您好"),
        ("{{name| 您 }}好", " 您 好"),
        ("{{name|}}好", "好"),
        ("{{name|您|他}}好", "您|他好"),
    ],
)
@pytest.mark.parametrize("values", [NOBODY, {}, {"name": ""}, {"name": "  "}])
def test_a_fallback_stands_in_for_a_missing_value(content: str, expected: str, values: dict[str, str | None]) -> None:
    assert render(content, values) == expected


@pytest.mark.parametrize("values", [NOBODY, {}, {"name": ""}, {"name": " \t"}])
def test_a_missing_value_without_a_fallback_leaves_no_hole(values: dict[str, str | None]) -> None:
    with pytest.raises(MissingVariableError) as caught:
        render("{{name}}您好", values)
    assert caught.value.variable == "name"


def test_values_are_not_templates() -> None:
    assert render("{{name}}", {"name": "{{position}}", "position": "秘密"}) == "{{position}}"


@pytest.mark.parametrize("content", ["", "您好", "{{name}}", "{{ position }}", "{{name|您}}", "{{name|}}", "{name}"])
def test_texts_that_can_be_filled_in(content: str) -> None:
    check_variables(content)


@pytest.mark.parametrize(
    "content",
    ["{{phone}}", "{{}}", "{{ }}", "{{Name}}", "{{name.x}}", "{{name", "name}}", "{{{{name}}", "{{na{me}}"],
)
def test_texts_that_cannot(content: str) -> None:
    with pytest.raises(UnknownVariableError):
        check_variables(content)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (None, ""),
        ("", ""),
        ("  ", ""),
        ("Python开发", "python开发"),
        ("  Python开发 ", "python开发"),
        ("Ｐｙｔｈｏｎ开发", "python开发"),
        ("PYTHON开发 ", "python开发"),
        ("Straße", "strasse"),
    ],
)
def test_positions_are_compared_without_width_case_and_edges(position: str | None, expected: str) -> None:
    assert position_key(position) == expected
