#!/usr/bin/env python3
"""Runs Layerlab and its peers in turn on one GGUF and writes the table; tools/compare_peers.sh prepares what it takes.

Every round runs each program once, so that a ratio is of neighbours in time; a table holds medians over the rounds."""
import argparse
import csv
import datetime
import json
import math
import os
import re
import shlex
import signal
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
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = ("LL_", "LAYERLAB_", "OMP_", "GOMP_", "KMP_", "GGML_", "LLAMA_")  # what changes a program's speed


def ending(code):
    """How a program ended, of its return code."""
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


class Arm:
    """One program with one setting, and what it reached in each round."""

    def __init__(self, name, setting, command, options):
        self.name, self.setting, self.command = name, setting, command
        self.speed = {"prefill": [], "decode": []}
        self.share = {"prefill": [], "decode": []}
        self.failure = self.build = None
        self.commands = {}
        self.options = options

    def run(self):
        if self.failure:
            return
        try:
            self.measure()
        except OSError as error:
            self.failure = f"failed: {error}"
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            self.failure = f"failed: {ending(error.returncode)}{': ' + said[-1] if said else ''}"
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.failure = f"printed what is no result: {error!r}"

    def output(self, part, *more):
        self.commands[part] = [*self.command, *more]
        return json.loads(subprocess.run(self.commands[part], check=True, capture_output=True).stdout)

    def add(self, part, speed):
        if not 0 < speed < math.inf:
            raise ValueError(f"{speed} tokens/s")
        self.speed[part].append(speed)


class Peer(Arm):
    def measure(self):
        o = self.options
        for part, prompt, generate in (("prefill", o.prompt, 0), ("decode", 0, o.generate)):
            result, = self.output(part, "-m", o.model, "-t", str(o.threads), "-p", str(prompt), "-n", str(generate), "-r", "1", "-o", "json", *self.setting)
            if (result["n_prompt"], result["n_gen"]) != (prompt, generate):
                raise ValueError(f"{result['n_prompt']} and {result['n_gen']} tokens, asked for {prompt} and {generate}")
            self.build = result.get("build_commit")
            self.add(part, float(result["avg_ts"]))


class Layerlab(Arm):
    def measure(self):
        o = self.options
        common = ["speed", o.model, "--json", "--quiet", "--repetitions", "1", "--exact", "--threads", str(o.threads), *self.setting]
        for part, sizes, share in (("prefill", (o.prompt, 1), "int8_share"), ("decode", (PROMPT_OF_DECODE, o.generate), "bandwidth_share")):
            result = self.output(part, *common, "--prompt", str(sizes[0]), "--generate", str(sizes[1]))
            self.add(part, float(result[f"{part}_tokens_per_s"]))
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
    began, steps, done = time.monotonic(), options.repetitions * len(arms), 0
    for number in range(options.repetitions):
        for arm in arms:
            left = f", some {(time.monotonic() - began) / done * (steps - done) / 60:.1f} min left" if done else ""
            print(f"compare_peers: round {number + 1} of {options.repetitions}, {arm.name} {' '.join(arm.setting)}{left}", file=sys.stderr, flush=True)
            arm.run()
            done += 1


def shown(arms, part):
    """Layerlab's arms, of each peer the setting with the best median, and every arm that failed."""
    chosen = []
    for name in dict.fromkeys(arm.name for arm in arms):
        own = [arm for arm in arms if arm.name == name]
        good = [arm for arm in own if not arm.failure]
        if name != "Layerlab" and good:
            good = [max(good, key=lambda arm: statistics.median(arm.speed[part]))]
        chosen += good + [arm for arm in own if arm.failure]
    return chosen


RATIOS = ("ratio", "ratio_32")  # Layerlab's at group 128, at group 32, over the row's
COLUMNS = ["part", "program", "setting", "tokens_per_s", "min", "max"] + [ratio + end for ratio in RATIOS for end in ("", "_min", "_max")]
COLUMNS += ["share", "rounds", "failure"]


def row_of(arm, ours, part):
    row = dict.fromkeys(COLUMNS, "NA")
    row.update(part=part, program=arm.name, setting=" ".join(arm.setting), failure=" ".join((arm.failure or "").split()))
    if arm.failure:
        return row
    speeds = arm.speed[part]
    row.update(tokens_per_s=statistics.median(speeds), min=min(speeds), max=max(speeds), rounds=len(speeds))
    if arm.share[part]:
        row["share"] = statistics.median(arm.share[part])
    for column, own in zip(RATIOS, ours):
        if arm not in ours and not own.failure:
            ratios = [mine / theirs for mine, theirs in zip(own.speed[part], speeds)]
            row.update({column: statistics.median(ratios), column + "_min": min(ratios), column + "_max": max(ratios)})
    return row


