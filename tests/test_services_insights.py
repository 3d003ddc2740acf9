"""Insights, prompts, suggestions, summaries and settings, as a program uses them."""

from datetime import date, timedelta
from hashlib import sha256

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import InProgress, InvalidInput, VersionConflict
from reflekt_core.model.insights import InsightState, InsightView
from reflekt_core.model.prompts import PromptCategory, PromptMood
from reflekt_core.model.settings import Settings
from reflekt_core.model.settings_patch import AISettingsPatch, PreferencesPatch, ProfilePatch
from reflekt_core.model.usage import Receipt
from reflekt_core.testing import FakeClock


def test_an_insight_follows_its_entry(reflekt: Reflekt) -> None:
    """It is there when asked for, and new after the text has changed."""
    entry = reflekt.entries.create("I love this wonderful, happy day with my friends.")
    first = reflekt.entries.insights(entry.id)
    assert isinstance(first, InsightView)
    assert (first.entry_version, first.stale, first.sentiment.label) == (1, False, "positive")
    reflekt.entries.update(entry.id, content="I hate this horrible, sad, lonely day.")
    second = reflekt.entries.insights(entry.id)
    assert isinstance(second, InsightView)
    assert (second.entry_version, second.sentiment.label) == (2, "negative")


def test_one_insight_does_not_wait_for_those_of_a_whole_journal(reflekt: Reflekt) -> None:
    """Only the entry asked for is understood; the others' turn comes when all is asked for."""
    for number in range(3):
        reflekt.entries.create(f"Day {number}.")
    asked = reflekt.entries.create("I love this happy day.")
    assert isinstance(reflekt.entries.insights(asked.id), InsightView)
    user_id = reflekt.actor.user_id
    assert [one.entry_id for one in reflekt.store.insights.list(user_id)] == [asked.id]
    reflekt.analytics.sentiment()
    assert len(reflekt.store.insights.list(user_id)) == 4


def test_starring_costs_no_analysis(reflekt: Reflekt, clock: FakeClock) -> None:
    """Only title and content call for a new insight."""
    entry = reflekt.entries.create("A day.")
    before = reflekt.entries.insights(entry.id)
    clock.advance(minutes=1)
    reflekt.entries.update(entry.id, starred=True, tags=["t"], mood=1)
    assert reflekt.entries.insights(entry.id) == before


def test_analysis_can_be_switched_off(reflekt: Reflekt) -> None:
    """Then nothing is analysed by itself; what was stays, and goes stale; asking still works."""
    entry = reflekt.entries.create("Before.")
    assert isinstance(reflekt.entries.insights(entry.id), InsightView)
    reflekt.settings.update(ai=AISettingsPatch(enabled=False))
    fresh = reflekt.entries.create("After.")
    assert reflekt.entries.insights(fresh.id) == InsightState("off")
    reflekt.entries.update(entry.id, content="Changed.")
    stale = reflekt.entries.insights(entry.id)
    assert isinstance(stale, InsightView)
    assert stale.stale
    assert isinstance(reflekt.entries.analyse(fresh.id), InsightView)


def test_nothing_is_on_its_way_for_what_was_written_while_off(reflekt: Reflekt) -> None:
    """Nobody waits for an insight that nobody makes: it says off, until the text changes."""
    reflekt.settings.update(ai=AISettingsPatch(enabled=False))
    entry = reflekt.entries.create("A fine day.")
    reflekt.drain()
    reflekt.settings.update(ai=AISettingsPatch(enabled=True))
    assert reflekt.entries.insights(entry.id) == InsightState("off")
    reflekt.entries.update(entry.id, content="A fine day by the sea.")
    assert isinstance(reflekt.entries.insights(entry.id), InsightView)


def test_a_request_in_work_is_not_begun_twice(reflekt: Reflekt, clock: FakeClock) -> None:
    """While one is at it the same key is refused; after a minute it may begin anew."""
    reflekt.suggestions.create("I want to", idempotency_key="k")
    receipts = reflekt.store.records(Receipt)
    (done,) = receipts.list("me").items
    key = _only_key(reflekt)
    account = reflekt.store.accounts.get("me")
    begun = Receipt(done.fingerprint, clock() + timedelta(seconds=60), version=done.version + 1)
    receipts.put(account, key, begun, replaces=done.version)
    with pytest.raises(InProgress):
        reflekt.suggestions.create("I want to", idempotency_key="k")
    clock.advance(seconds=61)
    assert reflekt.suggestions.create("I want to", idempotency_key="k").items


