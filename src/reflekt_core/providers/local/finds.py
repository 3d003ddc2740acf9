"""What a text offers to be taken up: wishes, feelings, people, places, and words to quote."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

import attrs

from reflekt_core.providers.local.lexicon import HEAVY, LIGHT, feeling_groups, word_list
from reflekt_core.providers.local.text import words

__all__ = ["Find", "Kind", "feelings_named", "finds", "speaks_of_loss"]


class Kind(StrEnum):
    """What a find is."""

    WISH = "wish"
    AVOIDANCE = "avoidance"
    DUTY = "duty"
    HEAVY = "heavy"
    LIGHT = "light"
    LIKING = "liking"
    DISLIKE = "dislike"
    MISSING = "missing"
    INSIGHT = "insight"
    QUESTION = "question"
    PERSON = "person"
    LOST = "lost"
    PLACE = "place"


@attrs.frozen
class Find:
    """Words of the text: for `PERSON`, `LOST` and `PLACE` as said to the writer ("your sister")."""

    kind: Kind
    words: str


_MOST_WORDS = 9
_LEAST_WORDS = 3
_MOST_SPACES = 11
_MOST_SENTENCES = 300
_LONGEST = 600

_ADVERB = r"(?:(?:so|very|really|just|still|also|quite|too|a bit|a little|pretty|always|never|only) ){0,2}"
_SAID = (
    (
        Kind.AVOIDANCE,
        r"[Ii] (?:keep|kept) (?:putting off|avoiding|pretending|postponing|hiding|running)\b",
    ),
    (
        Kind.AVOIDANCE,
        r"[Ii](?:'ve| have)? (?:been )?(?:avoided|avoiding|postponed|put off|putting off)\b",
    ),
    (Kind.AVOIDANCE, rf"[Ii] {_ADVERB}(?:don't|do not|didn't|did not) (?:want|dare) to\b"),
    (Kind.AVOIDANCE, r"[Ii] (?:can't|cannot|couldn't) (?:bring myself to|face)\b"),
    (
        Kind.AVOIDANCE,
        rf"[Ii](?:'m| am| was) {_ADVERB}(?:afraid|scared|terrified|ashamed) (?:of|to|that)\b",
    ),
    (Kind.WISH, rf"[Ii](?:'d| would) {_ADVERB}(?:love|like) (?:to|for)\b"),
    (
        Kind.WISH,
        rf"[Ii] {_ADVERB}(?:want|wanted|wish|hope|long|dream|intend) (?:to|of|for|that|I)\b(?! (?:remember|forget|keep))",
    ),
    (Kind.DUTY, rf"[Ii] {_ADVERB}(?:should|must|have to|need to|ought to)\b(?! (?:have|be) been)"),
    (Kind.MISSING, rf"[Ii] {_ADVERB}miss\b"),
    (
        Kind.INSIGHT,
        rf"[Ii](?:'ve| have)? {_ADVERB}(?:realised|realized|learned|learnt|decided|noticed|promised|discovered)\b",
    ),
    (Kind.INSIGHT, r"for the first time\b"),
    (Kind.LIKING, rf"[Ii] {_ADVERB}(?:love|loved|enjoy|enjoyed|adore)\b"),
    (Kind.DISLIKE, rf"[Ii] {_ADVERB}(?:hate|hated|can't stand|resent|dread)\b"),
)
_FEEL = re.compile(
    r"\b[Ii](?:'m| am| was| feel| felt|'ve been| have been|'m feeling| am feeling| was feeling)"
    r"(?P<rest>(?: [a-z']+){1,6})",
)
_SAID_PATTERN = re.compile("|".join(rf"(?P<k{i}>\b{p})" for i, (_, p) in enumerate(_SAID)))
_SPEECH = re.compile(r"[\"“][^\"“”]*[\"”]")
_CLAUSE_END = re.compile(
    r"[^\w\s'’-]|\s-|(?-i:\s(?=i\s))|\s(?:but|because|so|while|although|though|if|which|who|since|until|except|or|when"
    r"|then|as|and (?:i|then|he|she|they|we|it|my|the|that)|where|after|before|whenever|lol|haha)\b",
    re.IGNORECASE,
)

_KIN = (
    "mother|mom|mum|mama|father|dad|papa|parents|brother|brothers|sister|sisters|son|sons|daughter"
    "|daughters|wife|husband|partner|girlfriend|boyfriend|fiancé|fiancée|kids|children|baby"
    "|grandmother|grandma|grandfather|grandpa|granny|gran|nan|aunt|uncle|cousin|cousins|niece"
    "|nephew|friend|friends|boss|manager|colleague|colleagues|coworker|coworkers|teacher"
    "|neighbour|neighbor|neighbours|neighbors|roommate|flatmate|therapist|team|ex"
)
_PET = "dog|cat|puppy|kitten|horse|rabbit|hamster|bird"
_SOMEBODY = re.compile(
    rf"\b(?:my|our) (?P<kin>(?:(?:best|old|little|big|older|younger|dear|new|twin) )?(?:{_KIN}))\b(?!-)",
    re.IGNORECASE,
)
_LOST = re.compile(
    rf"\b(?:my|our) (?P<a>(?:(?:best|old|little|big|dear|beloved) )?(?:{_KIN}|{_PET}))"
    r"(?: [a-z]+){0,2} (?:died|passed away|passed on)\b"
    rf"|\b(?:my|our) (?P<b>{_KIN}|{_PET})(?:'s|’s) (?:death|funeral|grave|ashes|memorial)\b"
    rf"|\b(?:lost|buried|mourning|grieving) (?:my|our) (?P<c>{_KIN}|{_PET})\b",
    re.IGNORECASE,
)
_LOSS = re.compile(
    r"\b(?:funeral|passed away|grave|graveside|cemetery|mourn\w*|griev\w*|grief|widow\w*|ashes"
    r"|miscarriage|stillborn|(?:he|she|they|mum|mom|dad|grandma|grandpa|gran|nan|grandmother"
    r"|grandfather|who) (?:had |has )?died|died (?:today|yesterday|last|this|on|in|two|a)|(?:was|were|being|had (?:him|her)) put to sleep)\b",
    re.IGNORECASE,
)
_NO_LOSS = re.compile(
    r"\b(?:phone|battery|laptop|car|engine|wifi|conversation) (?:just )?died\b", re.IGNORECASE
)

_NAME = r"(?P<{}>[A-Z][a-zà-ÿ]{{2,14}})"
_NAMED = re.compile(
    rf"(?:\b(?:with|called|told|asked|met|texted|hugged|thanked|miss|visited|phoned|helped|kissed|and|love|saw)"
    rf" {_NAME.format('x')}\b(?! [A-Z]))"
    rf"|(?<!Dr\. )(?<!Mr\. )(?<!Ms\. )(?<!Mrs\. )\b{_NAME.format('y')} (?:said|says|told|asked|laughed|smiled|thinks|texted|called|hugged|cried|came over|and I)\b"
)
_CALLED = re.compile(
    r"(?<![a-z] )\b(?P<kin>Mum|Mom|Dad|Mama|Papa|Grandma|Grandpa|Gran|Nan)\b(?! [A-Z])"
)
_PLACE = re.compile(
    r"\b(?:at|in|to|by|on|near|along|through) (?P<place>the (?:beach|sea|park|garden|forest|woods|river|lake"
    r"|mountains?|hills?|coast|library|museum|church|mosque|temple|synagogue|cemetery|pool"
    r"|café|cafe|harbour|harbor|allotment|attic|hospital))\b",
    re.IGNORECASE,
)


def speaks_of_loss(text: str) -> bool:
    """Whether somebody has died, or an animal; not a phone."""
    plain = _NO_LOSS.sub(" ", text)
    return bool(_LOSS.search(plain) or _LOST.search(plain))


def finds(sentences: Sequence[str]) -> list[Find]:
    """Return what *sentences* offer, in their order, nothing twice."""
    found: dict[Find, None] = {}
    for sentence in sentences[:_MOST_SENTENCES]:
        plain = _own_words(sentence[:_LONGEST])
        for find in (*_said(sentence, plain), *_felt(sentence, plain), *_asked(sentence)):
            found.setdefault(find)
        for find in (*_people(plain), *_places(plain)):
            found.setdefault(find)
    lost = {find.words for find in found if find.kind is Kind.LOST}
    return [f for f in found if f.kind is not Kind.PERSON or f.words not in lost]


def feelings_named(sentences: Sequence[str]) -> list[str]:
    """Return the feelings that the writer says to have, each once, in order."""
    named: dict[str, None] = {}
    for sentence in sentences[:_MOST_SENTENCES]:
        for match in _FEEL.finditer(_own_words(sentence[:_LONGEST])):
            for word in _own_feelings(match["rest"]):
                named.setdefault(word)
    return list(named)


def _own_words(sentence: str) -> str:
    """Return *sentence* with straight apostrophes and, in place of other people's speech, dots."""
    return _SPEECH.sub(lambda match: "." * len(match[0]), sentence.replace("’", "'"))


