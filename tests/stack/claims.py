"""
What the service does on AWS, seen from outside: each function shows one claim, and returns what it saw.

A claim that does not hold raises.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import uuid4

import attrs
from account import Account, Person, eventually

CANARY = "Kanarienvogel"
"""A word of every entry: it must be nowhere but in the tables and in answers."""


@attrs.frozen
class Claim:
    """What is claimed, and what shows it."""

    title: str
    show: Callable[[Account], str]


CLAIMS: list[Claim] = []


def claim(title: str) -> Callable[[Callable[[Account], str]], Callable[[Account], str]]:
    """Register what shows the claim *title*."""

    def register(show: Callable[[Account], str]) -> Callable[[Account], str]:
        CLAIMS.append(Claim(title, show))
        return show

    return register


def check(holds: object, seen: object) -> None:
    """Raise if it does not hold."""
    if not holds:
        raise AssertionError(f"{seen!r:.500}")


def new(account: Account, name: str) -> Person:
    """Return somebody who has never been here."""
    return account.person(f"{name}-{uuid4().hex[:8]}")


@claim(
    "without a token, or with a foreign one, nobody gets in; the answer is in the API's own words"
)
def _closed(account: Account) -> str:
    for stranger in (account.nobody(), account.nobody("not.a.token"), account.nobody("a b")):
        answer = stranger.ask("GET", "/entries", expect=401)
        check(answer.value["code"] == "unauthenticated", answer)
        check(answer.headers["content-type"] == "application/problem+json", answer.headers)
    check(account.nobody().ask("GET", "/health", expect=200).value["status"] == "ok", "health")
    check(account.nobody().ask("GET", "/openapi.json", expect=200).value["openapi"], "openapi")
    return "401 as a problem document three times; /health and /openapi.json are open"


@claim("a token that expires is refused, although API Gateway keeps what was said of it")
def _expiry(account: Account) -> str:
    person = account.person(f"brief-{uuid4().hex[:8]}", seconds=6)
    person.ask("GET", "/entries", expect=200)
    before = _calls(account, "authorizer")
    person.ask("GET", "/entries", expect=200)
    start = monotonic()
    eventually(lambda: person.ask("GET", "/entries").status, lambda status: status == 401)
    check(_calls(account, "authorizer") == before, "the authorizer was asked again")
    took = monotonic() - start
    return f"good for 6 s and 30 s of leeway; 401 after {took:.0f} s, by the function; the authorizer was asked once"


def _calls(account: Account, function: str) -> int:
    return sum(line.startswith("START") for line in account.logged(function))


@claim(
    "an entry's insight arrives: table, stream, publisher, bus, AI function, with the offline provider"
)
def _insight(account: Account) -> str:
    ana = new(account, "ana")
    entry = ana.write(f"What a wonderful day with my family. {CANARY}", mood=5)
    start = monotonic()
    path = f"/entries/{entry['id']}/insights"
    found = eventually(lambda: ana.ask("GET", path), lambda answer: answer.status == 200).value
    check(found["sentiment"]["label"] == "positive", found)
    check(found["provenance"]["provider"] == "local", found["provenance"])
    return f"{found['sentiment']['label']}, after {monotonic() - start:.1f} s"


@claim("analytics and sentiment move when an entry is written, edited and deleted")
def _analytics(account: Account) -> str:
    ben = new(account, "ben")
    first = ben.write(f"One two three. {CANARY}", mood=2)
    ben.write(f"I am happy and grateful today. {CANARY}", mood=4)

    def totals() -> Any:
        found = ben.ask("GET", "/analytics/mood", expect=200).value["moods"]
        return found["entries"], found["mean"]

    eventually(totals, lambda seen: seen == (2, 3.0))
    ben.ask(
        "PATCH",
        f"/entries/{first['id']}",
        {"mood": 3},
        200,
        Content_Type="application/merge-patch+json",
        If_Match='"1"',
    )
    eventually(totals, lambda seen: seen == (2, 3.5))
    sentiment = eventually(
        lambda: ben.ask("GET", "/analytics/sentiment", expect=200).value,
        lambda seen: seen["sentiment"]["entries"] == 2,
    )
    ben.ask("DELETE", f"/entries/{first['id']}", expect=204)
    eventually(totals, lambda seen: seen == (1, 4.0))
    return f"mood of 2, 2 and 1 entries: 3.0, 3.5, 4.0; sentiment of {sentiment['sentiment']['entries']}"


@claim("search finds what is written, and no longer what is gone; its consumer keeps the index")
def _search(account: Account) -> str:
    cleo = new(account, "cleo")
    entry = cleo.write(f"A heron stood in the river. {CANARY}")
    start = monotonic()

    def hits() -> list[str]:
        found = cleo.ask("GET", "/entries/search?q=heron", expect=200).value
        return [hit["entry"]["id"] for hit in found["items"]]

    eventually(hits, lambda seen: seen == [entry["id"]])
    took = monotonic() - start
    # Only when several changes wait, the index is told of them.
    for n in range(12):
        cleo.write(f"Nothing of that kind, {n}. {CANARY}")
    user = _user(cleo)
    index = eventually(lambda: set(account.items_of(user)["search"]) - {"head"}, bool)
    check(hits() == [entry["id"]], hits())
    cleo.ask("DELETE", f"/entries/{entry['id']}", expect=204)
    eventually(hits, lambda seen: seen == [])
    return f"found after {took:.1f} s; in the table of the index: {', '.join(sorted(index))}"


def _user(person: Person) -> str:
    claims = (person.token or "").split(".")[1]
    return str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


@claim("jobs run: a tag with a slash is renamed everywhere, a deleted category leaves its entries")
def _jobs(account: Account) -> str:
    dan = new(account, "dan")
    category = dan.ask("POST", "/categories", {"name": "Work"}, 201).value
    entries = [
        dan.write(f"Entry {n}. {CANARY}", tags=["a/b"], category_id=category["id"])
        for n in range(4)
    ]
    start = monotonic()
    renamed = dan.finish(dan.ask("PUT", "/tags/a%2Fb", {"name": "walks"}, 202).value)
    deleted = dan.finish(dan.ask("DELETE", f"/categories/{category['id']}", expect=202).value)
    took = monotonic() - start
    tags = dan.ask("GET", "/tags", expect=200).value["items"]
    check(tags == [{"name": "walks", "count": len(entries)}], tags)
    after = [dan.ask("GET", f"/entries/{one['id']}", expect=200).value for one in entries]
    check({one["category_id"] for one in after} == {None}, after[0])
    return f"{renamed['done']} entries renamed, {deleted['done']} let go, in {took:.1f} s"


@claim("of writers who saw the same version one wins; a repeated request is done once")
def _conflicts(account: Account) -> str:
    eve = new(account, "eve")
    path = f"/entries/{eve.write(f'Draft. {CANARY}')['id']}"

    def star(_: int) -> int:
        patch = {"Content_Type": "application/merge-patch+json", "If_Match": '"1"'}
        return eve.ask("PATCH", path, {"starred": True}, **patch).status

    def post(_: int) -> tuple[int, str]:
        answer = eve.ask("POST", "/entries", {"content": CANARY}, Idempotency_Key="once")
        return answer.status, answer.value["id"]

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(star, range(8)))
        made = set(pool.map(post, range(8)))
    check(statuses == [200] + [412] * 7, statuses)
    check(len({id for _, id in made}) == 1, made)
    return "eight at once: one 200, seven 412; eight times one Idempotency-Key: one entry"


@claim(
    "functions work by the rights of their roles: one whose role is empty fails, calmly and alone"
)
def _rights(account: Account) -> str:
    fay = new(account, "fay")
    fay.write(f"Before. {CANARY}")
    fay.ask("GET", "/analytics/mood", expect=200)
    with _without_rights(account, "AnalyticsRole"):
        refused = fay.ask("GET", "/analytics/mood")
        check(refused.status in {500, 503}, refused)
        fay.ask("GET", "/entries", expect=200)
    fay.ask("GET", "/analytics/mood", expect=200)
    return f"analytics {refused.status} ({refused.value['code']}) while its role was empty; entries 200"


@contextmanager
def _without_rights(account: Account, role: str) -> Iterator[None]:
    """Take a role's policy away for a time."""
    iam, name = account.client("iam"), account.resources[role]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName=policy)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


