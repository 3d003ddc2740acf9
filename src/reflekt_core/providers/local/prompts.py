"""Prompts: those of `prompts.txt`, and some composed around the themes that are asked for."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from uuid import UUID, uuid5

from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, WritePrompts
from reflekt_core.providers.local.lexicon import lines, word_list
from reflekt_core.providers.local.text import squeeze, words
from reflekt_core.providers.local.wording import digest

__all__ = ["write_prompts"]

_IDS = UUID("6f1d7f0e-6a35-5b0e-9d0c-2f4c1a7be0d1")
_PLAYFUL = (PromptCategory.PLAY, PromptCategory.CREATIVITY)
_CONCISE = 80

# In these moods a cheerful prompt would hurt; in the others, the mood before any other is enough.
_BURDENED = frozenset([PromptMood.LOW, PromptMood.ANXIOUS, PromptMood.LONELY])
_CHEERFUL = frozenset([PromptMood.HAPPY, PromptMood.GRATEFUL])
_LIFTED = frozenset([PromptMood.HOPEFUL, PromptMood.CURIOUS])


def write_prompts(task: WritePrompts) -> tuple[Prompt, ...]:
    """
    Return as many different prompts as *task* asks for.

    Prompts that fit come first, in an order that the seed decides. If too few fit, wishes are
    dropped one after the other: the mood, then the category, at last the themes. A theme that no
    prompt knows is taken up by prompts composed around its words. Prompts to avoid come last.

    Whoever feels low, anxious or lonely gets no cheerful prompt, and a theme such as "my mother's
    death" no game.
    """
    themes = [theme for theme in map(_clean, task.themes) if theme]
    burdened = task.mood in _BURDENED
    pool = {p.id: p for theme in themes for p in _compose(theme, task.category, quiet=burdened)}
    pool |= {p.id: p for p in _written() if not (burdened and p.mood in _CHEERFUL)}
    ranked = sorted(
        pool.values(),
        key=lambda p: (
            p.id in task.avoid,
            *_misfit(p, themes, task),
            digest(task.seed, str(p.id)),
        ),
    )
    return tuple(ranked[: task.count])


def _misfit(prompt: Prompt, themes: Sequence[str], task: WritePrompts) -> tuple[int, int, int, int]:
    """Return how far the prompt is from the wishes; zeros if it meets them all."""
    theme = themes and not any(_is_about(prompt, theme) for theme in themes)
    burdened = task.mood in _BURDENED
    category = bool(task.category) and prompt.category != task.category
    return (
        int(bool(theme)),
        int(category),
        _mood_misfit(prompt, task),
        int(not burdened and _sounds_different(prompt, task)),
    )


def _mood_misfit(prompt: Prompt, task: WritePrompts) -> int:
    if task.mood is None:
        return int(prompt.mood in _BURDENED or prompt.mood is PromptMood.ANGRY)
    if prompt.mood == task.mood:
        return 0
    if prompt.mood is None:
        return 1
    return 3 if task.mood in _BURDENED and prompt.mood in _LIFTED else 2


def _sounds_different(prompt: Prompt, task: WritePrompts) -> bool:
    """Whether the prompt does not have the tone: light if playful, short if direct, no fancy if plain."""
    if task.tone == "playful" and task.category is None:
        return prompt.category not in _PLAYFUL
    if task.tone == "direct":
        return len(prompt.text) > _CONCISE
    return task.tone == "plain" and task.category is None and prompt.category in _PLAYFUL


def _clean(theme: str) -> str:
    kept = (
        c
        for c in squeeze(theme)
        if unicodedata.category(c) not in {"Pi", "Pf", "Ps", "Pe", "Cf", "Cs"}
    )
    return " ".join("".join(c for c in kept if c not in '"`<>').split())


def _is_about(prompt: Prompt, theme: str) -> bool:
    if theme in prompt.themes or theme.lower() in prompt.themes:
        return True
    wanted = {word for word in words(theme) if word not in word_list("stop")}
    return bool(wanted) and wanted <= {*words(prompt.text), *words(" ".join(prompt.themes))}


def _compose(theme: str, category: PromptCategory | None, *, quiet: bool) -> Iterator[Prompt]:
    """Give the prompts that take up *theme*; of a heavy one, only the quiet ones."""
    quiet = quiet or bool(word_list("heavy_theme") & set(words(theme)))
    for kind, template in _templates(quiet=quiet):
        if kind is None or category in {None, kind}:
            own = kind or category or PromptCategory.REFLECTION
            yield _prompt(template.replace("{theme}", theme), own, (theme,), None)


def _prompt(
    text: str, category: PromptCategory, themes: tuple[str, ...], mood: PromptMood | None
) -> Prompt:
    return Prompt(uuid5(_IDS, text), text, category, themes, mood)


@cache
def _templates(*, quiet: bool) -> Sequence[tuple[PromptCategory | None, str]]:
    """Return the lines of `themes.txt`, or only those that suit a heavy theme, too."""
    found = []
    for line in lines("themes.txt"):
        kind, sort, text = (part.strip() for part in line.split(" | "))
        if sort == "quiet" or not quiet:
            found.append((PromptCategory(kind) if kind != "-" else None, text))
    return found


@cache
def _written() -> Sequence[Prompt]:
    found = []
    category = PromptCategory.REFLECTION
    for line in lines("prompts.txt"):
        if line.startswith("["):
            category = PromptCategory(line.strip("[]"))
        else:
            mood, themes, text = (part.strip() for part in line.split(" | "))
            wanted = None if mood == "-" else PromptMood(mood)
            found.append(_prompt(text, category, tuple(themes.split(", ")), wanted))
    return found
