"""insertAll, load jobs and DML against a server that is killed: what was acknowledged is there once, the rest once or not at all.

AFLUENTE_KILL_ROUNDS and AFLUENTE_SEED repeat a game or make it longer (`make soak`).
"""
import json
import os
import random
import threading
import time

import requests
from bigquery_client import Rest, client_of, new_dataset, rows_of
from kill_game import SEED

ROUNDS = int(os.environ.get("AFLUENTE_KILL_ROUNDS", "8"))
SPEC = "project: kill-demo\n"


class Player(threading.Thread):
    """Writes batches of its own numbers; each is tried, with the same id, until it is answered. `told` holds what was."""

    def __init__(self, number, instance, dataset):
        super().__init__(daemon=True)
        self.number, self.instance, self.dataset = number, instance, dataset
        self.random = random.Random(SEED * 31 + number)
        self.table = f"t{number}"
        self.told, self.sent, self.batch, self.failure = {}, 0, 0, None
        self.stop = threading.Event()

    def run(self):
        try:
            while not self.stop.is_set():
                self.play()
        except Exception as failure:  # told by the test's own thread
            self.failure = failure

    def play(self):
        self.batch += 1
        numbers = list(range(self.sent, self.sent + self.random.choice((1, 1, 20, 300))))
        self.sent += len(numbers)
        begin = time.monotonic()
        while not self.stop.is_set():
            try:
                if self.write(Rest(self.instance), self.batch, numbers):
                    self.told[self.batch] = numbers
                    return
            except requests.RequestException:
                time.sleep(0.02)
            assert time.monotonic() < begin + 120, f"{type(self).__name__}: no answer for two minutes"
        self.untold = numbers

    def write(self, rest, batch, numbers):
        """True when the server said that the batch is stored; False to try again."""
        raise NotImplementedError


class Inserts(Player):
    def write(self, rest, batch, numbers):
        rows = [{"insertId": f"{batch}-{n}", "json": {"n": n, "batch": batch}} for n in numbers]
        answer = rest("POST", f"/datasets/{self.dataset}/tables/{self.table}/insertAll", {"rows": rows})
        if answer.status_code in (500, 503):
            return False
        assert answer.status_code == 200 and "insertErrors" not in answer.json(), answer.text
        return True


class Jobs(Player):
    """A job whose name is its batch's: started again it is a duplicate, and then its state tells."""

    attempt = 0

    def begin(self, rest, name, numbers):
        raise NotImplementedError

    def write(self, rest, batch, numbers):
        name = f"{self.table}_{batch}_{self.attempt}"
        answer = self.begin(rest, name, numbers)
        if answer.status_code in (500, 503):
            return False
        assert answer.status_code in (200, 409), answer.text
        while not self.stop.is_set():
            found = rest("GET", f"/jobs/{name}")
            if found.status_code in (500, 503):
                return False
            assert found.status_code == 200, found.text
            status = found.json()["status"]
            if status["state"] == "DONE":
                break
            time.sleep(0.005)
        else:
            return False
        if "errorResult" not in status:
            return True
        assert "interrupted" in status["errorResult"]["message"], status
        self.attempt += 1  # it says that nothing was stored
        return False


class Loads(Jobs):
    def begin(self, rest, name, numbers):
        text = "".join(json.dumps({"n": n, "batch": self.batch}) + "\n" for n in numbers)
        resource = {"jobReference": {"jobId": name}, "configuration": {"load": {
            "sourceFormat": "NEWLINE_DELIMITED_JSON", "writeDisposition": "WRITE_APPEND",
            "destinationTable": {"datasetId": self.dataset, "tableId": self.table}}}}
        body = (f"--mark\r\nContent-Type: application/json\r\n\r\n{json.dumps(resource)}\r\n--mark\r\n"
                f"Content-Type: */*\r\n\r\n{text}\r\n--mark--\r\n")
        url = rest.base.replace("/bigquery/v2", "/upload/bigquery/v2") + "/jobs?uploadType=multipart"
        return requests.post(url, data=body.encode(), timeout=60,
                             headers={"Content-Type": 'multipart/related; boundary="mark"'})


class Statements(Jobs):
    def begin(self, rest, name, numbers):
        rows = ", ".join(f"({n}, {self.batch})" for n in numbers)
        sql = f"INSERT INTO {self.dataset}.{self.table} (n, batch) VALUES {rows}"
        return rest("POST", "/jobs", {"jobReference": {"jobId": name},
                                      "configuration": {"query": {"query": sql, "useLegacySql": False}}})


class Requests(Player):
    """DML by jobs.query with a request id."""

    def write(self, rest, batch, numbers):
        rows = ", ".join(f"({n}, {batch})" for n in numbers)
        sql = f"INSERT INTO {self.dataset}.{self.table} (n, batch) VALUES {rows}"
        answer = rest.query(sql, requestId=f"{self.table}-{batch}", timeoutMs=60_000)
        if answer.status_code in (500, 503):
            return False
        assert answer.status_code == 200, answer.text
        return answer.json()["jobComplete"]


def stored(client, player):
    rows = rows_of(client.query(f"SELECT n, COUNT(*) AS times FROM {player.dataset}.{player.table} GROUP BY n").result())
    return dict(rows)


def check(client, player, all_answered):
    # What is acknowledged from here on may be newer than what is read.
    told = {n for numbers in list(player.told.values()) for n in numbers}
    found = stored(client, player)
    doubled = {n: times for n, times in found.items() if times != 1}
    assert not doubled, f"{type(player).__name__}: stored more than once: {doubled}"
    lost = told - set(found)
    assert not lost, f"{type(player).__name__}: acknowledged and lost: {sorted(lost)[:20]}"
    if all_answered:
        extra = set(found) - told - set(getattr(player, "untold", []))
        assert not extra, f"{type(player).__name__}: stored and never acknowledged: {sorted(extra)[:20]}"


def test_nothing_acknowledged_is_lost_or_doubled(launch):
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_KILL_ROUNDS={ROUNDS}", flush=True)
    instance = launch(SPEC, {})
    dataset = new_dataset(client_of(instance))
    players = [kind(number, instance, dataset) for number, kind in enumerate((Inserts, Inserts, Loads, Statements, Requests))]
    for player in players:
        client_of(instance).query(f"CREATE TABLE {dataset}.{player.table} (n INT64 NOT NULL, batch INT64)").result()
    moments = random.Random(SEED)
    for player in players:
        player.start()
    for _ in range(ROUNDS):
        time.sleep(moments.choice((0.1, 0.5, 1.5)) * moments.random())
        instance.kill()
        instance.start(keep_ports=True)
        for player in players:
            if player.failure:
                raise player.failure
            check(client_of(instance), player, all_answered=False)
    for player in players:
        player.stop.set()
    for player in players:
        player.join(timeout=150)
        if player.failure:
            raise player.failure
        check(client_of(instance), player, all_answered=True)
        print(f"{type(player).__name__} {player.number}: {len(player.told)} batches, {len(stored(client_of(instance), player))} rows")