def _only_key(reflekt: Reflekt) -> str:
    return f"suggestions.create-{sha256(b'k').hexdigest()}"


def test_an_answer_is_remembered_for_a_day(reflekt: Reflekt, clock: FakeClock) -> None:
    """The same key gets the same prompts within 24 hours; another request under it is refused."""
    first = reflekt.prompts.generate(count=2, idempotency_key="k")
    clock.advance(hours=23)
    assert reflekt.prompts.generate(count=2, idempotency_key="k") == first
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        reflekt.prompts.generate(count=3, idempotency_key="k")
    clock.advance(hours=2)
    assert reflekt.prompts.generate(count=3, idempotency_key="k") != first


def test_prompts_are_as_asked(reflekt: Reflekt) -> None:
    """As many as wanted, all different, of the category."""
    found = reflekt.prompts.generate(
        category=PromptCategory.GRATITUDE, mood=PromptMood.LOW, themes=["the sea"], count=5
    )
    assert len({prompt.text for prompt in found.items}) == 5
    with pytest.raises(InvalidInput, match="count"):
        reflekt.prompts.generate(count=11)


def test_the_daily_prompt_stays_all_day_and_does_not_come_back_for_a_month(
    reflekt: Reflekt, clock: FakeClock
) -> None:
    """One a day, whatever the settings become; 31 days, 31 prompts."""
    seen = []
    for day in range(60):
        prompt = reflekt.prompts.daily()
        reflekt.settings.update(preferences=PreferencesPatch(favourite_themes=(f"theme {day}",)))
        clock.advance(hours=2)
        assert reflekt.prompts.daily() == prompt
        seen.append(prompt.id)
        clock.advance(hours=22)
    assert all(len(set(seen[n : n + 31])) == 31 for n in range(30))


def test_the_day_of_the_prompt_is_the_users(reflekt: Reflekt, clock: FakeClock) -> None:
    """It changes at the user's midnight, not at that of UTC."""
    reflekt.settings.update(preferences=PreferencesPatch(time_zone="Pacific/Auckland"))
    before = reflekt.prompts.daily()  # 23 November, 7:40 a.m. there
    clock.advance(hours=16)
    assert reflekt.prompts.daily() == before
    clock.advance(hours=1)
    assert reflekt.prompts.daily() != before


def test_a_summary_names_its_entries(reflekt: Reflekt) -> None:
    """It rests on entries of the period alone."""
    inside = {reflekt.entries.create(f"We walked by the river on day {n}.").id for n in range(3)}
    today = date(2026, 11, 22)
    view = reflekt.summaries.create(today, today)
    assert view.entry_ids
    assert set(view.entry_ids) <= inside
    assert view.summary
    empty = reflekt.summaries.create(date(2020, 1, 1), date(2020, 1, 2))
    assert empty.entry_ids == ()


def test_a_period_must_be_one(reflekt: Reflekt) -> None:
    """It does not end before it begins, nor last longer than a year."""
    with pytest.raises(InvalidInput, match="to"):
        reflekt.summaries.create(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(InvalidInput, match="to"):
        reflekt.summaries.create(date(2020, 1, 1), date(2026, 1, 1))


def test_settings_start_at_defaults_and_keep_changes(reflekt: Reflekt) -> None:
    """A patch changes what it mentions, under the version it names."""
    assert reflekt.settings.get() == Settings()
    after = reflekt.settings.update(profile=ProfilePatch(display_name="Ada"))
    assert (after.version, after.profile.display_name) == (1, "Ada")
    assert reflekt.settings.update(profile=ProfilePatch(display_name="Ada")) == after
    with pytest.raises(VersionConflict):
        reflekt.settings.update(profile=ProfilePatch(bio="x"), if_version=5)
    with pytest.raises(InvalidInput):
        reflekt.settings.update(preferences=PreferencesPatch(time_zone="Nowhere"))
    assert reflekt.settings.get() == after
