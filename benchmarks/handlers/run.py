"""
Answers events with a handler, in an interpreter of its own, and says what that took.

Arguments: the folder with the code; the handler as ``module:name``; the file with the events; how often to
answer each once more, to say what an answer takes when everything is loaded.
"""

import sys
import time

folder, handler, events, repeat = sys.argv[1:]
sys.path.insert(0, folder)

import json  # noqa: E402 - a part of what is measured

with open(events, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs time
    events = json.load(file)
module, _, name = handler.partition(":")
answer_to = getattr(__import__(module, fromlist=[name]), name)
answers = [answer_to(event, None) for event in events]
end, cpu = time.perf_counter(), time.process_time()


def rounds():
    """Yield for each event the seconds that an answer took, and those of the processor."""
    for event in events:
        began, worked = time.perf_counter(), time.process_time()
        for _ in range(int(repeat)):
            answer_to(event, None)
        yield time.perf_counter() - began, time.process_time() - worked


warm = list(rounds()) if int(repeat) else []

with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - not a part of it
    peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
print()
print(json.dumps({"end": end, "cpu": cpu, "peak_kib": peak, "warm": warm, "answers": answers}))
