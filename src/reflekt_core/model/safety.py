"""
Whether a text speaks of a crisis: suicide or self-harm.

A screen, not a judgement. It knows direct phrases, mostly English, and misses what is only hinted
at ("I can't do this anymore"), misspelt or told in pictures. It looks for the writer's own crisis,
past or present, and for a person in danger now ("he wants to kill himself"); a death that is
mourned, an accident ("cut myself shaving"), a denial ("I don't want to die") and a figure of speech
("dying of laughter", "this traffic makes me want to die") are none. When in doubt it points to
help: a pointer too many does little harm.
"""

import re

from reflekt_core.model.insights import Safety, SafetyLevel

__all__ = ["RESOURCES", "screen"]

RESOURCES = (
    "If you are in danger right now, please call your local emergency number.",
    "You do not have to carry this alone. Free helplines everywhere: https://findahelpline.com",
    "If you can, tell someone you trust how you are.",
)
"""Help that is there everywhere. None of it depends on who or where the writer is."""

# A sentence is looked at only if it holds one of these.
_CUES = (
    r"kill|die|dying|dead|suicid|my life|end it|ending it|my self|myself|harm|overdos|goodbye|live"
    "|living|alive|exist|anymore|any more|any longer|wake up|born|better off|miss me|would notice"
    "|would care|would even|to end|disappear|himself|herself|themself|themselves|jump|wrist|throat"
    "|unaliv|hang"
)
_CUES_ELSEWHERE = (
    "quier|quitarme|quero|viver|minha vida|voglio|togliermi|mourir|tuer|suicider|jours|vivre|sterben"
    "|leben|umbringen|gedanken|geritzt|verletzt|ik wil|van kant|chcę|istiyorum|istemiyorum|хочу|死"
    "|自|不想活|生命|싶|أ|मर|आत्म"
)

# Every quantifier below is bounded, so that the time grows with the length of the text alone. The
# patterns are compiled when first used: `re` keeps them.

_FIGURATIVE = (
    r"\b(?:to die for|(?:dying|dead) to \w+|(?:rather|sooner) die than"
    r"|(?:die|dies|died|dying|dead) (?:of|from|with) (?:\w+ ){0,2}(?:laugh\w*|embarrass\w*|boredom"
    r"|curiosity|hunger|heat|cuteness|shame|envy|jealousy|happiness|joy|excitement|shock|thirst)"
    r"|(?:die|died|dying|dead|kill\w* (?:me|myself)) laughing|die (?:happy|old|trying|on me)"
    r"|suicide (?:squad|prevention|awareness|mission|bomb\w*|sprints?|squeeze|doors?|watch)"
    r"|(?:social|career|political|commercial|professional) suicide"
    r"|(?:traffic|commut\w+|meetings?|homework|heat|weather|queues?|songs?|hangovers?|mondays?|exams?"
    r"|essays?|spreadsheets?|e-?mails?|alarm|jokes?|puns?|karaoke|paperwork|taxes|burpees|squats"
    r"|laundry|dishes|cringe|small talk)(?: \w+){0,4} (?:makes?|made|making|has|have|had) me"
    r" (?:(?:just|really|honestly|almost|kind of) ){0,2}want(?:ing)? to (?:die|kill myself))\b"
)

