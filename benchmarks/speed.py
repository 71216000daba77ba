"""How fast the package is beside what users would otherwise take.

    python -m benchmarks.speed adapter
    python -m benchmarks.speed cca
    python -m benchmarks.speed database
    python -m benchmarks.speed devices
    python -m benchmarks.speed encoders
    python -m benchmarks.speed kcca
    python -m benchmarks.speed many
    python -m benchmarks.speed metrics
    python -m benchmarks.speed msln
    python -m benchmarks.speed scale
    python -m benchmarks.speed search
    python -m benchmarks.speed storage
    python -m benchmarks.speed tables
    python -m benchmarks.speed training

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

from benchmarks import (
    _speed_adapter,
    _speed_cca,
    _speed_database,
    _speed_devices,
    _speed_encoders,
    _speed_kcca,
    _speed_many,
    _speed_metrics,
    _speed_msln,
    _speed_scale,
    _speed_search,
    _speed_storage,
    _speed_tables,
    _speed_training,
)
from benchmarks._environment import environment_record

COMMANDS = {
    "adapter": _speed_adapter,
    "cca": _speed_cca,
    "database": _speed_database,
    "devices": _speed_devices,
    "encoders": _speed_encoders,
    "kcca": _speed_kcca,
    "many": _speed_many,
    "metrics": _speed_metrics,
    "msln": _speed_msln,
    "scale": _speed_scale,
    "search": _speed_search,
    "storage": _speed_storage,
    "tables": _speed_tables,
    "training": _speed_training,
}
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
            "cca-zoo": installed("cca-zoo"),
            "faiss-cpu": installed("faiss-cpu"),
            "lancedb": installed("lancedb"),
        }
    args.out.mkdir(parents=True, exist_ok=True)
    stem = args.out / f"speed_{args.command}"
    write_csv(stem.with_suffix(".csv"), rows)
    table = COMMANDS[args.command].markdown(rows)
    stem.with_suffix(".md").write_text(table, encoding="utf-8")
    stem.with_name(f"{stem.name}_environment.json").write_text(
        json.dumps(environment, indent=2) + "\n", encoding="utf-8"
    )
    if hasattr(COMMANDS[args.command], "picture"):
        COMMANDS[args.command].picture(rows, stem.with_suffix(".png"))
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


if __name__ == "__main__":
    main()
