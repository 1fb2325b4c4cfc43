"""Identifiers: one form for each person's phone, user, WeChat, QQ and e-mail."""

import pytest

from app.domain.identifiers import (
    Identifier,
    IdentifierKind,
    digest,
    identifier,
    normalise_phone,
    split_user,
    stored_identifier,
    user_identifier,
    written_forms,
)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("138\u20130013\u20138000", "+8613800138000"),
        ("138.0013.8000", "+8613800138000"),
        ("\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("008613800138000", "+8613800138000"),
        ("13800138000.0", "+8613800138000"),
        ("(010) 6234 5678", "+861062345678"),
        ("+1 (650) 253-0000", "+16502530000"),
        ("+852 9123 4567", "+85291234567"),
        ("95588", "95588"),
        ("10000000001", "10000000001"),
        ("+99912345", "+99912345"),
    ],
)
def test_a_phone_has_one_form(given: str, stored: str) -> None:
    assert normalise_phone(given) == stored


@pytest.mark.parametrize(
    "given",
    [
        "",
        "abc",
        "1380013800a",
        "tel 13800138000",
        "1-800-FLOWERS",
        "138****8000",
        "1.38E+10",
        "1234",
        "1234567890123456",
        "13800138000转12",
        "++8613800138000",
        "13800138000\n13900139000",
        "٠١٢٣٤٥٦٧٨٩",
    ],
)
def test_what_is_no_phone_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        normalise_phone(given)


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("phone", " 138 0013 8000 ", "+8613800138000"),
        ("wechat", "LinXiao_0607", "linxiao_0607"),
        ("qq", "10001", "10001"),
        ("email", "Lin.Xiao@Example.com", "lin.xiao@example.com"),
        ("user", "1:Wx-8812", "1:Wx-8812"),
        ("user", "1:a:b", "1:a:b"),
    ],
)
def test_an_identifier_has_one_form(kind: str, given: str, stored: str) -> None:
    assert identifier(IdentifierKind(kind), given) == Identifier(IdentifierKind(kind), stored)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("phone", "none"),
        ("wechat", " "),
        ("wechat", "lin xiao"),
        ("wechat", "x" * 321),
        ("qq", "0123456"),
        ("qq", "1234"),
        ("email", "lin.xiao"),
        ("email", "a@b@c.d"),
        ("user", "wx-8812"),
        ("user", "1:"),
        ("user", "0:abc"),
        ("user", "9999999999999999999:abc"),
        ("user", f"1:{'x' * 257}"),
    ],
)
def test_what_is_no_identifier_is_refused(kind: str, given: str) -> None:
    with pytest.raises(ValueError, match=r"\("):
        identifier(IdentifierKind(kind), given)


def test_a_user_identifier_can_be_taken_apart() -> None:
    assert split_user(user_identifier(7, "a:b")) == (7, "a:b")


@pytest.mark.parametrize(
    ("kind", "value", "compared"),
    [
        ("phone", "13800138000", "+8613800138000"),
        ("phone", "not-a-phone", "not-a-phone"),
        ("wechat", "Wxid_ABC", "wxid_abc"),
        ("user", "1:Ab", "1:Ab"),
    ],
)
def test_stored_details_are_compared_in_the_same_form(kind: str, value: str, compared: str) -> None:
    assert stored_identifier(kind, value).value == compared


def test_a_home_phone_may_have_been_saved_without_its_prefix() -> None:
    assert written_forms(Identifier(IdentifierKind.PHONE, "+8613800138000")) == ("+8613800138000", "13800138000")
    assert written_forms(Identifier(IdentifierKind.PHONE, "+16502530000")) == ("+16502530000",)
    assert written_forms(Identifier(IdentifierKind.QQ, "10001")) == ("10001",)


def test_a_digest_depends_on_key_kind_and_value() -> None:
    phone, qq = Identifier(IdentifierKind.PHONE, "10001"), Identifier(IdentifierKind.QQ, "10001")
    digests = {digest(phone, "a"), digest(phone, "b"), digest(qq, "a"), digest(phone, "a")}
    assert len(digests) == 3
    assert all(len(value) == 64 and "10001" not in value for value in digests)
