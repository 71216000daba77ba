"""Training of MSLN by device: the processor and a GPU, float32 and bfloat16.

Seconds of the wall clock per step, the median of the second half of a training; data
are on the device before it begins. Two sizes: the default network on batches of 128
pairs, whose kernels are so small that starting them is what takes the time, and a
network with hidden layers of 2,048 on batches of 4,096. Without a GPU only the
processor is timed.
"""

import itertools
import statistics
import time

import torch
from skorch.callbacks import Callback
from tqdm import tqdm

from benchmarks import _speed_msln
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import make_paired_modalities

DEFAULT, LARGE = "default, batches of 128", "hidden 2,048, batches of 4,096"
_SIZES = {
    DEFAULT: {"batch_size": 128},
    LARGE: {"batch_size": 4096, "hidden_layer_sizes": (2048,), "n_components": 256},
}
_WIDTHS = {DEFAULT: (96, 96), LARGE: (1024, 768)}
_BATCHES = {DEFAULT: 64, LARGE: 8}  # in an epoch
BARE = "bare torch loop"


def add_arguments(parser):
    parser.add_argument("--steps", type=int, default=400, help="on a GPU, and of the "
                        "default size")  # fmt: skip
    parser.add_argument("--large-cpu-steps", type=int, default=8,
                        help="of the large size on the processor")  # fmt: skip
    parser.add_argument("--threads", type=int, nargs="+", default=[1],
                        help="of the processor")  # fmt: skip


def run(args):
    rows = []
    for size, options in _SIZES.items():
        data = draw(size)
        cases = cases_of(size, args)
        rows += [
            {"size": size, **case, **time_case(data, case, options)}
            for case in tqdm(cases, desc=size, leave=False)
        ]
    return rows


def cases_of(size, args):
    """Return what is timed of one size, in turn."""
    # Seconds a step, of the large size: once is enough.
    is_default = size == DEFAULT
    cases = [
        {"device": "cpu", "threads": threads, "tool": tool, "networks": networks,
         "precision": "float32",
         "steps": args.steps if is_default else args.large_cpu_steps}
        for threads in (args.threads if is_default else [max(args.threads)])
        for tool, networks in (tools_of(size) if is_default else tools_of(size)[:1])
    ]  # fmt: skip
    if torch.cuda.is_available():
        cases += [
            {"device": torch.cuda.get_device_name(), "threads": 1, "tool": tool,
             "networks": networks, "precision": precision, "steps": args.steps}
            for precision in ("float32", "bfloat16")
            for tool, networks in tools_of(size)
            if precision == "float32" or tool != BARE
        ]  # fmt: skip
    return cases


def tools_of(size):
    """Return tools with their number of networks; the bare loop has the default's."""
    ours = [(_speed_msln.OURS, 1), (_speed_msln.OURS, 3)]
    return [(BARE, 1), *ours] if size == DEFAULT else ours


def draw(size):
    n_image, n_text = _WIDTHS[size]
    X_img, X_txt, y = make_paired_modalities(
        _BATCHES[size] * _SIZES[size]["batch_size"],
        n_classes=10,
        n_image_features=n_image,
        n_text_features=n_text,
        random_state=0,
    )
    return X_img.astype("float32"), X_txt.astype("float32"), y


def time_case(data, case, options):
    """Return the time of a step, and the most that the GPU held."""
    torch.set_num_threads(case["threads"])
    device = "cpu" if case["device"] == "cpu" else "cuda"
    n_epochs = max(1, case["steps"] * options["batch_size"] // len(data[2]))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if case["tool"] == BARE:
        times = bare_times(data, n_epochs, device)
    else:
        clock = StepClock()
        MSLNRetriever(
            n_estimators=case["networks"],
            n_input_components=None,
            target_classes="unseen",
            block_weights={"code": 1},
            max_epochs=n_epochs,
            advanced={"precision": case["precision"]},
            device=device,
            callbacks=[clock],
            random_state=0,
            **options,
        ).fit(*data)
        times = clock.times
    held = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    return {"ms_per_step": 1e3 * per_step(times), "device_mib": held}


class StepClock(Callback):
    """Notes when every step has ended."""

    def on_train_begin(self, net, **kwargs):
        self.times = []

    def on_batch_end(self, net, **kwargs):
        self.times.append(now())


def bare_times(data, n_epochs, device):
    times = []
    with torch.random.fork_rng(devices=[0] if device == "cuda" else []):
        torch.manual_seed(0)
        _speed_msln.train_bare(
            *data, n_epochs, device=device, after_step=lambda: times.append(now())
        )
    return times


def now():
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def per_step(times):
    """Median of the second half: the first holds set-up and warm-up."""
    steps = [end - start for start, end in itertools.pairwise(times)]
    return statistics.median(steps[len(steps) // 2 :])


def markdown(rows):
    """Return the table of the results."""
    columns = {
        "size": WORDS,
        "device": WORDS,
        "threads": NUMBERS,
        "tool": WORDS,
        "networks": NUMBERS,
        "precision": WORDS,
        "ms per step": NUMBERS,
        "device MiB": NUMBERS,
    }
    lines = [
        *table(columns, map(cells, rows)),
        "",
        "Milliseconds of the wall clock, the median of the second half of the steps. "
        "The bare loop does the arithmetic of one default network.",
    ]
    return "\n".join(lines) + "\n"


def cells(row):
    names = ("size", "device", "threads", "tool", "networks", "precision")
    held = "" if row["device_mib"] is None else f"{row['device_mib']:,.0f}"
    return [*(str(row[name]) for name in names), f"{row['ms_per_step']:,.2f}", held]
