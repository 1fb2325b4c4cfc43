"""Which numbers may be dialled at all."""

from functools import lru_cache


@lru_cache(maxsize=10_000)
def is_dialable(phone: str) -> bool:
    """Tell whether a stored number is a full, valid one; never emergency, short or premium-rate numbers.

    Args:
        phone: E.164; anything else (digits as somebody wrote them) is not dialled.
    """
    import phonenumbers  # noqa: PLC0415 - its tables are slow to import, and no start needs them
    from phonenumbers import PhoneNumberType, shortnumberinfo  # noqa: PLC0415 - slow to import, like the line above

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != phone:
        return False
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
    }:
        return False
    region = phonenumbers.region_code_for_number(number)
    return not (region and shortnumberinfo.is_emergency_number(str(number.national_number), region))
