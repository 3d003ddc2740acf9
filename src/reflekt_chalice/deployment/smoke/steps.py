"""What a smoke test does, section by section: plain requests, as a client would send them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from reflekt_chalice.deployment.smoke.client import Answer, Client, Wrong
from reflekt_core.model.accounts import Permission

__all__ = ["Visitor", "account", "ai", "analytics", "entries", "prompts", "service", "settings"]

_MOST_PAGES: Final = 500
_LONG_AGO: Final = "2020-05-17T09:30:00+02:00"
_ZONE: Final = "Europe/Berlin"
_TEXTS: Final = (
    "We walked along the harbour and watched the boats come in. I am grateful for this quiet day.",
    "The meeting was long and I felt tired, but the plan for spring is good.",
    "Baked bread with Ada; the whole house smelled of it. A happy, slow morning.",
)


@attrs.define
class Visitor:
    """
    Who asks, as whom, and what must be put away afterwards.

    `mark` is a word that nobody else has: it finds this visitor's entries. `throwaway`: the user is
    nobody, so that the account may be erased.
    """

    client: Client
    user: str
    permissions: frozenset[Permission]
    throwaway: bool
    mark: str = attrs.field(factory=lambda: f"smoke{uuid.uuid4().hex[:12]}")
    entry_ids: list[str] = attrs.field(factory=list)
    category_ids: list[str] = attrs.field(factory=list)

    def write(self, number: int, *, key: str = "", **fields: Any) -> Answer:
        """Write an entry, which is put away in the end."""
        content = f"{_TEXTS[number % len(_TEXTS)]} {self.mark}"
        answer = self.client.call(
            "entries.create",
            expect=201,
            body={"content": content, "tags": [self.mark], **fields},
            headers={"Idempotency-Key": key} if key else None,
        )
        self.entry_ids.append(answer.value["id"])
        return answer

    def put_away(self) -> None:
        """Delete for good whatever was written."""
        with _whatever():
            for id in dict.fromkeys(self.entry_ids):
                permanent = [("permanent", "true")]
                self.client.call("entries.delete", expect=(204, 404), at=id, query=permanent)
        with _whatever():
            for id in dict.fromkeys(self.category_ids):
                self.client.call("categories.delete", expect=(202, 404), at=id)

    def items(self, operation: str, query: list[tuple[str, str]]) -> Iterator[Any]:
        """Yield the items of every page."""
        cursor: list[tuple[str, str]] = []
        for _ in range(_MOST_PAGES):
            page = self.client.call(operation, query=[*query, *cursor]).value
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            cursor = [("cursor", page["next_cursor"])]
        self.client.check(operation, held=False, said=f"has no end after {_MOST_PAGES} pages")

    def finished(self, job: Any) -> None:
        """Wait until a job is done."""

        def done() -> bool:
            now = self.client.call("jobs.get", at=job["id"]).value
            self.client.check("jobs.get", now["state"] != "failed", f"a job failed: {now['kind']}")
            return bool(now["state"] == "done")

        self.client.until("jobs.get", done, f"the job {job['kind']} is not done")


@contextmanager
def _whatever() -> Iterator[None]:
    """What cannot be put away has failed before, and was told."""
    try:
        yield
    except Wrong:
        return


def service(visitor: Visitor) -> None:
    """Ask whether it is up, and for its documentation."""
    client = visitor.client
    health = client.call("health.check", anonymous=True).value
    client.check("health.check", health["status"] == "ok", "it does not say ok")
    client.call("docs.openapi", anonymous=True)
    client.call("docs.page", anonymous=True)


def entries(visitor: Visitor) -> None:
    """Write entries, read, list, find, change and delete them; rename a tag."""
    made = _created(visitor)
    _refused(visitor, made[0])
    _changed(visitor, made[1]["id"])
    _put(visitor)
    _listed(visitor, made)
    _searched(visitor, made)
    _followed(visitor, made[0]["id"])
    _looked_back(visitor, made[2]["id"])
    _trashed(visitor, made[1]["id"])
    _renamed(visitor)


def _created(visitor: Visitor) -> list[Any]:
    client = visitor.client
    name = f"Smoke test {visitor.mark}"
    category = client.call("categories.create", expect=201, body={"name": name}).value["id"]
    visitor.category_ids.append(category)
    key = uuid.uuid4().hex
    first: dict[str, Any] = {"title": "By the harbour", "mood": 4, "starred": True}
    first |= {"category_id": category}
    one = visitor.write(0, key=key, **first).value
    again = visitor.write(0, key=key, **first).value
    client.check("entries.create", again["id"] == one["id"], "a repeated key made another entry")
    two = visitor.write(1, mood=2).value
    three = visitor.write(2, mood=5, occurred_at=_LONG_AGO, time_zone=_ZONE).value
    read = client.call("entries.get", at=one["id"])
    client.check("entries.get", read.value == one, "what was written comes back otherwise")
    client.call("entries.get", expect=304, at=one["id"], headers={"If-None-Match": read.etag})
    return [one, two, three]


def _refused(visitor: Visitor, entry: Any) -> None:
    client = visitor.client
    client.call("entries.list", expect=401, anonymous=True)
    client.call("entries.get", expect=404, at=str(uuid.uuid4()))
    # A gateway may check bodies before the service does, and then says 400.
    wrong = {"content": "", "mood": 9}
    client.call("entries.create", expect=(422, 400), body=wrong, unchecked_body=True)
    client.call("entries.get", expect=404, at=f"{uuid.UUID(int=0)}")
    client.call(
        "entries.update",
        expect=412,
        at=entry["id"],
        body={"starred": True},
        headers={"If-Match": '"9999"'},
    )


def _changed(visitor: Visitor, id: str) -> None:
    client = visitor.client
    read = client.call("entries.get", at=id)
    changes = {"title": "A long meeting", "mood": 3}
    after = client.call(
        "entries.update", at=id, body=changes, headers={"If-Match": read.etag}
    ).value
    held = after["mood"] == changes["mood"] and after["content"] == read.value["content"]
    client.check("entries.update", held, "the change is not what was asked for")
    client.check("entries.update", after["version"] == read.value["version"] + 1, "no new version")


def _put(visitor: Visitor) -> None:
    client = visitor.client
    id = str(uuid.uuid4())
    visitor.entry_ids.append(id)
    draft = {"content": f"{_TEXTS[1]} {visitor.mark}", "occurred_at": _LONG_AGO}
    made = client.call("entries.put", expect=201, at=id, body=draft)
    replaced = client.call(
        "entries.put", at=id, body={**draft, "mood": 1}, headers={"If-Match": made.etag}
    )
    client.check("entries.put", replaced.value["mood"] == 1, "it was not replaced")
    client.call("entries.put", expect=412, at=id, body=draft, headers={"If-Match": made.etag})


def _listed(visitor: Visitor, made: list[Any]) -> None:
    one, two, three = (entry["id"] for entry in made)
    here = made[0]
    day = here["local_date"]
    by_filter: dict[tuple[tuple[str, str], ...], list[str]] = {
        (("from", day),): [two, one],
        (("to", "2020-05-17"),): [three],
        (("category_id", here["category_id"]),): [one],
        (("mood_min", "4"),): [one, three],
        (("mood_max", "3"),): [two],
        (("starred", "true"),): [one],
        (("starred", "false"),): [two, three],
        (("trashed", "true"),): [],
        (("order", "asc"),): [three, one, two],
        (("from", day), ("mood_min", "4"), ("starred", "true")): [one],
        (("limit", "1"),): [two, one, three],
    }
    for query, wanted in by_filter.items():
        asked = [("tag", visitor.mark), *query]
        found = [entry["id"] for entry in visitor.items("entries.list", asked)]
        names = ", ".join(name for name, _ in query)
        visitor.client.check("entries.list", found == wanted, f"the filter {names} does not hold")


def _searched(visitor: Visitor, made: list[Any]) -> None:
    one, two, three = (entry["id"] for entry in made)
    mark = visitor.mark
    everything = {one, two, three}

    def found(q: str, *filters: tuple[str, str]) -> set[str]:
        asked = [("q", q), ("tag", mark), *filters]
        return {hit["entry"]["id"] for hit in visitor.items("entries.search", asked)}

    client = visitor.client
    client.until(
        "entries.search", lambda: found(mark) == everything, "what was written is not found"
    )
    for what, held in {
        "a phrase": found(f'"along the harbour" {mark}') == {one},
        "a prefix": found(f"harb* {mark}") == {one},
        "an exclusion": found(f"{mark} -harbour") == {two, three},
        "a page": found(mark, ("limit", "1")) == everything,
        "the filter mood_min": found(mark, ("mood_min", "4")) == {one, three},
        "the filter starred": found(mark, ("starred", "true")) == {one},
        "the filter from": found(mark, ("from", made[0]["local_date"])) == {one, two},
    }.items():
        client.check("entries.search", held, f"{what} does not find what it should")


def _followed(visitor: Visitor, id: str) -> None:
    since: list[tuple[str, str]] = []
    seen = set()
    for _ in range(_MOST_PAGES):
        asked = [("limit", "100"), *since]
        page = visitor.client.call("entries.changes", query=asked).value
        seen |= {row.get("entry", row).get("id") for row in page["items"]}
        since = [("since", page["cursor"])]
        if not page["has_more"]:
            break
    visitor.client.check("entries.changes", id in seen, "a change is missing")


def _looked_back(visitor: Visitor, id: str) -> None:
    found = visitor.client.call("entries.on_this_day", query=[("date", "2026-05-17")]).value
    held = id in {entry["id"] for entry in found["items"]}
    visitor.client.check("entries.on_this_day", held, "an entry of this day is missing")


def _trashed(visitor: Visitor, id: str) -> None:
    client = visitor.client
    client.call("entries.delete", expect=204, at=id)
    asked = [("tag", visitor.mark), ("trashed", "true")]

    def trash() -> set[str]:
        return {entry["id"] for entry in visitor.items("entries.list", asked)}

    client.check("entries.delete", trash() == {id}, "it is not in the trash")
    back = client.call("entries.restore", at=id).value
    client.check("entries.restore", back["id"] == id, "another entry came back")
    doomed = visitor.write(1).value["id"]
    client.call("entries.delete", expect=204, at=doomed, query=[("permanent", "true")])
    client.check("entries.delete", doomed not in trash(), "it is not gone for good")
    client.call("entries.get", expect=404, at=doomed)


def _renamed(visitor: Visitor) -> None:
    client = visitor.client
    listed = {tag["name"]: tag["count"] for tag in visitor.items("tags.list", [("limit", "100")])}
    client.check("tags.list", listed.get(visitor.mark, 0) > 0, "a tag is missing")
    new = f"{visitor.mark}-new"
    job = client.call("tags.rename", expect=202, at=visitor.mark, body={"name": new}).value
    visitor.finished(job)
    found = list(visitor.items("entries.list", [("tag", new)]))
    client.check("tags.rename", len(found) == listed[visitor.mark], "entries lost the tag")


def settings(visitor: Visitor) -> None:
    """Change settings and put them back; make, replace and delete categories."""
    client = visitor.client
    before = client.call("settings.get")
    display = before.value["display"]
    other = {"show_word_count": not display["show_word_count"]}
    after = client.call(
        "settings.update", body={"display": other}, headers={"If-Match": before.etag}
    ).value
    client.check("settings.update", after["display"] == display | other, "they are not changed")
    back = {"show_word_count": display["show_word_count"]}
    client.call("settings.update", body={"display": back})
    _categorised(visitor)


def _categorised(visitor: Visitor) -> None:
    client = visitor.client
    draft = {"name": f"Smoke test 2 {visitor.mark}", "color": "#2a9d8f", "icon": "⛵"}
    made = client.call("categories.create", expect=201, body=draft)
    visitor.category_ids.append(made.value["id"])
    own = str(uuid.uuid4())
    visitor.category_ids.append(own)
    named = {"name": f"Smoke test 3 {visitor.mark}"}
    put = client.call("categories.put", expect=201, at=own, body=named)
    put = client.call(
        "categories.put", at=own, body={**named, "icon": "🌊"}, headers={"If-Match": put.etag}
    )
    client.check("categories.put", put.value["icon"] == "🌊", "it was not replaced")
    listed = {one["id"] for one in visitor.items("categories.list", [("limit", "100")])}
    client.check("categories.list", {made.value["id"], own} <= listed, "a category is missing")
    entry = visitor.write(0, category_id=own).value["id"]
    visitor.finished(client.call("categories.delete", expect=202, at=own).value)
    left = client.call("entries.get", at=entry).value
    client.check("categories.delete", left["category_id"] is None, "an entry still names it")


def analytics(visitor: Visitor) -> None:
    """Write, and see the figures move."""
    client = visitor.client
    day = visitor.write(0).value["local_date"]
    asked = [("from", day), ("to", day)]
    before = client.call("analytics.trends", query=asked).value["totals"]["entries"]
    visitor.write(1, mood=5)
    visitor.write(2, mood=5)

    def moved() -> bool:
        now = client.call("analytics.trends", query=asked).value
        return bool(now["totals"]["entries"] >= before + 2)

    client.until("analytics.trends", moved, "entries are not counted")
    for bucket in ("day", "week", "month"):
        client.call("analytics.trends", query=[*asked, ("bucket", bucket)])
    mood = client.call("analytics.mood", query=asked).value["moods"]
    client.check("analytics.mood", mood["entries"] > 0, "no mood is counted")
    often = client.call("analytics.frequency", query=asked).value["totals"]
    client.check("analytics.frequency", often["entries"] > 0, "no entry is counted")
    client.call("analytics.topics", query=asked)
    client.call("analytics.sentiment", query=asked)


def ai(visitor: Visitor) -> None:
    """Wait for an insight, ask for it again, for suggestions and for a summary."""
    client = visitor.client
    entry = visitor.write(0).value
    _understood(visitor, entry["id"])
    client.call("entries.analyse", expect=(200, 202), at=entry["id"])
    _understood(visitor, entry["id"])
    ways = client.call("suggestions.create", body={"content": _TEXTS[1]}).value
    client.check("suggestions.create", ways["items"], "there is no suggestion")
    # Entries are at now: their day may just have begun, or just end.
    day = date.fromisoformat(entry["local_date"])
    period = {"from": str(day - timedelta(days=1)), "to": str(day)}
    summary = client.call("summaries.create", body=period).value
    client.check("summaries.create", summary["summary"], "there is no summary")


def _understood(visitor: Visitor, id: str) -> None:
    client = visitor.client

    def ready() -> bool:
        found = client.call("entries.insights", expect=(200, 202), at=id).value
        client.check("entries.insights", found.get("status") != "failed", "the analysis failed")
        return found.get("status") in ("ready", "off")

    client.until("entries.insights", ready, "there is no insight")


def prompts(visitor: Visitor) -> None:
    """Ask for prompts, and twice for today's."""
    client = visitor.client
    asked = {"category": "gratitude", "themes": ["the sea"], "mood": "calm", "count": 2}
    found = client.call("prompts.generate", body=asked).value["items"]
    client.check("prompts.generate", len(found) == asked["count"], "they are not as many as asked")
    # A day may end between two requests, but not two days between three.
    today = [client.call("prompts.daily").value for _ in range(3)]
    held = today[1] in (today[0], today[2])
    client.check("prompts.daily", held, "it changed within the day")


