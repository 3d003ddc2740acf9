"""
Where a text holds what identifies people: addresses, numbers of phones, cards and accounts.

Every pattern begins where a word or a run of digits begins and has bounds, so that the time grows
with the length of the text alone.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

import attrs

__all__ = ["FINDERS", "Finder", "Span"]

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})",
    re.IGNORECASE,
)
_SPELT_OUT_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64} ?[\[(]at[\])] ?[\w-]{1,63}"
    r"(?:(?:\.| ?[\[(]dot[\])] ?)[\w-]{1,63}){1,5}",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?<![\w@.-])(?:[a-z][a-z0-9+]{1,9}://|www\.)[^\s<>\"\[\]{}|\\^`]{2,}"
    # Without a scheme: an ending that is no word, or any short one before a path.
    r"|(?<![\w@./-])(?:[a-z0-9][a-z0-9-]{0,61}\.){1,5}"
    r"(?:(?:com|org|net|edu|gov|info|biz|io|app|dev|eu|uk|fr|nl|ch|pt|br|jp|kr|pl|se|dk|fi|ru|au|nz"
    r"|ie|ca|cz|gr|hu|tr|mx|za)(?![\w-])(?:/[^\s<>\"\[\]{}|\\^`]*)?"
    r"|[a-z]{2,6}/[^\s<>\"\[\]{}|\\^`]+)",
    re.IGNORECASE,
)
_AFTER_URL = tuple(".,;:!?'\")]}…»”’*_")

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?![\w])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:.]{2,45}(?:%\w{1,15})?", re.IGNORECASE)

_IBAN = re.compile(r"(?<![^\W_])[a-z]{2}[0-9]{2}(?=[ -]?[a-z0-9]{2})", re.IGNORECASE)
_IBANS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29
ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24
RS22 SA24 SC31 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VA22 VG24 XK20
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBANS.split()}
_LONGEST_IBAN = 34 + 12  # with a space after every third character or so

# A run of digits in groups: "+49 (0)30 / 123-456", "4111 1111 1111 1111".
_RUN = re.compile(
    r"(?<![\w.,+$€£¥#])(?<![0-9]:)(?<![$€£¥] )[+(]{0,2}[0-9]"
    r"(?:(?:[ \u00a0\u2009\u202f.\-–/]|\) ?-?| ?\(| / | - )?[0-9])*+"
)
_DATE = re.compile(
    r"(?<![0-9])(?:[0-3]?[0-9]([./-])[0-3]?[0-9]\1(?:19|20)?[0-9]{2}"
    r"|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9])(?![0-9])"
)
_GROUP = re.compile(r"[+(]{0,2}(?P<digits>[0-9]+)\)?")
_CARD_GROUPS = {
    *((4, 4, 4, 4, *rest) for rest in [(), (1,), (2,), (3,)]),
    *((8, 8), (4, 4, 8), (4, 8, 4), (8, 4, 4), (4, 6, 5), (4, 6, 4)),
}
_CARD_LENGTHS = range(13, 20)
_PHONE_LENGTHS = range(6, 18)
_E164 = range(7, 16)
_E164_OR_LOCAL = range(6, 16)
_MOST_GROUPS = 8

_ASKED_TO_CALL = re.compile(
    r"(?:\b(?:tel|ph|mob|fon|phone|telephone|telefon\w*|tél|téléphone|teléfono|telefone|telefono|mobile|mobil"
    r"|handy|cell|whatsapp|signal|call|calls|called|calling|ring|rang|text|texted|dial|fax|rufnummer"
    r"|hotline|sms|(?:my|his|her|their|new|meine|seine|ihre|mon|mi|mio) (?:number|nummer|numéro|número"
    r"|numero))\b|[☎📞📱]|電話|电话|전화|тел)"
    r"(?:\W{0,3}\w{0,8}){0,2}\W{0,3}$",
    re.IGNORECASE,
)


def _spelt_out_emails(text: str) -> Iterator[Span]:
    return (match.span() for match in _SPELT_OUT_EMAIL.finditer(text))


def _emails(text: str) -> Iterator[Span]:
    return (match.span() for match in _EMAIL.finditer(text))


def _urls(text: str) -> Iterator[Span]:
    for match in _URL.finditer(text):
        yield match.start(), match.start() + _length_of_url(match[0])


def _length_of_url(found: str) -> int:
    """Return the length of *found* without the marks of the sentence around it."""
    length, unopened = len(found), found.count(")") - found.count("(")
    while found.endswith(_AFTER_URL, 0, length):
        if found[length - 1] == ")":
            if unopened <= 0:
                break
            unopened -= 1
        length -= 1
    return length


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
    return _windows(text, _CARD_LENGTHS, _is_card)


def _phones(text: str) -> Iterator[Span]:
    return _windows(text, _PHONE_LENGTHS, _is_phone)


@attrs.frozen
class _Window:
    """Some groups of digits in a row, as they are written and without what stands between."""

    text: str
    start: int
    stop: int
    sizes: tuple[int, ...]

    @property
    def written(self) -> str:
        return self.text[self.start : self.stop]

    @property
    def digits(self) -> str:
        return "".join(filter(str.isdigit, self.written))


def _windows(text: str, lengths: range, fits: Callable[[_Window], bool]) -> Iterator[Span]:
    """Yield the longest stretches of groups that *fit*, from the left, within runs of digits."""
    for run in _RUN.finditer(text):
        if len(run[0]) < lengths.start or text[run.end() : run.end() + 1].isalpha():
            continue
        for groups in _between_dates(text, *run.span()):
            end = 0
            for first, group in enumerate(groups):
                if group.start() < end:
                    continue
                fitting = filter(fits, _from(text, groups[first : first + _MOST_GROUPS], lengths))
                longest = max(fitting, key=lambda window: window.stop, default=None)
                if longest is not None:
                    end = longest.stop
                    yield _without_half_brackets(longest)


def _from(text: str, groups: list[re.Match[str]], lengths: range) -> Iterator[_Window]:
    sizes: tuple[int, ...] = ()
    for group in groups:
        sizes = (*sizes, len(group["digits"]))
        if sum(sizes) in lengths:
            yield _Window(text, groups[0].start(), group.end(), sizes)


def _between_dates(text: str, start: int, stop: int) -> Iterator[list[re.Match[str]]]:
    for date in _DATE.finditer(text, start, stop):
        yield list(_GROUP.finditer(text, start, date.start()))
        start = date.end()
    yield list(_GROUP.finditer(text, start, stop))


def _without_half_brackets(window: _Window) -> Span:
    opened, closed = window.written.count("("), window.written.count(")")
    return window.start + (opened > closed), window.stop - (closed > opened)


def _is_card(window: _Window) -> bool:
    sizes, number = window.sizes, window.digits
    if "+" in window.written or number[0] not in "23456":
        return False
    return (len(sizes) == 1 or sizes in _CARD_GROUPS) and _luhn(number)


def _luhn(number: str) -> bool:
    doubled = (int(char) * (1 + i % 2) for i, char in enumerate(reversed(number)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0  # noqa: PLR2004 - its digits


def _is_phone(window: _Window) -> bool:
    written, count = window.written, sum(window.sizes)
    if "+" in written[:2]:
        return count in _E164
    if "." in written and min(window.sizes) == 1:  # a decimal number
        return False
    return _has_area_code(window) or (count in _E164_OR_LOCAL and _is_asked_to_call(window))


def _has_area_code(window: _Window) -> bool:
    number, sizes = window.digits, window.sizes
    count = len(number)
    if number.startswith("00"):
        return number[2] != "0" and count >= 10  # noqa: PLR2004 - a country and a number
    if number.startswith("0"):
        return 9 <= count <= 12  # noqa: PLR2004 - a town and a number
    if window.written.startswith("("):
        return 9 <= count <= 11 and len(sizes) > 1  # noqa: PLR2004 - a town and a number
    if sizes in {(3, 3, 4), (1, 3, 3, 4)}:  # North America
        return number[-10] > "1" and number[-7] > "1" and number[:-10] in {"", "1"}
    return sizes == (5, 5) and number[0] in "6789"  # India


def _is_asked_to_call(window: _Window) -> bool:
    before = window.text[max(0, window.start - 30) : window.start]
    return not before[-4:].strip(" .-/()")[-1:].isdigit() and bool(_ASKED_TO_CALL.search(before))


FINDERS: tuple[tuple[str, Finder], ...] = (
    ("EMAIL", _spelt_out_emails),
    ("URL", _urls),
    ("EMAIL", _emails),
    ("IBAN", _ibans),
    ("CARD", _cards),
    ("IP", _ips),
    ("PHONE", _phones),
)
"""How each kind is found; an earlier one wins."""
