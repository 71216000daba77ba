"""Training of MSLN: this package beside a bare torch loop over the same arithmetic.

CPU seconds of one process with one thread, per step of 128 pairs. The bare loop is
what one would write by hand: torch's linear layers and dropout, its losses, its
AdamW as it comes, batches by a permutation of whole tensors. Fitting is timed by the
difference of a long and a short one, so that set-up does not count.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._timing import PeakMemory, cpu_seconds
from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import load_emoji_pairs, make_paired_modalities
from sklearn_xmodal.deep._msln_network import reversal_strength

OURS, BARE = "sklearn_xmodal", "bare torch loop (yardstick)"
_N_CLASSES, _CODE, _HIDDEN, _DECODER, _BATCH = 10, 64, 256, 128, 128
_SHORT, _LONG = 8, 40  # epochs


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=1024, help="training pairs")
    parser.add_argument("--width", type=int, default=96, help="of both modalities")
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--rows", type=int, nargs="+", default=sizes,
                        help="memory-mapped pairs")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="the fastest counts")


def run(args):
    torch.set_num_threads(1)
    X_img, X_txt, y = make_paired_modalities(
        args.pairs,
        n_classes=_N_CLASSES,
        n_image_features=args.width,
        n_text_features=args.width,
        random_state=0,
    )
    tools = {
        BARE: lambda epochs: bare_fit(X_img, X_txt, y, epochs),
        OURS: lambda epochs: our_fit(X_img, X_txt, y, epochs, 1),
        f"{OURS}, 3 networks": lambda epochs: our_fit(X_img, X_txt, y, epochs, 3),
        f"{BARE}, 3 in turn": lambda epochs: [
            bare_fit(X_img, X_txt, y, epochs) for _ in range(3)
        ],
    }
    steps = (_LONG - _SHORT) * -(-args.pairs // _BATCH)
    seconds = {tool: [] for tool in tools}
    for _ in tqdm(range(args.repeats), desc="training", leave=False):
        for tool, fit in tools.items():
            spent = cpu_seconds(lambda fit=fit: fit(_LONG))
            seconds[tool].append(spent - cpu_seconds(lambda fit=fit: fit(_SHORT)))
    rows = [
        {"case": "training", "tool": tool, "rows": args.pairs,
         "ms_per_step": 1e3 * min(times) / steps, "extra_mib": None}
        for tool, times in seconds.items()
    ]  # fmt: skip
    rows += [mapped_row(n, args.width) for n in args.rows]
    fits = tqdm(DEFAULT_FITS, desc="default fits", leave=False)
    return add_ratios(rows) + [default_row(name) for name in fits]


def our_fit(X_img, X_txt, y, epochs, n_estimators):
    MSLNRetriever(
        n_estimators=n_estimators,
        n_input_components=None,
        hidden_layer_sizes=(_HIDDEN,),
        max_epochs=epochs,
        batch_size=_BATCH,
        device="cpu",
        random_state=0,
    ).fit(X_img, X_txt, y)


def mapped_row(n_rows, width):
    """Time and memory of one epoch over features that lie in a file."""
    rng = np.random.default_rng(0)
    y = rng.integers(_N_CLASSES, size=n_rows)
    with tempfile.TemporaryDirectory() as folder:
        sides = [draw_mapped(Path(folder) / name, n_rows, width, rng) for name in "vt"]
        retriever = MSLNRetriever(
            n_estimators=1,
            hidden_layer_sizes=(_HIDDEN,),
            max_epochs=1,
            device="cpu",
            random_state=0,
        )
        timer = StepTimer()
        retriever.set_params(callbacks=[timer])
        with PeakMemory() as memory:
            retriever.fit(*sides, y)
    ms_per_step = 1e3 * timer.seconds / timer.n_steps
    return {"case": "memory-mapped, one epoch", "tool": OURS, "rows": n_rows,
            "ms_per_step": ms_per_step, "extra_mib": memory.extra_mib}  # fmt: skip


def emoji():
    """Return the emoji that ship, 4,998 pairs of 89 classes."""
    data = load_emoji_pairs()
    return data.image, data.text, data.target


def drawn(n_pairs, widths, n_classes):
    """Return pairs of given sizes."""
    return make_paired_modalities(
        n_pairs,
        n_classes=n_classes,
        n_image_features=widths[0],
        n_text_features=widths[1],
        random_state=0,
    )


#: Pairs of whole fits with nothing set.
DEFAULT_FITS = {
    "emoji pairs, 208 + 160 features": emoji,
    "128 + 10 features, 10 classes": lambda: drawn(2000, (128, 10), 10),
    "512 + 512 features, 20 classes": lambda: drawn(5000, (512, 512), 20),
    "1280 + 384 features, 80 classes": lambda: drawn(5000, (1280, 384), 80),
    "the same, more pairs": lambda: drawn(50_000, (1280, 384), 80),
}


def default_row(name):
    """Time of a whole fit with all parameters as they come."""
    X_img, X_txt, y = DEFAULT_FITS[name]()
    timer = StepTimer()
    retriever = MSLNRetriever(device="cpu", random_state=0, callbacks=[timer])
    seconds = cpu_seconds(lambda: retriever.fit(X_img, X_txt, y))
    return {
        "case": name,
        "tool": OURS,
        "rows": len(y),
        "ms_per_step": 1e3 * timer.seconds / timer.n_steps,
        "n_steps": timer.n_steps,
        "n_input_components": retriever.n_input_components_,
        "fit_seconds": seconds,
    }


def draw_mapped(path, n_rows, width, rng):
    X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n_rows, width))
    for start in range(0, n_rows, 10_000):
        block = X[start : start + 10_000]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
    X.flush()
    return np.memmap(path, dtype=np.float32, mode="r", shape=(n_rows, width))


class StepTimer(Callback):
    """CPU seconds of the training loop, set-up left out."""

    def on_train_begin(self, net, **kwargs):
        self.n_steps, self.start = 0, time.process_time()

    def on_batch_end(self, net, **kwargs):
        self.n_steps += 1

    def on_train_end(self, net, **kwargs):
        self.seconds = time.process_time() - self.start


class BareEncoder(nn.Module):
    """A hidden layer and a linear way past it."""

    def __init__(self, width, n_out):
        super().__init__()
        self.drop_inputs, self.drop = nn.Dropout(0.2), nn.Dropout(0.5)
        self.first, self.second = nn.Linear(width, _HIDDEN), nn.Linear(_HIDDEN, n_out)
        self.skip = nn.Linear(width, n_out)

    def forward(self, x):
        x = self.drop_inputs(x)
        return self.second(self.drop(F.relu(self.first(x)))) + self.skip(x)


class BareNet(nn.Module):
    """The network as one would write it."""

    def __init__(self, width):
        super().__init__()

        def decoder():
            first = nn.Linear(2 * _CODE + _N_CLASSES, _DECODER)
            second = nn.Linear(_DECODER, width)
            return nn.Sequential(first, nn.ReLU(), nn.Dropout(0.5), second)

        # Images are also told to find their text among the features as they are.
        self.image_encoder = BareEncoder(width, 2 * _CODE + width)
        self.text_encoder = BareEncoder(width, 2 * _CODE)
        self.image_decoder, self.text_decoder = decoder(), decoder()
        self.discriminator = nn.Sequential(
            nn.Linear(_CODE, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        self.classifier = nn.Linear(_CODE, _N_CLASSES)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


def bare_loss(net, image, text, target, strength):
    of_image, locked = net.image_encoder(image).split([2 * _CODE, text.shape[1]], 1)
    codes = torch.cat([of_image, net.text_encoder(text)])
    z, g = codes.split(_CODE, dim=1)
    (z_img, z_txt), (g_img, g_txt) = z.chunk(2), g.chunk(2)
    loss = 0.1 * (z_img - z_txt).square().sum(1).mean()
    loss = loss + 0.1 * (g_img - g_txt).square().sum(1).mean()
    joined = torch.cat([codes, F.one_hot(target, _N_CLASSES).float().repeat(2, 1)], 1)
    for decoder, x in ((net.image_decoder, image), (net.text_decoder, text)):
        for decoded in decoder(joined).chunk(2):
            loss = loss + 0.1 * F.mse_loss(decoded, x)
    logits = net.discriminator(Reverse.apply(z, strength)).squeeze(1)
    is_image = torch.cat([image.new_ones(len(image)), text.new_zeros(len(text))])
    loss = loss + 0.1 * F.binary_cross_entropy_with_logits(logits, is_image)
    for logits in net.classifier(z).chunk(2):
        loss = loss + F.cross_entropy(logits, target)
    similarity = F.normalize(g_img, dim=1) @ F.normalize(g_txt, dim=1).T / 0.1
    own = torch.arange(len(image), device=image.device)
    contrast = F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)
    to_text = F.normalize(locked, dim=1) @ F.normalize(text, dim=1).T / 0.1
    return loss + 0.3 * (contrast / 2 + F.cross_entropy(to_text, own))


def bare_fit(X_img, X_txt, y, epochs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        train_bare(X_img, X_txt, y, epochs)


def train_bare(X_img, X_txt, y, epochs, device="cpu", after_step=None):
    def tensor(X):
        X = X - X.mean(axis=0)
        X = (X / np.sqrt(np.mean(X**2))).astype(np.float32)
        return torch.from_numpy(X).to(device)

    image, text = tensor(X_img), tensor(X_txt)
    target = torch.from_numpy(y).to(device)
    net = BareNet(image.shape[1]).train().to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    n_steps = epochs * -(-len(y) // _BATCH)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    step = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(_BATCH):
            strength = reversal_strength(step / n_steps)
            loss = bare_loss(net, image[rows], text[rows], target[rows], strength)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
            if after_step is not None:
                after_step()


def add_ratios(rows):
    yardstick = next(row["ms_per_step"] for row in rows if row["tool"] == BARE)
    for row in rows:
        row["by_yardstick"] = row["ms_per_step"] / yardstick
        row |= dict.fromkeys(("n_steps", "n_input_components", "fit_seconds"))
    return rows


def markdown(rows):
    """Return the tables of the results."""
    columns = {
        "case": WORDS,
        "tool": WORDS,
        "pairs": NUMBERS,
        "ms per step": NUMBERS,
        "/ yardstick": NUMBERS,
        "extra MiB": NUMBERS,
    }
    steps = [row for row in rows if row["fit_seconds"] is None]
    lines = table(columns, map(cells, steps))
    lines += [
        "",
        "CPU milliseconds of one process with one thread, fastest of several runs in "
        "turns. Extra memory without the pages of the files.",
    ]
    fits = [row for row in rows if row["fit_seconds"] is not None]
    if fits:
        names = ("pairs", "steps", "components", "seconds")
        columns = {"default fit": WORDS, **dict.fromkeys(names, NUMBERS)}
        lines += ["", *table(columns, map(cells_of_fit, fits))]
        lines += [
            "",
            "CPU seconds of `MSLNRetriever().fit`, three networks, one thread, once.",
        ]
    return "\n".join(lines) + "\n"


def cells(row):
    extra = "" if row["extra_mib"] is None else f"{row['extra_mib']:.0f}"
    numbers = f"{row['ms_per_step']:.2f}", f"{row['by_yardstick']:.2f}", extra
    return [row["case"], row["tool"], f"{row['rows']:,}", *numbers]


def cells_of_fit(row):
    numbers = row["n_steps"], row["n_input_components"], f"{row['fit_seconds']:.1f}"
    return [row["case"], f"{row['rows']:,}", *map(str, numbers)]
