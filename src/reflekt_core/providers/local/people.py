"""The people, animals and places of a text, and whether somebody has died."""

import re
from collections.abc import Iterator

from reflekt_core.providers.local.lexicon import word_list

__all__ = [
    "a_child_unborn",
    "animals",
    "children",
    "companions",
    "lost",
    "people",
    "places",
    "speaks_of_loss",
]

_KIN = (
    "mother|mom|mum|mama|father|dad|papa|parents|brother|brothers|sister|sisters|son|sons|daughter"
    "|daughters|wife|husband|partner|girlfriend|boyfriend|fiancé|fiancée"
    "|grandmother|grandma|grandfather|grandpa|granny|gran|nan|aunt|uncle|cousin|cousins|niece"
    "|nephew|friend|friends|boss|manager|colleague|colleagues|coworker|coworkers|teacher"
    "|neighbour|neighbor|neighbours|neighbors|roommate|flatmate|therapist|ex|mother-in-law"
    "|father-in-law|supervisor|landlord|landlady"
)
_CHILD = "baby|toddler|newborn|kids|children|little boy|little girl|little one|twins"
_PET = "dog|cat|puppy|kitten|horse|rabbit|hamster|bird|parrot|tortoise"
_WHICH = "best|old|little|big|older|younger|elder|dear|new|twin|beloved|late|eldest|youngest"
_NAME = r"[A-Z][a-zà-ÿ]{1,14}"

_SOMEBODY = re.compile(
    rf"\b(?:my|our) (?P<who>(?:(?:{_WHICH}) )?(?:{_KIN}))\b(?!-)(?P<name>(?-i: {_NAME})\b)?",
    re.IGNORECASE,
)
_CHILDREN = re.compile(rf"\b(?:my|our) (?P<who>{_CHILD})\b(?!-)", re.IGNORECASE)
_ANIMAL = re.compile(rf"\b(?:my|our) (?P<who>(?:(?:{_WHICH}) )?(?:{_PET}))\b(?!-)", re.IGNORECASE)
_DIED = r"(?:died|passed away|passed on|was put to sleep|is dying)"
_LOST = re.compile(
    rf"\b(?:my|our) (?P<a>(?:(?:{_WHICH}) )?(?:{_KIN}|{_CHILD}|{_PET}))"
    rf"(?: [a-z]+){{0,2}} {_DIED}\b"
    rf"|\b(?:my|our) (?P<b>{_KIN}|{_CHILD}|{_PET})(?:'s|’s) (?:death|funeral|grave|ashes|memorial"
    r"|gravestone|headstone)\b"
    rf"|\b(?:lost|buried|bury|mourning|grieving) (?:my|our) (?P<c>{_KIN}|{_CHILD}|{_PET})\b"
    rf"|\bmy late (?P<d>{_KIN})\b",
    re.IGNORECASE,
)
_LOST_KIN = re.compile(
    rf"(?<![a-z] )\b(?P<kin>Mum|Mom|Dad|Mama|Papa|Grandma|Grandpa|Granddad|Gran|Nan)(?: (?:has |had )?{_DIED}\b|['’]s (?:funeral|death|grave|ashes|gravestone))"
)
_LOST_NAME = re.compile(
    rf"\b(?P<name>{_NAME}) (?:has |had )?(?:died|passed away|was put to sleep)\b"
    rf"|\b(?:buried|mourning|[Gg]randma|[Gg]randpa) (?P<other>{_NAME})\b"
    rf"|\b(?P<third>{_NAME})['’]s (?:funeral|death|grave|ashes|gravestone)\b"
)
_LOSS = re.compile(
    r"\b(?:funeral|passed away|grave|graveside|gravestone|cemetery|mourn\w*|griev\w*|grief|widow\w*"
    r"|miscarriage|miscarried|stillborn|stillbirth|lost (?:the|our|my) baby|lost (?:him|her) (?:to|last|two|three|in)"
    r"|(?:his|her|dad's|mum's|mom's) ashes|scattered the ashes"
    r"|(?:he|she|they|mum|mom|dad|grandma|grandpa|gran|nan|grandmother"
    r"|grandfather|who) (?:had |has )?died|died (?:today|yesterday|last|this|on|in|two|a)"
    r"|(?:was|were|being|had (?:him|her)) put to sleep)\b",
    re.IGNORECASE,
)
_UNBORN = re.compile(
    r"\b(?:lost (?:the|our|my) baby|miscarriage|miscarried|stillborn|stillbirth|ectopic)\b",
    re.IGNORECASE,
)
# Without one of these no death is looked for.
_DEATH = (
    "died",
    "dying",
    "passed away",
    "passed on",
    "grave",
    "cemetery",
    "mourn",
    "griev",
    "grief",
    "widow",
    "miscarr",
    "stillb",
    "lost",
    "ashes",
    "put to sleep",
    "funeral",
    "buried",
    "bury",
    "death",
    "memorial",
    "headstone",
    "my late",
)
_LONG = 900
_LOSS_OF_OTHERS = re.compile(
    rf"\b(?:his|her|their|whose|'s) (?:{_KIN}) (?:had |has )?(?:died|passed away)\b[^.!?]*",
    re.IGNORECASE,
)
_NO_LOSS = re.compile(
    r"\b(?:phone|battery|laptop|car|engine|wifi|conversation|plant|internet) (?:just )?died\b"
    r"|\bdied (?:of|from|with) (?:laugh\w*|embarrass\w*|boredom|shame)\b|\bgood grief\b",
    re.IGNORECASE,
)