def _said(sentence: str, plain: str) -> Iterator[Find]:
    for match in _SAID_PATTERN.finditer(plain):
        kind = _SAID[int((match.lastgroup or "k0")[1:])][0]
        quote = _quote(sentence, plain, match.start(), match.end())
        if quote and not (kind is Kind.WISH and "n't" in quote.replace("’", "'")):
            yield Find(kind, quote)
            return


def _felt(sentence: str, plain: str) -> Iterator[Find]:
    for match in _FEEL.finditer(plain):
        own = _own_feelings(match["rest"])
        if not own:
            continue
        groups = set(feeling_groups()[own[0]])
        kind = Kind.HEAVY if groups & HEAVY and not groups & LIGHT else Kind.LIGHT
        quote = _quote(
            sentence,
            plain,
            match.start(),
            match.start("rest") + match["rest"].find(own[0]) + len(own[0]),
        )
        if quote:
            yield Find(kind, quote)
            return


def _own_feelings(rest: str) -> list[str]:
    """Return the feeling words right at the beginning of what follows "I feel"."""
    named = []
    for word in rest.split():
        if word in {"not", "never", "no", "n't"}:
            return []
        groups = feeling_groups().get(word, ())
        if groups and (set(groups) & (HEAVY | LIGHT)) and not word.endswith("ly"):
            named.append(word)
        elif word not in word_list("filler"):
            break
    return named


