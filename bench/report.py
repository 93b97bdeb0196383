"""Turns bench/run's results into docs/benchmarks.md and its plots."""
import os
import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)
from servers import ROOT  # noqa: E402

FOLDER = os.path.join(ROOT, "docs")


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def api_section(results, folder):
    shapes = list(dict.fromkeys(key[1:] for key in results))
    rows = []
    for query, connections in shapes:
        ours, raw = results[("Afluente", query, connections)], results[("raw DuckDB", query, connections)]
        rows.append([f"{query}, {connections}", number(median(ours, "requests_per_s")),
                     f"{median(ours, 'p50_ms'):.2f} / {median(ours, 'p99_ms'):.2f}", number(median(raw, "requests_per_s")),
                     f"{median(ours, 'requests_per_s') / median(raw, 'requests_per_s'):.0%}"])
    figure, axis = plt.subplots(figsize=(8, 3))
    for i, system in enumerate(("Afluente", "raw DuckDB")):
        axis.bar([n + i * 0.4 for n in range(len(shapes))],
                 [median(results[(system, *shape)], "requests_per_s") for shape in shapes], 0.4, label=system)
    axis.set_xticks([n + 0.2 for n in range(len(shapes))], [f"{q}\n{c} conn." for q, c in shapes])
    axis.set_ylabel("requests/s")
    axis.legend(fontsize=8)
    save(figure, folder, "api")
    return ("## API over one million rows\n\nThe same query on the same file: over HTTP with wrk (the client takes its share of the two cores), and in process "
            "with prepared statements (as many threads as wrk has).\n\n"
            + table(["query, connections", "Afluente, requests/s", "p50 / p99 ms", "raw DuckDB, queries/s", "ratio"], rows)
            + "\n\n![API rate](benchmarks/api.svg)\n")


def save(figure, folder, name):
    os.makedirs(os.path.join(folder, "benchmarks"), exist_ok=True)
    figure.tight_layout()
    figure.savefig(os.path.join(folder, "benchmarks", name + ".svg"), metadata={"Date": None})
    plt.close(figure)


def start_section(start, _folder):
    return "## Start and idle memory\n\n" + table(["", "median", "worst"], [
        ["exec to ready, ms", f"{statistics.median(start['start_ms']):.0f}", f"{max(start['start_ms']):.0f}"],
        ["idle memory, MiB", f"{statistics.median(start['idle_mib']):.0f}", f"{max(start['idle_mib']):.0f}"]]) + "\n"


def flights_section(rates, _folder):
    return ("## Flights end to end\n\n336,776 flights read from CSV, published over gRPC, turned into rows and queryable, everything synced: "
            f"{number(statistics.median(rates))} rows/s (worst round {number(min(rates))}), publisher on the same two cores.\n")


def fresh_section(fresh, _folder):
    return ("## Freshness\n\nFrom the reply to a publish until the API shows the row, at 2,000 single-message publishes a second, the API polled "
            f"without pause: p50 {median(fresh, 'p50_ms'):.1f} ms, p99 {median(fresh, 'p99_ms'):.1f} ms; "
            f"{sum(run['missing'] for run in fresh)} messages missing.\n")


def write(parts):
    """The whole report from all that was ever kept of bench/run's parts, in the order of the sections."""
    import bigquery_bench
    import door
    import report_topic  # here: they use the functions above

    sections = {"start": start_section, **report_topic.SECTIONS, "flights": flights_section, "fresh": fresh_section, "api": api_section,
                "door": door.section, "bigquery": bigquery_bench.section}
    text = ["# Benchmarks\n", "Made by `make bench` (and `tools/soak bench`, the long parts); do not edit. Medians of several rounds, all systems in turn within a "
            "round. Ratios within one run are what counts: the machine drifts.\n"]
    for part, section in sections.items():
        if part not in parts:
            continue
        kept = parts[part]
        title, body = section(kept["results"], FOLDER).split("\n", 1)
        text.append(f"{title}\n\n*{kept['date']}, {kept['cores']} cores, {kept['system']}, commit {kept['commit']}.*\n{body}")
    text = "\n".join(text)
    with open(os.path.join(FOLDER, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write(text)
    return text