@claim("an event that fails is tried again, set aside, and applied once it is redriven")
def _redriven(account: Account) -> str:
    gil = new(account, "gil")

    def counted() -> int:
        found = gil.ask("GET", "/analytics/mood", expect=200).value
        return int(found["moods"]["entries"])

    before = _calls(account, "analytics-consumer")
    with _without_rights(account, "AnalyticsConsumerRole"):
        entry = gil.write(f"Set aside. {CANARY}", mood=1)
        start = monotonic()
        # The emulator's bus calls once, see limits.py; so the function is called as AWS's would.
        account.client("lambda").invoke(
            FunctionName=f"{account.stack}-analytics-consumer",
            InvocationType="Event",
            Payload=json.dumps(_created(_user(gil), entry)),
        )
        eventually(lambda: _waiting(account, "AnalyticsConsumer"), lambda seen: seen == 1)
        took = monotonic() - start
        calls = _calls(account, "analytics-consumer") - before
        check(counted() == 0, "it was counted without the right to")
        check(calls == 4, calls)  # one for the bus, three for Lambda
    letter = account.client("sqs").receive_message(
        QueueUrl=account.outputs["AnalyticsConsumerDeadLettersUrl"], VisibilityTimeout=0
    )["Messages"][0]["Body"]
    check(entry["id"] in letter and CANARY not in letter, letter)
    said = account.commands("redrive", "analytics_consumer").strip()
    eventually(counted, lambda seen: seen == 1)
    check(_waiting(account, "AnalyticsConsumer") == 0, "the letter is still there")
    return f"{calls} calls, set aside after {took:.1f} s; {said}; then counted"