def _quote(sentence: str, plain: str, start: int, end: int) -> str:
    """Return the clause that begins at *start* and goes on after *end*; "" if it does not end well."""
    stop = _CLAUSE_END.search(plain, end)
    clause = plain[start : stop.start() if stop else len(plain)].split()
    least = max(
        _LEAST_WORDS,
        len(plain[start:end].split())
        + (0 if plain[start:end].rsplit(maxsplit=1)[-1] in feeling_groups() else 1),
    )
    if len(clause) > _MOST_WORDS:
        cuts = [
            i for i in range(least, _MOST_WORDS + 1) if clause[i].lower() in word_list("cut_before")
        ]
        if not cuts:
            return ""
        clause = clause[: cuts[-1]]
    if len(clause) < least or _ends_badly(clause[-1].lower()) or not clause[-1][-1].isalnum():
        return ""
    return sentence[start : start + len(" ".join(clause))]


def _ends_badly(word: str) -> bool:
    return word in word_list("stop") and word not in word_list("good_ending")


def _asked(sentence: str) -> Iterator[Find]:
    if (
        sentence.endswith("?")
        and _LEAST_WORDS <= sentence.count(" ") <= _MOST_SPACES
        and not re.search(r"[\"“”«»()…]", sentence)
    ):
        found = words(sentence)
        if {"i", "my", "we", "me"} & set(found):
            yield Find(Kind.QUESTION, sentence)


def _people(plain: str) -> Iterator[Find]:
    if plain.islower() and "my " not in plain and "our " not in plain:
        return
    for match in _LOST.finditer(plain):
        yield Find(Kind.LOST, "your " + (match["a"] or match["b"] or match["c"]).lower())
    for match in _SOMEBODY.finditer(plain):
        yield Find(Kind.PERSON, "your " + match["kin"].lower())
    for match in _CALLED.finditer(plain):
        yield Find(Kind.PERSON, "your " + match["kin"].lower())
    for match in _NAMED.finditer(plain):
        name = match["x"] or match["y"]
        if name not in word_list("not_a_name"):
            yield Find(Kind.PERSON, name)


def _places(plain: str) -> Iterator[Find]:
    for match in _PLACE.finditer(plain):
        yield Find(Kind.PLACE, match["place"].lower())