# Said of oneself; a denial right before it ("I would never …") takes it back.
_ACT = (
    r"(?:kill(?:ing)?|hang(?:ing)?|shoot(?:ing)?|drown(?:ing)?|poison(?:ing)?|unalive|unaliving)"
    r" my ?self"
    r"|(?:end|ending|take|taking) my (?:own )?life|end(?:ing)? it all"
    r"|slit(?:ting)? my (?:\w+ )?(?:wrists?|throat)"
)
_UNLESS_DENIED = (
    rf"\b(?:{_ACT}"
    r"|(?:want|wanted|wanting|deserve|ready|prefer|longing|praying|wanna)"
    r"(?: to)?(?: just| simply)? (?:die|be dead)"
    r"|wish(?:ed|ing)? (?:that )?i (?:(?:was|were|would|could|could just|'d) )?(?:just )?(?:be )?(?:dead|die)"
    r"|hop(?:e|ed|ing) i (?:just )?die|better off dead"
    r"|(?:am|i'm|feel|feeling|felt|been|being|was|get|getting) (?:(?!not\b|never\b)\w+ ){0,2}suicidal"
    r"|suicidal (?:thoughts?|feelings?|ideation|urges?|again)"
    r"|(?:commit|committing|attempt|attempting|attempted|consider|considering|considered"
    r"|contemplat\w+|planning|think(?:ing)? (?:about|of)|thought (?:about|of)|thoughts of)"
    r" (?:my (?:own )?)?suicide|my (?:own )?suicide|my goodbye (?:note|letter)"
    r"|(?:want|wanted|wanting|urges?|tempted|going|need|needed|started|starting|thinking about"
    r"|thoughts of|began|back to|keep|kept|been)(?: to)? "
    r"(?:self[- ]?harm(?:ing)?|(?:cut|cutting|hurt|hurting|harm|harming|burn|burning|starve|starving)"
    r" my ?self)"
    r"|i (?:\w+ ){0,2}self[- ]?harm(?:ed|ing)?"
    r"|overdos(?:e|ing) on purpose|i (?:just )?want to overdose"
    r"|(?:want|wanted|going|thinking about|thought about|thinking of|thought of) (?:to )?"
    r"(?:jump|jumping) (?:off|from|in front of)"
    r" (?:a|the|my) (?:bridge|roof|balcony|building|train|cliff|window))\b"
)
_DONE = r"\b(?:cut|hurt|harm|harmed|burned|burnt|killed|starved) my ?self\b"
_OUTRIGHT = (
    r"\b(?:(?:don't|dont|do not|didn't|no longer|never) (?:really |even )?(?:want|wanna)(?: to)?"
    r" (?:(?:live|be alive|exist)(?= *(?:$|[.,;!?…]|any ?more\b|any longer\b|and\b|or\b|but\b))"
    r"|be (?:here|around|on this earth|in this world) (?:any ?more|any longer)"
    r"|wake up(?: (?:tomorrow|any ?more|again|ever))(?! early))"
    r"|(?:no|any) (?:reason|point|will|desire) (?:to|in) (?:liv(?:e|ing)|be(?:ing)? alive)"
    r"|nothing (?:left )?to live for"
    r"|(?:life|it)(?: is|'s| isn't| is not) (?:not )?worth living"
    r"|wish(?:ed)? i (?:had never been|was never|were never|'d never been|hadn't been) born"
    r"|better off (?:without me|if i (?:was|were|wasn't|weren't|died|didn't))"
    r"|(?:no ?one|nobody) would (?:even )?(?:miss me|care if i (?:died|was gone|were gone|disappeared)"
    r"|notice if i (?:died|was gone|were gone|disappeared))"
    r"|want (?:it all|everything) to end|want to disappear (?:for ?ever|for good)"
    r"|(?:wants|wanting|threaten(?:s|ed|ing)|going|trying|plans|planning) to (?:kill|hurt|harm|hang)"
    r" (?:himself|herself|themsel(?:f|ves))"
    r"|(?:he|she|they|friend|son|daughter|brother|sister|partner)(?: is|'s| are|'re) (?:\w+ )?suicidal)\b"
)
_DENIAL = (
    r"(?:\b(?:not|never|no|without|nor)|n't|\b(?:dont|wont|didnt|wouldnt))"
    r"(?: [a-z']+){0,2} ?$"
)
_NO_DENIAL = (
    r"\b(?:why not|can't (?:stop|help)|cannot (?:stop|help)|couldn't (?:stop|help))[ a-z']*$"
)
# What comes after it may say that it was an idiom, or an accident or strain.
_IDIOM = (
    r"(?: [a-z']+){0,2} (?:some slack|a slice|a piece|off|short|out|a break|laughing|to finish"
    r"|over this|with work)\b"
)
_ACCIDENT = (
    r"(?: [a-z']+){0,3} (?:shaving|cooking|chopping|slicing|peeling|opening|while|playing|running"
    r"|falling|fell|climbing|lifting|skiing|slipping|tripping|gym|practice|football|training"
    r"|on (?:a|an|the|some|my)|working|trying to|at work|by accident|accidentally"
    r"|in the kitchen)\b"
)
# What is wished or thought of is no accident.
_WISHED = r"\b(?:want|wanna|wish|think|thought|going|plan|tempt|urge|need|consider)"
_NOT_MINE = r"\b(?:training|workshop|patients?|clients?|policy|documentary|article|podcast)\b"

