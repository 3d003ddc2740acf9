"""A journal in a program of your own: write, find, understand, look back. Needs nothing but a file."""

import sys
from datetime import UTC, datetime, timedelta

from reflekt_core import Reflekt, ReflektError
from reflekt_core.model.insights import InsightView

DAYS = (
    (4, "Ran along the river before work. Cold hands, clear head.", ["running", "river"]),
    (2, "The meeting went on for ever. I was tired and said nothing.", ["work"]),
    (5, "Ana came over and we baked bread. It was so good to laugh.", ["ana", "bread"]),
    (3, "Rain all day. Read, slept, read.", ["rain"]),
)


def main(path: str) -> None:
    """Write four days into the journal at *path*, and look at them."""
    with Reflekt.open(f"sqlite:///{path}") as reflekt:
        now = datetime.now(UTC)
        for age, (mood, content, tags) in enumerate(reversed(DAYS)):
            at = now - timedelta(days=age)
            reflekt.entries.create(content, mood=mood, tags=tags, occurred_at=at)
        for hit in reflekt.entries.search("bread laugh*"):
            print("found:", hit.snippet)
        for entry in reflekt.entries.list(limit=2):
            insight = reflekt.entries.insights(entry.id)
            if isinstance(insight, InsightView):  # analysis can be switched off
                print(entry.local_date, insight.sentiment.label, "-", insight.questions[0])
        trends = reflekt.analytics.trends()
        print(f"{trends.totals.words} words, mood {trends.moods.mean} of 5 on average")
        print("to write about:", reflekt.prompts.daily().text)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "journal.db")
    except ReflektError as error:  # such as a folder that is not there
        sys.exit(f"first_steps.py: {error}")
