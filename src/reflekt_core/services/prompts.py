"""Prompts to write from."""

from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256

import attrs

from reflekt_core.errors import VersionConflict
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.prompts import (
    DailyPrompt,
    Prompt,
    PromptCategory,
    PromptMood,
    PromptRequest,
    Prompts,
    WritePrompts,
)
from reflekt_core.services.assistance import still_allowed
from reflekt_core.services.context import Context
from reflekt_core.services.insights import provenance
from reflekt_core.services.receipts import once

__all__ = ["PromptService"]

NO_REPEAT = timedelta(days=31)
"""For how long a daily prompt does not come back."""

KEEP_FOR = timedelta(days=60)


@attrs.frozen
class PromptService:
    """Prompts for one user."""

    context: Context

    def generate(
        self,
        *,
        category: PromptCategory | None = None,
        themes: Sequence[str] = (),
        mood: PromptMood | None = None,
        count: int = 3,
        idempotency_key: str | None = None,
    ) -> Prompts:
        """
        Return *count* different prompts.

        Without *themes* the favourite ones of the settings are taken up.

        Raises:
            InvalidInput: A field is not allowed.
            AssistantError: There is no usable answer.
        """
        account = self.context.authorise(Permission.PROMPTS_READ)
        request = PromptRequest(category, tuple(themes), mood, count)

        def write() -> Prompts:
            preferences = self.context.settings().preferences
            task = WritePrompts(
                count=request.count,
                seed=str(self.context.ids()),
                category=request.category,
                themes=request.themes or preferences.favourite_themes,
                mood=request.mood,
                language=preferences.language,
                tone=preferences.tone,
            )
            answer = self.context.gate.ask(account, task)
            return Prompts(answer.result, provenance(answer, self.context.clock))

        return once(
            self.context, account, "prompts.generate", idempotency_key, request, write, Prompts
        )

    def daily(self) -> Prompt:
        """
        Return the prompt of the user's day: the same all day, and another for a month to come.

        The day is that of the user's zone and day-start hour.

        Raises:
            AssistantError: There is no usable answer.
        """
        account = self.context.authorise(Permission.PROMPTS_READ)
        today = self.context.today()
        records = self.context.store.records(DailyPrompt)
        kept = records.get(account.user_id, today.isoformat())
        if kept is not None:
            return kept.prompt
        daily = self._write_daily(account, today)
        expires_at = self.context.clock() + KEEP_FOR
        try:
            records.put(account, today.isoformat(), daily, replaces=None, expires_at=expires_at)
        except VersionConflict:
            kept = records.get(account.user_id, today.isoformat())
        if not still_allowed(self.context.settings(), daily.vendor):  # withdrawn this very moment
            records.delete(account, today.isoformat())
        return kept.prompt if kept else daily.prompt

    def _write_daily(self, account: Account, today: date) -> DailyPrompt:
        preferences = self.context.settings().preferences
        first = today - NO_REPEAT
        recent = self.context.store.records(DailyPrompt).list(
            account.user_id, after=(first.isoformat(),), limit=100
        )
        task = WritePrompts(
            count=1,
            seed=sha256(f"{account.user_id} {today.isoformat()}".encode()).hexdigest(),
            themes=preferences.favourite_themes,
            language=preferences.language,
            tone=preferences.tone,
            avoid=frozenset(daily.prompt.id for daily in recent),
        )
        answer = self.context.gate.ask(account, task)
        (prompt,) = answer.result
        return DailyPrompt(today, prompt, vendor=answer.vendor)