def _created(user: str, entry: Any) -> Mapping[str, Any]:
    detail = {
        "user_id": user,
        "subject_id": entry["id"],
        "version": entry["version"],
        "occurred_at": entry["created_at"],
    }
    return {"source": "reflekt", "detail-type": "EntryCreated", "detail": detail}


def _waiting(account: Account, function: str) -> int:
    found = account.client("sqs").get_queue_attributes(
        QueueUrl=account.outputs[f"{function}DeadLettersUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


@claim("events on the bus carry ids and versions, never text")
def _events(account: Account) -> str:
    events, sqs = account.client("events"), account.client("sqs")
    bus, rule = account.outputs["EventBusName"], f"watch-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=rule)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    allowed = _lets_send(arn["QueueArn"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allowed)})
    events.put_rule(Name=rule, EventBusName=bus, EventPattern='{"source": ["reflekt"]}')
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])
    hal = new(account, "hal")
    entry = hal.write(f"Watched. {CANARY}", tags=[CANARY])
    got = eventually(
        lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []), bool
    )
    message = json.loads(got[0]["Body"])
    events.remove_targets(Rule=rule, EventBusName=bus, Ids=["1"])
    events.delete_rule(Name=rule, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)
    check(sorted(message["detail"]) == ["occurred_at", "subject_id", "user_id", "version"], message)
    check(message["detail"]["subject_id"] == entry["id"], message)
    check(CANARY not in got[0]["Body"], "text")
    return f"{message['detail-type']}: {', '.join(sorted(message['detail']))}"


def _lets_send(queue: str) -> Mapping[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@claim("once an hour the clock calls the jobs function, which deletes what is due")
def _clock(account: Account) -> str:
    rules = account.client("events").list_rules(NamePrefix=f"{account.stack}-jobs-clock")["Rules"]
    (clock,) = rules
    now = datetime.now(UTC)
    event = {
        "version": "0",
        "id": str(uuid4()),
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "time": now.isoformat(),
        "detail": {},
    }
    answer = account.client("lambda").invoke(
        FunctionName=f"{account.stack}-jobs", Payload=json.dumps(event)
    )
    check("FunctionError" not in answer, answer["Payload"].read())
    return f"{clock['ScheduleExpression']}; called by hand with such an event: done"


@claim(
    "an account is exported, then erased: nothing of it stays but the mark, and its tokens are refused"
)
def _erasure(account: Account) -> str:
    ida = new(account, "ida")
    user = _user(ida)
    for n in range(5):
        ida.write(f"Private {n}. {CANARY}", tags=["secret"], mood=3)
    ida.ask("POST", "/categories", {"name": "Mine"}, 201)
    eventually(
        lambda: ida.ask("GET", "/analytics/sentiment", expect=200).value["sentiment"]["entries"],
        lambda seen: seen == 5,
    )
    lines = ida.ask("GET", "/account/export", expect=200).body.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    check(kinds.count("entry") == 5 and kinds.count("category") == 1, kinds)
    before = sum(map(len, account.items_of(user).values()))
    start = monotonic()
    job = ida.ask("DELETE", "/account", {"confirm": user}, 202).value
    marks = {"head", f"job#{job['id']}"}
    left = eventually(
        lambda: account.items_of(user),
        lambda seen: all(set(keys) <= marks for keys in seen.values()),
    )
    took = monotonic() - start
    start = monotonic()
    eventually(lambda: ida.ask("GET", "/entries").status, lambda status: status == 401)
    fenced = monotonic() - start
    kept = sum(map(len, left.values()))
    return f"{len(kinds)} records exported; of {before} items {kept} marks stay, after {took:.1f} s; its token is refused {fenced:.1f} s later"


@claim("no text, token or secret is in any log of any function")
def _silence(account: Account) -> str:
    account.person("quiet").write(f"Not for logs. {CANARY}")
    lines = eventually(account.logged, lambda seen: any("entries.create" in line for line in seen))
    secret = account.client("ssm").get_parameter(
        Name=f"/{account.stack}/jwt-secret", WithDecryption=True
    )["Parameter"]["Value"]
    for forbidden in (CANARY, CANARY.lower(), secret, "eyJ"):
        found = [line for line in lines if forbidden in line]
        check(not found, found[:2])
    requests = sum('"operation": ' in line for line in lines)
    check(requests, "nothing was logged at all")
    return f"{len(lines)} lines, {requests} of them about requests"