_PARENTS = ("mum", "mom", "dad", "mama", "papa", "gran", "nan")
_DOES = (
    "said|says|told|tells|asked|asks|laughed|laughs|smiled|smiles|thinks|thought|texted|called|hugged|cried|came over"
    "|and I|rang|phoned|wrote|looked|wanted|wants|brought|bought|gave|sang|read|cooked|sent|held|helped|didn't|doesn't"
    "|made|took|sat|presented|promised|explained|shouted|apologised|apologized|cleaned|cleans|played|danced|answered"
    "|listened|thanked|kissed|waved|nodded|whispered|yelled|invited|visited|offered|showed|walked|drove|hates|loves"
    "|believes|knows|knew|pretended|refused|suggested|agreed|forgot|talked|posted|left me|put"
)
_NAMED = re.compile(
    rf"(?:\b(?:with|called|told|asked|met|texted|hugged|thanked|phoned|helped|kissed|and me|me and|myself and|between)"
    rf" (?P<x>{_NAME})\b(?! [A-Z]|-))"
    rf"|(?<!Dr\. )(?<!Mr\. )(?<!Ms\. )(?<!Mrs\. )(?<!Dr )(?<!Mr )(?<!Ms )(?<!Mrs )\b(?P<y>{_NAME})"
    rf" (?:{_DOES})\b"
)
_CALLED = re.compile(
    r"(?<!the )(?<!The )(?<!a )(?<!my )(?<!My )(?<!his )(?<!her )(?<!their )(?<!our )(?<!your )(?<!dear )(?<!s )"
    r"\b(?P<kin>(?i:mum|mom|granddad|dad|mama|papa|grandma|grandpa|gran|nan))\b(?! [A-Z]|-|'s? ?[a-z]+ (?:died|funeral))"
)
_AUNT = re.compile(rf"\b(?P<who>Aunt|Auntie|Uncle) (?P<name>{_NAME})\b")
_PLACE = re.compile(
    r"\b(?:at|in|to|by|on|near|along|through) (?P<place>the (?:beach|sea|park|garden|forest|woods|river|lake"
    r"|mountains?|hills?|coast|library|museum|pool|market|canal|cliffs?|lighthouse"
    r"|café|cafe|harbour|harbor|allotment|attic)(?! (?:path|road|house|bench|gate|wall|side|bed|front|shop|train|bus)))\b"
    r"|\b(?:in|near|around|visited|exploring|explored|leaving|left|reached)"
    rf" (?P<city>(?-i:{_NAME}(?: {_NAME})?))\b",
    re.IGNORECASE,
)
_STOOD_BY = (
    r"(?:held|hugged|stayed|came|brought|sat|rang|called|cooked|drove|helped|listened|read|sang)"
)
_COMPANION = re.compile(
    rf"\b(?:my|our) (?P<who>(?:(?:{_WHICH}) )?(?:{_KIN}))(?: (?P<name>(?-i:{_NAME})))? {_STOOD_BY}\b"
    rf"|\b(?:aunt|auntie|uncle) (?-i:{_NAME}) {_STOOD_BY}\b",
    re.IGNORECASE,
)


