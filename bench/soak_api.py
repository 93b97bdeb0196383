"""A shortened day of the API: rounds of lookups, answers from memory and 304 on one CPU and 2 GiB; its memory must not grow.

AFLUENTE_SOAK_ROUNDS rounds (20) of AFLUENTE_SOAK_SECONDS (15) each; loopback only.
"""
import json
import os
import statistics
import sys

import door
from servers import WORK, say

GROWTH_MIB = 48  # what allocators and caches may still take after the first third


def main():
    rounds = int(os.environ.get("AFLUENTE_SOAK_ROUNDS", "20"))
    seconds = int(os.environ.get("AFLUENTE_SOAK_SECONDS", "15"))
    os.makedirs(WORK, exist_ok=True)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the client takes its share of the one CPU too
    memory, requests = [], 0
    with door.pipeline("soak") as server:
        url = server.doors["api"] + door.ASKED
        tag = door.look(url)
        for number in range(rounds):
            run = door.wrk(url, 64, seconds, {"If-None-Match": tag} if number % 2 else None)
            if run["failed"]:
                sys.exit(f"soak: {run['failed']} requests failed in round {number + 1}")
            requests += int(run["requests_per_s"] * seconds)
            memory.append(server.rss_mib())
            say(f"round {number + 1}: {run['requests_per_s']:.0f} requests/s, {memory[-1]:.0f} MiB")
    third = max(rounds // 3, 1)
    grown = statistics.median(memory[-third:]) - statistics.median(memory[:third])
    print(json.dumps({"requests": requests, "grown_mib": round(grown, 1), "highest_mib": round(max(memory), 1)}))
    if grown > GROWTH_MIB or max(memory) > 2048:
        sys.exit("soak: the API's memory grows")


if __name__ == "__main__":
    main()
