"""The differences between a Moment record and a 24SevenOffice candidate, for the person who decides on a match."""

from collections.abc import Mapping
from enum import StrEnum

from i18n.messages import Message, msg
from models.admin.match_questions import Candidate
from models.enums import EntityType
from sync.records import Address
from sync.rules.matching import folded
from sync.rules.normalization import is_norwegian, organization_key


class Comparison(StrEnum):
    """The comparison of one field of a candidate."""

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
    EntityType.PROJECT: {
        "number": msg("Number"),
        "name": msg("Name"),
        "customer_number": msg("Customer number"),
    },
}
"""The compared fields of a record, with their labels."""


def compare(moment_record: Candidate | None, candidate: Candidate) -> Mapping[str, Comparison]:
    """Compare what a record of Moment and a candidate have, field by field; what neither has is left out.

    A name is the same however it is capitalized, an organization number however it is written. One e-mail address
    in common is enough. That Moment has no number yet says nothing.
    """
    compared = {name: _compared(name, moment_record, candidate) for name in _NAMES} if moment_record else {}
    return {name: found for name, found in compared.items() if found}


def one_line(address: Address | None) -> str:
    """Write an address in one line, such as "Storgata 1, 0155 Oslo"; a country that is not Norway comes last."""
    if address is None:
        return ""
    town = " ".join(filter(None, (address.postal_code, address.city)))
    country = "" if is_norwegian(address.country) else address.country
    return ", ".join(filter(None, (" ".join(address.street.split()), town, country)))


_NAMES = ("number", "name", "organization_number", "email", "customer_number", "address")


def _compared(name: str, moment_record: Candidate, candidate: Candidate) -> Comparison | None:
    ours, theirs = (_keys(name, getattr(each, name)) for each in (moment_record, candidate))
    if not ours or not theirs:
        if not (ours or theirs) or (name == "number" and not ours):
            return None
        return Comparison.NOT_IN_24SEVENOFFICE if ours else Comparison.NOT_IN_MOMENT
    return Comparison.SAME if ours & theirs else Comparison.DIFFERENT


def _keys(name: str, text: str) -> set[str]:
    """Return by what two are compared: a text means the same as another if they have one of these in common."""
    match name:
        case "organization_number":
            keys = {organization_key(text)}
        case "email":
            keys = {each.strip().casefold() for each in text.split(",")}
        case "address":
            keys = {"".join(filter(str.isalnum, text.casefold()))}
        case _:
            keys = {folded(text)}
    return keys - {""}