def speaks_of_loss(text: str) -> bool:
    """
    Whether somebody has died, or an animal; not a phone.

    In a long text the one mention of somebody else's loss does not make it a text of mourning.
    """
    low = text.lower()
    if not any(cue in low for cue in _DEATH):
        return False
    plain = _NO_LOSS.sub(" ", text)
    if len(text) > _LONG:
        plain = _LOSS_OF_OTHERS.sub(" ", plain)
    return bool(_LOSS.search(plain) or _LOST.search(plain))


def a_child_unborn(text: str) -> bool:
    """Whether a pregnancy or a birth ended in a death: there is no shared past to ask about."""
    return bool(_UNBORN.search(text))


def lost(plain: str) -> Iterator[str]:
    """Give those who have died, as said to the writer ("your sister")."""
    for match in _LOST.finditer(plain):
        yield "your " + (match["a"] or match["b"] or match["c"] or match["d"]).lower()
    for match in _LOST_KIN.finditer(plain):
        yield "your " + match["kin"].lower()
    for match in _LOST_NAME.finditer(plain):
        name = match["name"] or match["other"] or match["third"]
        if _is_name(name) and name not in {"Phone", "Battery", "Laptop", "Car"}:
            yield name


def companions(plain: str) -> Iterator[str]:
    """Give those who stood by the writer, as said to the writer."""
    for match in _COMPANION.finditer(plain):
        yield (
            _called(match["who"], match["name"])
            if match["who"]
            else f"your {match[0].rsplit(' ', 1)[0]}"
        )


def people(plain: str) -> Iterator[str]:
    """Give the grown-ups that are mentioned, as said to the writer."""
    low = plain.lower()
    for match in _AUNT.finditer(plain) if "aunt" in low or "uncle" in low else ():
        yield f"your {match['who'].lower()} {match['name']}"
    for match in _SOMEBODY.finditer(plain) if _speaks_of_own(plain) else ():
        name = (match["name"] or "").strip()
        yield _called(match["who"], name if _is_name(name) else "")
    for match in _CALLED.finditer(plain) if any(kin in low for kin in _PARENTS) else ():
        yield "your " + match["kin"].lower()
    for match in _NAMED.finditer(plain):
        name = match["x"] or match["y"]
        if _is_name(name):
            yield name


def children(plain: str) -> Iterator[str]:
    """Give the small children that are mentioned, as said to the writer."""
    for match in _CHILDREN.finditer(plain) if _speaks_of_own(plain) else ():
        yield f"your {match['who'].lower()}"


def animals(plain: str) -> Iterator[str]:
    """Give the animals that live with the writer, as said to the writer."""
    for match in _ANIMAL.finditer(plain) if _speaks_of_own(plain) else ():
        yield f"your {match['who'].lower()}"


def places(plain: str) -> Iterator[str]:
    """Give the places where something happened."""
    for match in _PLACE.finditer(plain):
        if match["place"]:
            yield "the " + match["place"][4:]
        elif all(_is_name(part) for part in match["city"].split()):
            yield match["city"]


def _speaks_of_own(plain: str) -> bool:
    return "my " in plain or "our " in plain or "My " in plain or "Our " in plain or plain.isupper()


def _called(who: str, name: str | None) -> str:
    return f"your {who.lower()} {name}" if name else f"your {who.lower()}"


def _is_name(word: str) -> bool:
    return (
        bool(word) and word not in word_list("not_a_name") and word.lower() not in word_list("stop")
    )
