"""Results of bench/run by part, kept beside the report, so that a part can be measured again alone."""
import datetime
import json
import os
import platform
import subprocess

from servers import ROOT

PATH = os.path.join(ROOT, "docs/benchmarks/results.json")


def encode(value):
    """For JSON: a dictionary whose keys are not all text becomes its pairs."""
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: encode(each) for key, each in value.items()}
        return {"pairs": [[key, encode(each)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def decode(value):
    if isinstance(value, dict):
        if set(value) == {"pairs"}:
            return {tuple(key) if isinstance(key, list) else key: decode(each) for key, each in value["pairs"]}
        return {key: decode(each) for key, each in value.items()}
    return [decode(each) for each in value] if isinstance(value, list) else value


def load():
    """Part -> what was measured, when and of what."""
    if not os.path.exists(PATH):
        return {}
    with open(PATH, encoding="utf-8") as file:
        return {part: {**kept, "results": decode(kept["results"])} for part, kept in json.load(file).items()}


def keep(measured):
    """Adds the parts that were measured now to those kept; returns all."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    facts = {"date": str(datetime.date.today()), "commit": commit, "cores": os.cpu_count(),
             "system": f"{platform.system()} {platform.release().split('-')[0]}"}
    parts = {**load(), **{part: {**facts, "results": results} for part, results in measured.items()}}
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    with open(PATH, "w", encoding="utf-8") as file:
        json.dump(encode(parts), file, separators=(",", ":"))
        file.write("\n")
    return parts
