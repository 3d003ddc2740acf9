"""Prompts: those of `prompts.txt`, and some composed around the themes that are asked for."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from uuid import UUID, uuid5

from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, WritePrompts
from reflekt_core.providers.local.lexicon import lines, word_list
from reflekt_core.providers.local.text import squeeze, words

__all__ = ["write_prompts"]

_IDS = UUID("6f1d7f0e-6a35-5b0e-9d0c-2f4c1a7be0d1")
_PLAYFUL = (PromptCategory.PLAY, PromptCategory.CREATIVITY)

# The theme stands in quotation marks, so that any words fit.
_COMPOSED = {
    None: (
        "Let “{theme}” be your subject for ten minutes. Which picture comes first?",
        "Write about “{theme}” as it is in your life right now. What was different a year ago?",
        "What do you know about “{theme}” that you have never told anybody?",
        "Begin a page with “{theme}” and go on without stopping.",
        "Tell of one day on which “{theme}” mattered. What could you see and hear?",
        "What would you ask somebody who knows everything about “{theme}”?",
        "Where do you meet “{theme}” in an ordinary week, and how do you feel then?",
        "Which person do you think of when you read “{theme}”? Describe a moment with them.",
        "What would you miss if there were no “{theme}” in your life, and what would you not miss?",
        "Write down five things that “{theme}” brings to mind, then follow the third one.",
    ),
    PromptCategory.GRATITUDE: ("What has “{theme}” given you that you would like to give thanks for?",),
    PromptCategory.REFLECTION: ("What does the way you think about “{theme}” say about you today?",),
    PromptCategory.RELATIONSHIPS: ("Who else belongs to “{theme}” for you? Tell how it began.",),
    PromptCategory.WORK: ("Where does “{theme}” touch your work or studies? Describe one scene.",),
    PromptCategory.HEALTH: ("Where in your body do you notice “{theme}” when you think of it?",),
    PromptCategory.CREATIVITY: ("Give “{theme}” a voice and let it speak for half a page.",),
    PromptCategory.GROWTH: ("What has “{theme}” taught you so far, and what are you still learning?",),
    PromptCategory.MEMORY: ("What is your earliest memory of “{theme}”? Stay with one detail.",),
    PromptCategory.FUTURE: ("What place would you like “{theme}” to have in your life next year?",),
    PromptCategory.NATURE: ("If “{theme}” were a landscape, what would you see from its highest point?",),
    PromptCategory.FEELINGS: ("Which feelings does “{theme}” wake in you? Let the quietest speak first.",),
    PromptCategory.PLAY: ("Invent a game called “{theme}”. What are its rules, and who always wins?",),
}  # fmt: skip


def write_prompts(task: WritePrompts) -> tuple[Prompt, ...]:
    """
    Return as many different prompts as *task* asks for.

    Prompts that fit come first, in an order that the seed decides. If too few fit, wishes are
    dropped one after the other: the mood, then the category, at last the themes. A theme that no
    prompt knows is taken up by prompts composed around its words. Prompts to avoid come last.
    """
    themes = [theme for theme in map(_clean, task.themes) if theme]
    pool = {p.id: p for theme in themes for p in _compose(theme, task.category)}
    pool |= {p.id: p for p in _written()}
    ranked = sorted(
        pool.values(),
        key=lambda p: (p.id in task.avoid, *_misfit(p, themes, task), _shuffled(p, task)),
    )
    return tuple(ranked[: task.count])


def _misfit(prompt: Prompt, themes: Sequence[str], task: WritePrompts) -> tuple[int, int, int]:
    """Return how far the prompt is from the wishes; zeros if it meets them all."""
    theme = themes and not any(_is_about(prompt, theme) for theme in themes)
    category = prompt.category != task.category if task.category else _is_too_solemn(prompt, task)
    mood = 0 if prompt.mood == task.mood else 1 if prompt.mood is None else 2
    return int(bool(theme)), int(category), mood if task.mood else 0


def _is_too_solemn(prompt: Prompt, task: WritePrompts) -> bool:
    return task.tone == "playful" and prompt.category not in _PLAYFUL


def _shuffled(prompt: Prompt, task: WritePrompts) -> bytes:
    return hashlib.sha256(f"{task.seed}\0{prompt.id}".encode(errors="replace")).digest()


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


def _compose(theme: str, category: PromptCategory | None) -> Iterator[Prompt]:
    own = [category] if category else [c for c in _COMPOSED if c]
    for kind in own:
        for template in _COMPOSED[kind]:
            yield _prompt(template.format(theme=theme), kind, (theme,), None)
    for template in _COMPOSED[None]:
        yield _prompt(
            template.format(theme=theme), category or PromptCategory.REFLECTION, (theme,), None
        )


def _prompt(
    text: str, category: PromptCategory, themes: tuple[str, ...], mood: PromptMood | None
) -> Prompt:
    return Prompt(uuid5(_IDS, text), text, category, themes, mood)


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
