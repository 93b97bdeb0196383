"""Our rows against recorded ones, type by type."""
import datetime
import decimal
import json
import math
import re

NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


def split_fields(text):
    """The parts of "a INT64, b STRUCT<c INT64, d STRING>" at the outermost commas."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += {"<": 1, ">": -1}.get(c, 0)
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return parts + [text[start:].strip()]


def field_of(name, text):
    """A type as ToString gives it, in the form of BigQuery's schemas."""
    if text.startswith("ARRAY<"):
        return dict(field_of(name, text[6:-1]), mode="REPEATED")
    field = {"name": name, "type": text, "mode": "NULLABLE"}
    if text.startswith("STRUCT<"):
        field["type"] = "RECORD"
        members = (part.partition(" ") for part in split_fields(text[7:-1]))
        field["fields"] = [field_of(member, inner) for member, _, inner in members]
    elif text.startswith("RANGE<"):
        field["type"] = "RANGE"
    field["type"] = NAMES.get(field["type"], field["type"])
    return field


def schema_difference(wanted, got):
    if len(wanted) != len(got):
        return f"{len(got)} columns, wanted {len(wanted)}"
    for a, b in zip(wanted, got):
        for key in ("name", "type", "mode"):
            left = NAMES.get(a.get(key), a.get(key)) or "NULLABLE"
            if left != b[key]:
                return f"column {a['name']}: {key} {b[key]}, wanted {left}"
        if a.get("fields"):
            inner = schema_difference(a["fields"], b.get("fields", []))
            if inner:
                return inner
    return None


def interval_text(text):
    """"Y-M D H:M:S[.F]" as python-dateutil prints it, which is how the recorder wrote intervals."""
    match = re.fullmatch(r"(-?)(\d+)-(\d+) (-?\d+) (-?)(\d+):(\d+):(\d+)(?:\.(\d+))?", text)
    if not match:
        return text
    sign, years, months, days, minus, hours, minutes, seconds, fraction = match.groups()
    one, two = (-1 if sign else 1), (-1 if minus else 1)
    parts = [("years", one * int(years)), ("months", one * int(months)), ("days", int(days)),
             ("hours", two * int(hours)), ("minutes", two * int(minutes)), ("seconds", two * int(seconds)),
             ("microseconds", two * int((fraction or "0").ljust(6, "0")[:6]))]
    return "relativedelta(" + ", ".join(f"{n}={v:+d}" for n, v in parts if v) + ")"


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def floats_equal(a, b):
    a, b = float(a), float(b)
    return (math.isnan(a) and math.isnan(b)) or a == b or math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15)


def as_json(value):
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def scalar_equal(kind, wanted, got):
    if kind == "FLOAT":
        return floats_equal(wanted, got)
    if kind in ("NUMERIC", "BIGNUMERIC"):
        return decimal.Decimal(str(wanted)) == decimal.Decimal(str(got))
    if kind in ("TIMESTAMP", "DATETIME"):
        return moment(wanted) == moment(got)
    if kind == "TIME":
        return datetime.time.fromisoformat(wanted) == datetime.time.fromisoformat(got)
    if kind == "INTERVAL":
        return wanted == interval_text(got)
    if kind == "JSON":
        return as_json(wanted) == as_json(got)
    if kind == "RANGE" and isinstance(got, str):
        ends = [None if end.upper() == "UNBOUNDED" else end for end in got.strip("[)").split(", ")]
        return [moment(e) if e and len(e) > 10 else e for e in ends] == \
            [moment(e) if e and len(e) > 10 else e for e in (wanted["start"], wanted["end"])]
    return wanted == got


def value_difference(field, wanted, got, path):
    if field.get("mode") == "REPEATED":
        wanted, got = wanted or [], got or []
        if len(wanted) != len(got):
            return f"{path}: {got!r}, wanted {wanted!r}"
        one = dict(field, mode="NULLABLE")
        return next(filter(None, (value_difference(one, a, b, f"{path}[{i}]")
                                  for i, (a, b) in enumerate(zip(wanted, got)))), None)
    if wanted is None or got is None:
        return None if wanted is got else f"{path}: {got!r}, wanted {wanted!r}"
    if field["type"] in ("RECORD", "STRUCT"):
        inner = (value_difference(f, wanted.get(f["name"]), got.get(f["name"]), f"{path}.{f['name']}")
                 for f in field["fields"])
        return next(filter(None, inner), None)
    try:
        equal = scalar_equal(NAMES.get(field["type"], field["type"]), wanted, got)
    except (ValueError, TypeError, KeyError, decimal.InvalidOperation):
        equal = False
    return None if equal else f"{path}: {got!r}, wanted {wanted!r}"


def rows(expected, answer):
    schema = [field_of(c["name"], c["type"]) for c in answer["schema"]]
    for field, column in zip(schema, answer["schema"]):
        if column["required"]:
            field["mode"] = "REQUIRED"
    difference = schema_difference(expected["schema"], schema)
    if difference:
        return difference
    if len(expected["rows"]) != len(answer["rows"]):
        return f"{len(answer['rows'])} rows, wanted {len(expected['rows'])}"
    for number, (wanted, got) in enumerate(zip(expected["rows"], answer["rows"])):
        for field, value in zip(expected["schema"], got):
            difference = value_difference(field, wanted.get(field["name"]), value,
                                          f"row {number}, {field['name']}")
            if difference:
                return difference
    affected = expected.get("job_metadata", {}).get("num_dml_affected_rows")
    if affected is not None and affected != answer.get("affected"):
        return f"{answer.get('affected')} affected rows, wanted {affected}"
    return None
