#!/usr/bin/env python3
"""Runs Layerlab and its peers in turn on one GGUF and writes the table; tools/compare_peers.sh prepares what it takes.

Every round runs each program once, so that a ratio is of neighbours in time; a table holds medians over the rounds."""
import argparse
import csv
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

# Settings that peers are tried with; the best by its median counts. A peer's name begins with its key.
SETTINGS = {
    "llama.cpp": [["-fa", "1"], ["-fa", "0"]],
    "ik_llama.cpp": [["-fa", "1", "-rtr", "1"], ["-fa", "1", "-rtr", "1", "-ctk", "q8_0", "-ctv", "q8_0"]],
}
PROMPT_OF_DECODE = 1  # llama-bench begins to generate in an empty cache


class Arm:
    """One program with one setting, and what it reached in each round."""

    def __init__(self, name, setting, command, options):
        self.name, self.setting, self.command = name, setting, command
        self.speed = {"prefill": [], "decode": []}
        self.share = {"prefill": [], "decode": []}
        self.failure = None
        self.options = options

    def run(self):
        if self.failure:
            return
        try:
            self.measure()
        except (OSError, subprocess.CalledProcessError) as error:
            self.failure = f"failed: {error}"
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.failure = f"printed what is no result: {error!r}"

    def output(self, *more):
        done = subprocess.run([*self.command, *more], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout)


class Peer(Arm):
    def measure(self):
        o = self.options
        for part, sizes in (("prefill", ["-p", o.prompt, "-n", 0]), ("decode", ["-p", 0, "-n", o.generate])):
            result = self.output("-m", o.model, "-t", str(o.threads), *map(str, sizes), "-r", "1", "-o", "json", *self.setting)
            speed = float(result[-1]["avg_ts"])
            if not speed > 0:
                raise ValueError(f"{speed} tokens/s")
            self.speed[part].append(speed)


class Layerlab(Arm):
    def measure(self):
        o = self.options
        common = ["speed", o.model, "--json", "--quiet", "--repetitions", "1", "--exact", "--threads", str(o.threads), *self.setting]
        for part, sizes, share in (("prefill", (o.prompt, 1), "int8_share"), ("decode", (PROMPT_OF_DECODE, o.generate), "bandwidth_share")):
            result = self.output(*common, "--prompt", str(sizes[0]), "--generate", str(sizes[1]))
            self.speed[part].append(float(result[f"{part}_tokens_per_s"]))
            self.share[part].append(float(result[share]))


def arms_of(options):
    arms = [Layerlab("Layerlab", ["--group", group], [options.layerlab], options) for group in ("128", "32")]
    for peer in options.peer:
        name, _, path = peer.partition("=")
        settings = SETTINGS.get(name.split()[0])
        if not path or settings is None:
            sys.exit(f"compare_peers: --peer {peer}: expected NAME=PATH, NAME beginning with one of {', '.join(SETTINGS)}")
        arms += [Peer(name, setting, [path], options) for setting in settings]
    return arms


def run_rounds(arms, options):
    began = time.monotonic()
    for done in range(options.repetitions):
        for arm in arms:
            left = (time.monotonic() - began) / done * (options.repetitions - done) if done else None
            print(f"compare_peers: round {done + 1} of {options.repetitions}, {arm.name} {' '.join(arm.setting)}"
                  + (f", some {left / 60:.1f} min left" if left else ""), file=sys.stderr, flush=True)
            arm.run()


def best_of(arms, part):
    """Of each program the setting with the best median; the first where all failed."""
    best = {}
    for arm in arms:
        key = (arm.name, arm.setting[1] if arm.name == "Layerlab" else "")
        held = best.get(key)
        if held is None or (not arm.failure and (held.failure or statistics.median(arm.speed[part]) > statistics.median(held.speed[part]))):
            best[key] = arm
    return list(best.values())


COLUMNS = ["part", "program", "setting", "tokens_per_s", "min", "max", "ratio", "ratio_min", "ratio_max", "share", "rounds", "failure"]


def row_of(arm, ours, part):
    row = dict.fromkeys(COLUMNS, "NA")
    row.update(part=part, program=arm.name, setting=" ".join(arm.setting), failure=arm.failure or "")
    if arm.failure:
        return row
    speeds = arm.speed[part]
    row.update(tokens_per_s=statistics.median(speeds), min=min(speeds), max=max(speeds), rounds=len(speeds))
    if arm.share[part]:
        row["share"] = statistics.median(arm.share[part])
    if arm is not ours and not ours.failure:
        ratios = [mine / theirs for mine, theirs in zip(ours.speed[part], speeds)]
        row.update(ratio=statistics.median(ratios), ratio_min=min(ratios), ratio_max=max(ratios))
    return row


def number(value, form):
    return "" if value == "NA" else format(value, form)


def markdown(rows, options, machine):
    limit = {"prefill": "int8 peak", "decode": "read bandwidth"}
    lines = [f"# Layerlab beside its peers: {options.label}", "",
             f"{machine}, {options.threads} threads, {datetime.date.today()}. {options.repetitions} rounds, every program once a round; medians, "
             "the least and the most in brackets.", "A ratio is Layerlab's tokens/s at group 128 over the row's, of the same round. Peers: the best of the settings tried: "
             + "; ".join(f"{peer}: " + " or ".join(f"`{' '.join(s)}`" for s in settings) for peer, settings in SETTINGS.items()) + ".", ""]
    for part, title in (("prefill", f"Prefill of {options.prompt} tokens"), ("decode", f"Decode of {options.generate} tokens, batch 1")):
        lines += [f"## {title}", "", f"| program | setting | tokens/s | Layerlab is | share of {limit[part]} |", "|---|---|---|---|---|"]
        for row in (r for r in rows if r["part"] == part):
            if row["failure"]:
                lines.append(f"| {row['program']} | `{row['setting']}` | {row['failure']} | | |")
                continue
            ratio = "" if row["ratio"] == "NA" else f"{row['ratio']:.2f} x ({row['ratio_min']:.2f} to {row['ratio_max']:.2f})"
            lines.append(f"| {row['program']} | `{row['setting']}` | {row['tokens_per_s']:.4g} ({row['min']:.4g} to {row['max']:.4g}) | {ratio} | "
                         f"{number(row['share'], '.0%')} |")
        lines.append("")
    lines += ["Programs: " + options.versions, "", "Again: `" + options.again + "`", ""]
    return "\n".join(lines)


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"model name\s*: (.*)", file.read())
        return found.group(1) if found else platform.machine()
    except OSError:
        return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--layerlab", required=True)
    parser.add_argument("--peer", action="append", default=[], help="NAME=PATH of its llama-bench")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--versions", default="")
    parser.add_argument("--again", default="")
    options = parser.parse_args()
    arms = arms_of(options)
    run_rounds(arms, options)
    rows = [row_of(arm, arms[0], part) for part in ("prefill", "decode") for arm in best_of(arms, part)]
    os.makedirs(options.out, exist_ok=True)
    text = markdown(rows, options, cpu_name())
    with open(os.path.join(options.out, "peers.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(options.out, "peers.csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(text)
    sys.exit(1 if any(arm.failure for arm in arms) else 0)


if __name__ == "__main__":
    main()
