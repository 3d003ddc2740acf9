"""
Where a text holds what identifies people: addresses, numbers of phones, cards and accounts.

Every pattern begins where a word or a run of digits begins and has bounds, so that the time grows
with the length of the text alone.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

__all__ = ["FINDERS", "Finder", "Span"]

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?<![\w@.-])(?:[a-z][a-z0-9+]{1,9}://|www\.)[^\s<>\"\[\]{}|\\^`]{2,2000}"
    # Without a scheme: an ending that is no word, or any short one before a path.
    r"|(?<![\w@./-])(?:[a-z0-9][a-z0-9-]{0,61}\.){1,5}"
    r"(?:(?:com|org|net|edu|gov|info|biz|io|app|dev|eu|uk|fr|nl|ch|pt|br|jp|kr|pl|se|dk|fi|ru|au|nz"
    r"|ie|ca|cz|gr|hu|tr|mx|za)(?![\w-])(?:/[^\s<>\"\[\]{}|\\^`]{0,2000})?"
    r"|[a-z]{2,6}/[^\s<>\"\[\]{}|\\^`]{1,2000})",
    re.IGNORECASE,
)
_AFTER_URL = tuple(".,;:!?'\")]}…»”’*_")

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?![\w])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:.]{2,45}(?:%\w{1,15})?", re.IGNORECASE)

_IBAN = re.compile(r"(?<![^\W_])[a-z]{2}[0-9]{2}(?=[ -]?[a-z0-9]{2})", re.IGNORECASE)
_IBAN_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28"
        " EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23"
        " IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30"
        " NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TN24 TR26"
        " UA29 VA22 VG24 XK20"
    ).split()
}
_LONGEST_IBAN = 34 + 12  # with a space after every third character or so

# A run of digits in groups: "+49 (0)30 / 123-456", "4111 1111 1111 1111".
_RUN = re.compile(
    r"(?<![\w.,:+$€£¥#])(?<![$€£¥] )[+(]{0,2}[0-9]"
    r"(?:(?:[ \u00a0\u2009\u202f.\-–/]|\) ?-?| ?\(| / | - )?[0-9])*+"
)
_DATE = re.compile(
    r"(?<![0-9])(?:[0-3]?[0-9]([./-])[0-3]?[0-9]\1(?:19|20)?[0-9]{2}"
    r"|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9])(?![0-9])"
)
_GROUP = re.compile(r"[+(]{0,2}[0-9]+\)?")
_CARD_GROUPS = {(4, 4, 4, 4), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4)}
_CARD_LENGTHS = range(13, 20)
_MOST_GROUPS = 8

_ASKED_TO_CALL = re.compile(
    r"(?:\b(?:tel|fon|phone|telephone|telefon\w*|tél|téléphone|teléfono|telefone|telefono|mobile|mobil"
    r"|handy|cell|whatsapp|signal|call|calls|called|calling|ring|rang|text|texted|dial|fax|rufnummer"
    r"|hotline|sms|(?:my|his|her|their|new|meine|seine|ihre|mon|mi|mio) (?:number|nummer|numéro|número"
    r"|numero))\b|[☎📞📱]|電話|电话|전화|тел)"
    r"(?:\W{0,3}\w{0,8}){0,2}\W{0,3}$",
    re.IGNORECASE,
)


def _emails(text: str) -> Iterator[Span]:
    return (match.span() for match in _EMAIL.finditer(text)) if "@" in text else iter(())


def _urls(text: str) -> Iterator[Span]:
    for match in _URL.finditer(text):
        found = match[0]
        while found.endswith(_AFTER_URL) and not (
            found[-1] == ")" and found.count(")") <= found.count("(")
        ):
            found = found[:-1]
        yield match.start(), match.start() + len(found)


def _ips(text: str) -> Iterator[Span]:
    spans = [*_ipv6s(text), *(match.span() for match in _IPV4.finditer(text))]
    end = 0
    for start, stop in sorted(spans):
        if start >= end:  # one of version 4 may be the tail of one of version 6
            end = stop
            yield start, stop


def _ipv6s(text: str) -> Iterator[Span]:
    for match in _IPV6.finditer(text):
        found = match[0].rstrip(".")
        if not found.endswith("::"):
            found = found.removesuffix(":")
        if _is_ipv6(found) and not text[match.start() + len(found) :][:1].isalnum():
            yield match.start(), match.start() + len(found)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return any(map(str.isdigit, text))  # "a::b" is more often something else


def _ibans(text: str) -> Iterator[Span]:
    end = 0
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        if length is None or match.start() < end:
            continue
        stop = _end_of(text, match.start(), length)
        if stop and _is_iban(re.sub("[ -]", "", text[match.start() : stop])):
            end = stop
            yield match.start(), end


def _end_of(text: str, start: int, length: int) -> int | None:
    """Return where *length* letters and digits from *start* end, spaces between them or not."""
    seen = 0
    for i, char in enumerate(text[start : start + _LONGEST_IBAN], start):
        seen += char.isascii() and char.isalnum()
        if not (char.isascii() and (char.isalnum() or char in " -")):
            return None
        if seen == length:
            return None if text[i + 1 : i + 2].isalnum() else i + 1
    return None


def _is_iban(account: str) -> bool:
    turned = account[4:] + account[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _cards(text: str) -> Iterator[Span]:
    return _windows(text, _is_card)


def _phones(text: str) -> Iterator[Span]:
    return _windows(text, _is_phone)


Groups = list[tuple[int, int]]


def _windows(text: str, fits: Callable[[str, Groups], bool]) -> Iterator[Span]:
    """Yield the longest stretches of groups that *fit*, from the left, within runs of digits."""
    for match in _RUN.finditer(text):
        if text[match.end() : match.end() + 1].isalpha():
            continue
        for groups in _between_dates(text, match.span()):
            first = 0
            while first < len(groups):
                last = min(len(groups), first + _MOST_GROUPS)
                while last > first and not fits(text, groups[first:last]):
                    last -= 1
                if last > first:
                    yield _with_brackets(text, groups[first][0], groups[last - 1][1])
                first = max(last, first + 1)


def _between_dates(text: str, span: Span) -> Iterator[Groups]:
    start, stop = span
    for date in _DATE.finditer(text, start, stop):
        yield _groups(text, start, date.start())
        start = date.end()
    yield _groups(text, start, stop)


def _groups(text: str, start: int, stop: int) -> Groups:
    return [match.span() for match in _GROUP.finditer(text, start, stop)]


def _with_brackets(text: str, start: int, stop: int) -> Span:
    # A bracket without its other half stays in the text.
    if text[start:stop].count("(") > text[start:stop].count(")"):
        start += 1
    if text[start:stop].count("(") < text[start:stop].count(")"):
        stop -= 1
    return start, stop


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _is_card(text: str, groups: Groups) -> bool:
    sizes = tuple(len(_digits(text[start:stop])) for start, stop in groups)
    written = text[groups[0][0] : groups[-1][1]]
    number = _digits(written)
    if "+" in written or number[0] not in "23456":
        return False
    if sizes not in _CARD_GROUPS and not (len(sizes) == 1 and sizes[0] in _CARD_LENGTHS):
        return False
    return _luhn(number)


def _luhn(number: str) -> bool:
    doubled = (int(char) * (1 + i % 2) for i, char in enumerate(reversed(number)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0  # noqa: PLR2004 - its digits


def _is_phone(text: str, groups: Groups) -> bool:
    start, stop = groups[0][0], groups[-1][1]
    written = text[start:stop]
    number = _digits(written)
    sizes = [len(_digits(text[a:b])) for a, b in groups]
    if written.startswith(("+", "(+")):
        return 7 <= len(number) <= 15  # noqa: PLR2004 - E.164
    if "." in written and min(sizes) < 2:  # noqa: PLR2004 - a decimal number
        return False
    if _has_area_code(written, number, sizes):
        return True
    return len(number) in range(6, 16) and _is_asked_to_call(text, start)


def _is_asked_to_call(text: str, start: int) -> bool:
    before = text[max(0, start - 30) : start]
    return not before[-4:].strip(" .-/(")[-1:].isdigit() and bool(_ASKED_TO_CALL.search(before))


def _has_area_code(written: str, number: str, sizes: list[int]) -> bool:
    count = len(number)
    if number.startswith("00"):
        return number[2:3] != "0" and 10 <= count <= 17  # noqa: PLR2004 - a country and a number
    if number.startswith("0"):
        return 9 <= count <= 12  # noqa: PLR2004 - a town and a number
    if written.startswith("("):
        return 9 <= count <= 11 and len(sizes) > 1  # noqa: PLR2004 - a town and a number
    if sizes in ([3, 3, 4], [1, 3, 3, 4]):  # North America
        return number[-10] > "1" and number[-7] > "1" and (count == 10 or number[0] == "1")  # noqa: PLR2004
    return sizes == [5, 5] and number[0] in "6789"  # India


FINDERS: dict[str, Finder] = {
    "URL": _urls,
    "EMAIL": _emails,
    "IBAN": _ibans,
    "CARD": _cards,
    "IP": _ips,
    "PHONE": _phones,
}
"""How each kind is found; an earlier one wins."""
