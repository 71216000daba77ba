"""How fast the package is beside what users would otherwise take.

    python -m benchmarks.speed metrics

Everything runs in one process with one thread (unless a row says otherwise), all
tools on the same data in turns. Tools that would take too long run on the first
queries only, and their time is extrapolated; the tables say so.
"""

import argparse
import csv
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import _speed_metrics
from benchmarks._environment import environment_record

COMMANDS = {"metrics": _speed_metrics}
RESULTS = Path(__file__).parent / "results"


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.__doc__.splitlines()[0],
            description=module.__doc__,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument("--out", type=Path, default=RESULTS, help="folder")
    args = parser.parse_args(argv)
    with threadpool_limits(1):
        rows = COMMANDS[args.command].run(args)
        environment = environment_record() | {
            "cpu": cpu_model(),
            "blas": [
                {
                    key: info.get(key)
                    for key in ("internal_api", "version", "num_threads")
                }
                for info in threadpool_info()
                if info["user_api"] == "blas"
            ],
            "torchmetrics": installed("torchmetrics"),
        }
    args.out.mkdir(parents=True, exist_ok=True)
    stem = args.out / f"speed_{args.command}"
    write_csv(stem.with_suffix(".csv"), rows)
    table = markdown(rows)
    stem.with_suffix(".md").write_text(table, encoding="utf-8")
    stem.with_name(f"{stem.name}_environment.json").write_text(
        json.dumps(environment, indent=2) + "\n", encoding="utf-8"
    )
    print(table)


def cpu_model():
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else "unknown"


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
            for row in rows
        )


def markdown(rows):
    lines = []
    case = None
    for row in rows:
        if case != (row["relevance"], row["n_queries"]):
            case = row["relevance"], row["n_queries"]
            kind = "pairs" if case[0] == "pairs" else f"{case[0]} classes"
            lines += [
                "",
                f"### {row['n_queries']:,} x {row['n_gallery']:,}, {kind}",
                "",
                "| tool | seconds | / yardstick | / sklearn_xmodal | extra MiB | mAP |",
                "| --- | ---: | ---: | ---: | ---: | ---: |",
            ]
        lines.append("| " + " | ".join(cells(row)) + " |")
    note = (
        "\n\\* extrapolated from the first queries, see `n_queries_timed` in the CSV. "
        "Fastest of several runs in turns, one thread. Memory as traced in Python and "
        "NumPy, without the inputs.\n"
    )
    return "\n".join(lines).lstrip() + "\n" + note


def cells(row):
    extrapolated = "\\*" if row["n_queries_timed"] < row["n_queries"] else ""
    return [
        row["tool"],
        f"{row['seconds']:.3g}{extrapolated}",
        f"{row['by_yardstick']:.2f}",
        f"{row['by_ours']:.2f}",
        "" if row["extra_mib"] is None else f"{row['extra_mib']:.0f}",
        "" if row["value"] is None else f"{row['value']:.4f}",
    ]


if __name__ == "__main__":
    main()