def cells(row):
    if row["failure"]:
        return [row["failure"].replace("|", "/"), "", "", ""]
    ratios = ["" if row[c] == "NA" else f"{row[c]:.2f} x ({row[c + '_min']:.2f} to {row[c + '_max']:.2f})" for c in RATIOS]
    share = "" if row["share"] == "NA" else f"{row['share']:.0%}"
    return [f"{row['tokens_per_s']:.4g} ({row['min']:.4g} to {row['max']:.4g})", *ratios, share]


def commands_of(arms):
    for arm in arms:
        for part, command in arm.commands.items():
            says = f" (says build {arm.build}: of the git tree around its sources)" if arm.build else ""
            yield f"- {arm.name}, {part}{says}: `{shlex.join(command).replace(TOP + '/', '')}`"


def markdown(rows, arms, options, machine):
    limit = {"prefill": "int8 peak", "decode": "read bandwidth"}
    lines = [f"# Layerlab beside its peers: {options.label}", "",
             f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']['matmul_i8']}; {options.threads} threads; {datetime.date.today()}. "
             f"{options.repetitions} rounds, every program once a round; medians, the least and the most in brackets.",
             "A ratio is Layerlab's tokens/s over the row's, of the same round; shares are of Layerlab's own probes just before and after. "
             "Peers: the best of the settings tried: "
             + "; ".join(f"{peer}: " + " or ".join(f"`{' '.join(s)}`" for s in settings) for peer, settings in SETTINGS.items()) + ".", ""]
    for part, title in (("prefill", f"Prefill of {options.prompt} tokens"), ("decode", f"Decode of {options.generate} tokens, batch 1")):
        lines += [f"## {title}", "", f"| program | setting | tokens/s | Layerlab at group 128 is | at group 32 | share of {limit[part]} |", "|---|---|---|---|---|---|"]
        lines += [f"| {' | '.join([row['program'], '`' + row['setting'] + '`', *cells(row)])} |" for row in rows if row["part"] == part]
        lines.append("")
    environment = [f"`{name}={value}`" for name, value in sorted(os.environ.items()) if name.startswith(ENVIRONMENT)]
    lines += ["Programs: " + options.versions, "", "Environment that is set: " + (", ".join(environment) or "none") + ".", "",
              "Again: `" + options.again + "`; a round is:", "", *commands_of(arms), ""]
    return "\n".join(lines)


def machine_of(layerlab):
    try:
        return json.loads(subprocess.run([layerlab, "info", "--json"], check=True, stdout=subprocess.PIPE).stdout)["machine"]
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as error:
        sys.exit(f"compare_peers: {layerlab} info tells no machine: {error}")


def folder_of(machine):
    slug = re.sub("[^a-z0-9]+", "-", f"{machine['cpu']} {machine['cores']} cores {machine['isa']['matmul_i8']}".lower()).strip("-")
    return os.path.join(TOP, "results", "peers", f"{datetime.date.today()}-{slug}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--layerlab", required=True)
    parser.add_argument("--peer", action="append", default=[], help="NAME=PATH of its llama-bench")
    parser.add_argument("--threads", type=int, help="default: Layerlab's own")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", help="default: results/peers/<date>-<machine>")
    parser.add_argument("--label", required=True, help="names the model, and the files")
    parser.add_argument("--versions", default="")
    parser.add_argument("--again", default="")
    options = parser.parse_args()
    machine = machine_of(options.layerlab)
    options.threads = options.threads or machine["threads"]
    options.out = options.out or folder_of(machine)
    os.makedirs(options.out, exist_ok=True)
    arms = arms_of(options)
    run_rounds(arms, options)
    rows = [row_of(arm, arms[:2], part) for part in ("prefill", "decode") for arm in shown(arms, part)]
    text = markdown(rows, arms, options, machine)
    with open(os.path.join(options.out, options.label + ".md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(options.out, options.label + ".csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(text)
    sys.exit(1 if any(arm.failure for arm in arms) else 0)


if __name__ == "__main__":
    main()
