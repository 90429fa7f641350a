"""W1 through other engines and through ours in one run: `run.py TALLYLIGHT [EVENTS]`.

An engine reads the file that `tallylight bench w1` wrote, in its own process, and its windows must
equal ours to the row. CPU-seconds (user and system, all threads) are the extra cost of the threefold
file over the single one, so they do not include starting and warming up.
"""

import importlib.metadata
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
JAVA = ["java", "-XX:+UseParallelGC", "-Xmx2g", "--add-opens=java.base/java.util=ALL-UNNAMED"]
JAVA += ["--add-opens=java.base/java.lang=ALL-UNNAMED"]


def cpu(command):
    """The CPU-seconds of a command and its descendants."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def flink(folder):
    """The command of the Flink program, compiled for this run."""
    import pyflink

    jars = str(Path(pyflink.__path__[0]) / "lib" / "*")
    cpu(["javac", "-cp", jars, "-d", str(folder), str(HERE / "FlinkW1.java")])
    return [*JAVA, "-cp", f"{folder}:{jars}", "FlinkW1"]


def rows(path):
    """The lines of a result, sorted."""
    return sorted(path.read_text(encoding="utf-8").splitlines())


def measure(command, folder, events):
    """Million events per CPU-second, after the windows were compared with ours."""
    spent = []
    for count in (events, 3 * events):
        out = folder / "out.csv"
        spent.append(cpu([*command, str(folder / f"w1-{count}.ndjson"), str(out)]))
        if rows(out) != rows(folder / f"w1-{count}.csv"):
            raise SystemExit(f"{command}: the windows of {count} events are not ours")
        out.unlink()
    return 2 * events / (spent[1] - spent[0]) / 1e6


def main(binary, events):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = [binary, "bench", "w1", "--format", "json"]
        bench += ["--events", str(events), "--into", name]
        done = subprocess.run(bench, check=True, stdout=subprocess.PIPE, text=True)
        found = {
            f"tallylight {step['name']}": step["events_per_cpu_second"] / 1e6
            for step in json.loads(done.stdout)["steps"]
        }
        here = [sys.executable, str(HERE / "engines.py")]
        peers = {
            "duckdb": ([*here, "duckdb"], "duckdb"),
            "chdb": ([*here, "chdb"], "chdb-core"),
            "flink": (flink(folder), "apache-flink-libraries"),
        }
        for peer, (command, package) in peers.items():
            title = f"{peer} {importlib.metadata.version(package)}"
            found[title] = measure(command, folder, events)
    ours = found["tallylight w1"]
    print(f"W1, {events} and {3 * events} events; the windows of all are equal")
    print(f"{'engine':<24} {'M/cpu-s':>8} {'cpu-s/M':>8} {'ours ÷ it':>10}")
    for engine, rate in found.items():
        print(f"{engine:<24} {rate:>8.3f} {1 / rate:>8.2f} {ours / rate:>10.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
