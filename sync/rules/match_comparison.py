"""The comparison of a Moment record with one in 24SevenOffice, for the person who decides about a match."""

from collections.abc import Mapping
from enum import StrEnum

from i18n.messages import Message, msg
from models.enums import EntityType
from models.inbox.questions import Candidate
from sync.records import Address
from sync.rules.matching import fold_name
from sync.rules.organization_numbers import is_norwegian, organization_key


class Comparison(StrEnum):
    """The comparison of a field of a candidate with Moment's record."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_IN_MOMENT = "not_in_moment"
    NOT_IN_24SEVENOFFICE = "not_in_24sevenoffice"


FIELDS: Mapping[EntityType, Mapping[str, Message]] = {
    EntityType.CUSTOMER: {
        "number": msg("Number"),
        "name": msg("Name"),
        "organization_number": msg("Organization number"),
        "email": msg("Email"),
        "address": msg("Address"),
    },
    EntityType.PROJECT: {"number": msg("Number"), "name": msg("Name"), "customer_number": msg("Customer number")},
}
"""The compared fields of a record, with their labels."""


def compare(moment_record: Candidate | None, candidate: Candidate) -> Mapping[str, Comparison]:
    """Compare a Moment record with a candidate, field by field; a field that neither has is left out.

    Capitals in a name and the spelling of an organization number make no difference. One email address in common
    is enough. A number that Moment does not have yet is not compared.
    """
    compared = {name: _compare_field(name, moment_record, candidate) for name in _NAMES} if moment_record else {}
    return {name: found for name, found in compared.items() if found}


def one_line(address: Address | None) -> str:
    """Write an address in one line, such as "Storgata 1, 0155 Oslo"; a country that is not Norway comes last."""
    if address is None:
        return ""
    town = " ".join(filter(None, (address.postal_code, address.city)))
    country = "" if is_norwegian(address.country) else address.country
    return ", ".join(filter(None, (" ".join(address.street.split()), town, country)))


_NAMES = ("number", "name", "organization_number", "email", "customer_number", "address")


def _compare_field(name: str, moment_record: Candidate, candidate: Candidate) -> Comparison | None:
    ours, theirs = (_keys(name, getattr(each, name)) for each in (moment_record, candidate))
    if not ours or not theirs:
        if not (ours or theirs) or (name == "number" and not ours):
            return None
        return Comparison.NOT_IN_24SEVENOFFICE if ours else Comparison.NOT_IN_MOMENT
    return Comparison.SAME if ours & theirs else Comparison.DIFFERENT


def _keys(name: str, text: str) -> set[str]:
    """Return the keys of a text; two texts count as the same if they have a key in common."""
    match name:
        case "organization_number":
            keys = {organization_key(text)}
        case "email":
            keys = {each.strip().casefold() for each in text.split(",")}
        case "address":
            keys = {"".join(filter(str.isalnum, text.casefold()))}
        case _:
            keys = {fold_name(text)}
    return keys - {""}