def account(visitor: Visitor) -> None:
    """Take everything out, look at usage, and erase a throwaway account."""
    client = visitor.client
    entry = visitor.write(0).value["id"]
    _exported(visitor, entry)
    may = Permission.ADMIN_READ in visitor.permissions
    usage = [("user_id", visitor.user)]
    client.call("admin.usage", expect=200 if may else 403, query=usage)
    if not visitor.throwaway:
        # Held against the rules, and refused: this account is somebody's.
        wrong = {"confirm": f"not {visitor.user}"[:255]}
        client.call("account.delete", expect=(422, 403), body=wrong)
        return
    client.call("account.delete", expect=202, body={"confirm": visitor.user})

    def refused() -> bool:
        # Functions remember accounts for some seconds; 409 is what they say during the erasure.
        return (
            client.call("entries.list", expect=(200, 401, 409)).reply.status
            == HTTPStatus.UNAUTHORIZED
        )

    client.until("entries.list", refused, "the token of an erased account is still taken")
    visitor.entry_ids.clear()
    visitor.category_ids.clear()


def _exported(visitor: Visitor, id: str) -> None:
    client = visitor.client
    found: set[str] = set()
    cursor: list[tuple[str, str]] = []
    for _ in range(_MOST_PAGES):
        page = client.call("account.export", query=[("limit", "100"), *cursor])
        found |= {line["value"].get("id") for line in page.value or () if line["kind"] == "entry"}
        following = _next_cursor(page.reply.headers.get("link", ""))
        if following is None:
            break
        cursor = [("cursor", following)]
    client.check("account.export", id in found, "an entry is missing")


def _next_cursor(link: str) -> str | None:
    """Return the cursor in a ``Link`` header (RFC 8288)."""
    address = link.partition(">")[0].removeprefix("<")
    return parse_qs(urlsplit(address).query).get("cursor", [None])[0] if address else None