_ELSEWHERE = (
    # Spanish, Portuguese, Italian, French
    r"(?<!no )\bquiero (?:morir(?:me)?|matarme|suicidarme)\b(?! de (?:risa|verg|hambre|sue|calor))"
    r"|(?<!no )\bme quiero (?:morir|matar)\b(?! de (?:risa|verg|hambre|sue|calor))"
    r"|\bno quiero (?:seguir viviendo|vivir)(?: más)?(?= *(?:$|[.,;!]))|\bquitarme la vida\b"
    r"|(?<!não )\bquero (?:morrer|me matar)\b(?! de (?:rir|vergonha|fome))"
    r"|\bnão quero (?:mais )?viver(?= *(?:$|[.,;!]| mais))|\bacabar com a minha vida\b"
    r"|(?<!non )\bvoglio (?:morire|uccidermi|ammazzarmi|suicidarmi)\b(?! da[li]? |\sdi )"
    r"|\btogliermi la vita\b|\bnon voglio più vivere\b"
    r"|\bje veux mourir\b(?! de)|\benvie de (?:mourir\b(?! de)|me tuer\b|me suicider\b)"
    r"|\bveux me (?:tuer|suicider)\b|\bfin à mes jours\b|\bveux plus vivre\b|\bplus envie de vivre\b"
    # German, Dutch
    r"|\bich (?:will|möchte|wollte) (?:nur noch |einfach )?sterben\b|\bich will nicht mehr leben\b"
    r"|\b(?:will|möchte|werde|wollte) mich (?:selbst )?umbringen\b|\bmir das leben (?:zu )?nehmen\b"
    r"|\b(?:selbstmord|suizid)gedanken\b|\bmich (?:wieder |selbst )?(?:geritzt|selbst verletzt)\b"
    r"|\bik wil (?:dood|niet meer leven)\b|\bmezelf van kant maken\b"
    # Polish, Turkish, Russian
    r"|(?<!nie )\bchcę (?:umrzeć|się zabić)\b|\bnie chcę (?:już )?żyć(?= *(?:$|[.,;!]))"
    r"|\bölmek istiyorum\b|\bintihar etmek istiyorum\b|\byaşamak istemiyorum\b"
    r"|(?<!не )\bхочу (?:умереть|покончить с собой|убить себя)\b|\bне хочу (?:больше )?жить(?= *(?:$|[.,;!]))"
    # Japanese, Chinese, Korean, Arabic, Hindi
    r"|死にたい|自殺したい|我想死(?!你|妳|他|她)|(?<!不)想自[杀殺]|不想活了|[结結]束自己的生命"
    r"|죽고 ?싶(?!지 않)|자살하고 ?싶(?!지 않)|أريد أن أموت|أريد أن أقتل نفسي|أفكر في الانتحار"
    r"|मरना चाहत[ाी] ह|आत्महत्या करना चाहत"
)


def screen(text: str) -> Safety:
    """Return `CONCERN` with where to find help if *text* speaks of a crisis, else `NONE`."""
    plain = " ".join(text.lower().replace("’", "'").replace("‘", "'").split())
    if any(map(_in_crisis, re.split(r"[.!?;…。！？]+", plain))):
        return Safety(SafetyLevel.CONCERN, RESOURCES)
    return Safety()


def _in_crisis(sentence: str) -> bool:
    if re.search(_CUES, sentence) and _in_english(re.sub(_FIGURATIVE, " ", sentence)):
        return True
    return bool(re.search(_CUES_ELSEWHERE, sentence) and re.search(_ELSEWHERE, sentence))


def _in_english(sentence: str) -> bool:
    return (
        bool(re.search(_OUTRIGHT, sentence))
        or any(map(_meant, re.finditer(_UNLESS_DENIED, sentence)))
        or any(map(_hurt, re.finditer(_DONE, sentence)))
    )


def _meant(match: re.Match[str]) -> bool:
    ahead, after = _around(match)
    denied = re.search(_DENIAL, ahead) and not re.search(_NO_DENIAL, ahead)
    if denied or re.match(_IDIOM, after) or re.search(_NOT_MINE, after):
        return False
    wished = re.search(_WISHED, ahead + match[0])
    return bool(wished) or not re.match(_ACCIDENT, after)


def _hurt(match: re.Match[str]) -> bool:
    ahead, after = _around(match)
    return not any((re.search(_DENIAL, ahead), re.match(_IDIOM, after), re.match(_ACCIDENT, after)))


def _around(match: re.Match[str]) -> tuple[str, str]:
    sentence = match.string
    ahead = sentence[max(0, match.start() - 40) : match.start()]
    return ahead, sentence[match.end() : match.end() + 40]
