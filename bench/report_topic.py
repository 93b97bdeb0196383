"""The topic's sections of docs/benchmarks.md."""
import statistics

import matplotlib.pyplot as plt

from report import median, number, save, table


def publish_section(results, folder):
    runs = results["runs"]
    shapes = sorted({key[1:] for key in runs})
    bare = "a call that writes nothing"
    systems = [name for name in dict.fromkeys(key[0] for key in runs) if name != bare]
    rows = []
    for shape in shapes:
        ours = runs[("Afluente", *shape)]
        rate = median(ours, "messages_per_s")
        row = [f"{shape[0]} x {shape[1]}", f"{number(rate)} ({median(ours, 'p50_ms'):.2f} / {median(ours, 'p99_ms'):.2f})"]
        for system in systems[1:]:
            theirs = median(runs[(system, *shape)], "messages_per_s")
            row.append(f"{number(theirs)} ({rate / theirs:.1f}x)")
        rows.append(row)
    draw_rates(runs, systems, shapes, folder)
    single, probe = runs[("Afluente", 1, 1)], runs[("raw append and sync", 1, 1)]
    text = ("## Durable publish, 1 KiB messages\n\nClosed loop: each publisher sends a batch and waits for its answer. Afluente, NATS, Redis and Kafka answer "
            "after a sync to disk; pstest (Go's fake of Pub/Sub) and Google's emulator keep messages in memory only. In brackets: p50 / p99 of a batch in ms "
            "for Afluente, how many times faster Afluente is for the others. Raw append and sync is one writer, which waits for each sync.\n\n"
            + table(["messages a request x publishers", *systems], rows) + "\n\n![Publish rate](benchmarks/publish.svg)\n\n"
            f"A single message takes {median(single, 'p50_ms'):.2f} ms (p50), one append and sync {median(probe, 'p50_ms'):.2f} ms in the same run: "
            f"{median(single, 'p50_ms') - median(probe, 'p50_ms'):.2f} ms more.")
    if (bare, 1, 1) in runs:
        text += (f" A call that writes nothing (GetTopic, same client) takes {median(runs[(bare, 1, 1)], 'p50_ms'):.2f} ms; with 8 clients "
                 f"{number(median(runs[(bare, 1, 8)], 'messages_per_s'))} of them a second is all that gRPC and its client can do on these cores.")
    for name, reason in results["missing"].items():
        text += f"\n\nNot measured: {name} ({reason})."
    return text + "\n"


def draw_rates(runs, systems, shapes, folder):
    figure, axis = plt.subplots(figsize=(9, 3.8))
    width = 0.85 / len(systems)
    for i, system in enumerate(systems):
        axis.bar([n + i * width for n in range(len(shapes))], [median(runs[(system, *shape)], "messages_per_s") for shape in shapes], width,
                 label=system)
    axis.set_yscale("log")
    axis.set_ylabel("messages/s")
    axis.set_xticks([n + 0.4 for n in range(len(shapes))], [f"{batch} x {publishers}" for batch, publishers in shapes])
    axis.set_xlabel("messages a request x publishers")
    axis.legend(fontsize=7)
    save(figure, folder, "publish")


def stream_section(results, _folder):
    ours = median(results["drain"]["Afluente"], "messages_per_s")
    rows = [[name, number(median(runs, "messages_per_s")), f"{ours / median(runs, 'messages_per_s'):,.0f}x"]
            for name, runs in results["drain"].items()]
    latency = results["latency"]
    return ("## Streaming pull\n\nOne stream drains a backlog of 1 KiB messages and acknowledges it by unary calls of 1,000 ids, as Google's clients do; the time ends "
            "with the last ack's answer, which Afluente gives when the ack is on disk.\n\n" + table(["", "messages/s a stream", "Afluente is"], rows)
            + f"\n\nFrom just before a publish to its delivery, at half of what goes through at once ({number(median(latency, 'rate'))} messages/s in batches of 100, "
            f"publisher and subscriber on the same cores): p50 {median(latency, 'p50_ms'):.2f} ms, p99 {median(latency, 'p99_ms'):.2f} ms; "
            f"{sum(run['missing'] for run in latency)} messages missing.\n")


def topics_section(results, _folder):
    rows = []
    for batch, publishers in sorted({key[:2] for key in results["runs"]}):
        one, many = (median(results["runs"][(batch, publishers, count)], "messages_per_s") for count in (1, 1000))
        rows.append([f"{batch} x {publishers}", number(one), number(many), f"{many / one:.0%}"])
    return ("## 1,000 topics with 1,000 subscriptions\n\n" + table(["messages a request x publishers", "one topic, messages/s", "1,000 topics in turn", "ratio"], rows)
            + f"\n\nIdle afterwards, with 2,002 topics: {statistics.median(results['idle']):.2%} of one core.\n")


def recovery_section(result, _folder):
    return (f"## Recovery\n\nAfter `kill -9` with {result['messages']:,} messages of 200 bytes retained (and the warehouse open): ready "
            f"{result['ready_s']:.2f} s after exec. One stream then drained them from disk at {number(result['drain_per_s'])} messages/s, {result['again']} twice. "
            f"Memory: {result['full_mib']:.0f} MiB when filled, {result['drained_mib']:.0f} MiB after restart and drain.\n")


def endure_section(result, folder):
    return flat_section("Endurance", "endure", f"{result['operations']:,} messages of 200 bytes published in batches of 100 and drained at the same time: "
                        f"{number(result['operations_per_s'])} messages/s. Latency of a publish.", result, folder)


def churn_section(result, folder):
    return flat_section("Create and delete", "churn", f"{result['operations']:,} cycles of: make a topic and a subscription, publish, delete both; 8 at once, "
                        f"{number(result['operations_per_s'])} cycles/s. Latency of a cycle.", result, folder)


def flat_section(title, name, text, result, folder):
    """Latency by part of the run above, memory and journal over its time below."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5))
    parts = range(1, len(result["p50_ms"]) + 1)
    above.plot(parts, result["p50_ms"], label="p50")
    above.plot(parts, result["p99_ms"], label="p99")
    above.set_ylabel("ms")
    above.set_xlabel(f"{len(parts)}ths of the run")
    above.set_ylim(bottom=0)
    above.legend(fontsize=8)
    seconds, memory, disk = zip(*result["samples"])
    below.plot(seconds, memory, label="memory, MiB")
    below.plot(seconds, disk, label="journal, MiB")
    below.set_xlabel("s")
    below.set_ylim(bottom=0)
    below.legend(fontsize=8)
    save(figure, folder, name)
    half = len(parts) // 2
    first, second = (statistics.median(half_of) for half_of in (result["p99_ms"][:half], result["p99_ms"][half:]))
    return (f"## {title}\n\n{text} p99 in the first half {first:.2f} ms, in the second {second:.2f} ms; memory at most {max(memory):.0f} MiB, "
            f"{memory[-1]:.0f} MiB at the end.\n\n![{title}](benchmarks/{name}.svg)\n")


SECTIONS = {"publish": publish_section, "stream": stream_section, "topics": topics_section, "recovery": recovery_section,
            "endure": endure_section, "churn": churn_section}
