#!/usr/bin/env python3
"""Runs the statements that bqemulator's authors recorded on BigQuery through our engine and compares.

Usage: run.py FOLDER [--only TEXT] [--verbose] [--program PATH]
FOLDER is a clone's tests/conformance/sql_corpus (or the clone). Nothing of it is stored here.
Rows, names, types and modes must be equal; of an error its reason and its text, by the recorded pattern.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import compare
import exclusions

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = "conformance-project"
DISTINCT_REASONS = {
    "INVALID_ARGUMENT": ["invalidQuery", "invalid"],
    "NOT_FOUND": ["notFound"],
    "ALREADY_EXISTS": ["duplicate"],
    "FAILED_PRECONDITION": ["resourceInUse", "invalidQuery", "invalid"],
    "PERMISSION_DENIED": ["accessDenied"],
    "OUT_OF_RANGE": ["invalidQuery"],
    "UNIMPLEMENTED": ["notImplemented"],
    "DEADLINE_EXCEEDED": ["stopped", "timeout"],
}


class Engine:
    """The development program, kept open: one request and one answer a line."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(dict(request, project=PROJECT)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return {"error": "the program ended", "code": "CRASH"}
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def statements(script):
    """A set-up's statements: they end with a semicolon at the end of a line."""
    found, lines = [], []
    for line in script.splitlines():
        bare = line.split("--", 1)[0].rstrip()
        if bare.endswith(";"):
            lines.append(line[:line.index(";")])
            found.append("\n".join(lines).strip())
            lines = []
        else:
            lines.append(line)
    found.append("\n".join(lines).strip())
    return [one for one in found if re.sub(r"--.*", "", one).strip()]


def type_text(spec):
    if isinstance(spec, str):
        return spec
    if spec["type"] == "ARRAY":
        return f"ARRAY<{type_text(spec['arrayType'])}>"
    if spec["type"] == "STRUCT":
        return "STRUCT<" + ", ".join(f"{f['name']} {type_text(f['type'])}" for f in spec["structTypes"]) + ">"
    return spec["type"]


class Case:
    def __init__(self, folder):
        self.folder = folder
        self.category = folder.parent.name
        self.name = f"{self.category}/{folder.name}"
        self.query = self.text("query.sql")
        self.setup = self.text("setup.sql")
        self.expected = json.loads(self.text("expected.json"))
        self.config = json.loads(self.text("job_config.json") or "{}")
        self.parameters = json.loads(self.text("parameters.json") or "{}")

    def text(self, name):
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def excluded(self):
        if re.search(r"\b(ST_\w+|S2_\w+|GEOGRAPHY)\b", self.query + self.setup, re.I):
            return "GEOGRAPHY"
        if (self.folder / "setup_rest.json").exists():
            return "set up by REST calls"
        keys = set(self.config) - exclusions.CONFIG_WITHOUT_EFFECT_ON_ROWS
        if keys:
            return "job configuration, which the REST door serves"
        return exclusions.BY_CATEGORY.get(self.category)


def run_case(engine, number, case):
    """None when equal, else the difference."""
    dataset = f"d{number}"
    # The recorder made one for cases with a set-up alone.
    if case.setup:
        engine.ask(create_dataset=dataset)

    def fill(text):
        for name, value in {"DATASET": f"{PROJECT}.{dataset}", "PROJECT": PROJECT, "DATASET_ID": dataset}.items():
            text = text.replace("${" + name + "}", value)
        return text

    for statement in statements(fill(case.setup)):
        answer = engine.ask(sql=statement)
        if "error" in answer:
            return f"set-up: {answer['error']}"
    given = [{"name": p.get("name", ""), "type": type_text(p["type"]), "value": p.get("value")}
             for p in case.parameters.get("parameters", [])]
    default = fill(case.config.get("default_dataset", "")).split(".")[-1]
    answer = engine.ask(sql=fill(case.query), parameters=given, dataset=default)
    wanted = case.expected.get("error")
    if wanted is None:
        if "error" in answer:
            return f"error: {answer['error']}"
        return compare.rows(case.expected, answer)
    if "error" not in answer:
        return f"no error, wanted: {wanted['message_sample']}"
    if wanted["reason"] not in DISTINCT_REASONS.get(answer["code"], []):
        return f"reason: wanted {wanted['reason']}, got {answer['code']}: {answer['error']}"
    if not re.search(wanted["message_pattern"], answer["error"], re.S):
        return f"message: wanted {wanted['message_sample']!r}, got {answer['error']!r}"
    return None


def find_cases(folder):
    inner = folder / "tests/conformance/sql_corpus"
    root = inner if inner.is_dir() else folder
    return [Case(path.parent) for path in sorted(root.glob("*/*/query.sql"))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=os.environ.get("AFLUENTE_CONFORMANCE_DIR", ""))
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--program", default=str(ROOT / "build/release/conformance_statements"))
    arguments = parser.parse_args()
    if not arguments.folder or not os.path.isdir(arguments.folder):
        print("skipped: AFLUENTE_CONFORMANCE_DIR names no folder with the recorded statements")
        return 77
    engine = Engine(arguments.program)
    passed, failed, excluded = collections.Counter(), collections.Counter(), collections.Counter()
    for number, case in enumerate(find_cases(pathlib.Path(arguments.folder))):
        if arguments.only not in case.name:
            continue
        reason = case.excluded()
        if reason:
            excluded[reason] += 1
            continue
        difference = run_case(engine, number, case)
        (failed if difference else passed)[case.category] += 1
        if difference:
            known = exclusions.KNOWN.get(case.name)
            print(f"{case.name}: {difference[:300]}" + (f"\n    known: {known}" if known else ""))
            if arguments.verbose:
                print("    " + case.query.strip().replace("\n", "\n    "))
    engine.close()
    for category in sorted(passed | failed):
        print(f"{category}: {passed[category]} of {passed[category] + failed[category]}")
    for reason, count in excluded.items():
        print(f"not run, {reason}: {count}")
    total = passed.total() + failed.total()
    print(f"total: {passed.total()} of {total} ({100 * passed.total() / max(total, 1):.1f} %)")
    return 0 if passed.total() >= exclusions.RATE_MIN * total else 1


if __name__ == "__main__":
    sys.exit(main())
