"""Some of the pairs that `partial_fit` has seen, for what needs pairs that are gone."""

import numpy as np
import torch

from sklearn_xmodal.deep.training._data import PairDataset, PreparedSide
from sklearn_xmodal.utils._entries import check_entries

_SIDES = ("image", "text")


class PairSample:
    """Pairs drawn at random from all that have come, as the networks see them.

    Means of what a network says of all pairs change with every step, so no running
    mean will do: what is kept are some pairs, any one with the same chance (reservoir
    sampling; J. S. Vitter, "Random sampling with a reservoir", ACM TOMS, 1985).
    """

    SIZE = 300

    def __init__(self, n_seen, sides, weight):
        self.n_seen = n_seen  # pairs that have come
        self.sides = sides  # modality -> (m, width), float32
        self.weight = weight  # (m,)

    @classmethod
    def empty(cls, data):
        """Return the sample before the first pairs, of the widths of a data set."""
        sides = {
            name: np.empty((0, getattr(data, name).width), dtype=np.float32)
            for name in _SIDES
        }
        return cls(0, sides, np.empty(0))

    @classmethod
    def of_rows(cls, data, rows):
        """Return the sample of a whole data set that some rows were drawn from."""
        sides = {name: _rows_of(data, name, rows) for name in _SIDES}
        return cls(data.n_pairs, sides, _weights_of(data)[rows.numpy()])

    def with_more(self, data):
        """Return a sample of the pairs so far and of those of a data set."""
        n_seen = self.n_seen + len(data)
        rng = np.random.RandomState(self.n_seen % 2**32)
        place = drawn_places(self.n_seen, len(data), self.SIZE, rng)
        size = min(n_seen, self.SIZE)
        taken_from = np.full(size, -1)
        fits = np.flatnonzero(place < size)
        taken_from[place[fits]] = fits  # the last of those that come to one place
        is_new = taken_from >= 0
        rows = torch.from_numpy(taken_from[is_new])
        sides = {
            name: _replaced(self.sides[name], is_new, _rows_of(data, name, rows))
            for name in _SIDES
        }
        weight = _replaced(self.weight, is_new, _weights_of(data)[rows.numpy()])
        return PairSample(n_seen, sides, weight)

    def dataset(self, maps, device):
        """Return the sample as pairs that a network can be asked about."""
        image, text = (
            PreparedSide.of_prepared(self.sides[name], maps[name], device)
            for name in _SIDES
        )
        weight = None if (self.weight == 1).all() else self.weight
        return PairDataset(image, text, np.arange(len(self.weight)), weight)

    def state(self):
        """Return what a file holds."""
        return {"n_seen": self.n_seen, **self.sides, "weight": self.weight}

    @classmethod
    def from_state(cls, state):
        """Return the sample from what `state` gave."""
        check_entries(state, ("n_seen", *_SIDES, "weight"))
        sides = {name: state[name] for name in _SIDES}
        lengths = {len(state[name]) for name in (*_SIDES, "weight")}
        if lengths != {min(state["n_seen"], cls.SIZE)}:
            raise ValueError("a sample of pairs of another size")
        return cls(state["n_seen"], sides, state["weight"])


def drawn_places(n_seen, n_new, size, rng):
    """Return the place of each new row in a sample of so many, beyond it for none.

    A place that comes twice is that of the last one.
    """
    number = np.arange(n_seen, n_seen + n_new)  # of each new row, in all of them
    chance = (rng.uniform(size=n_new) * (number + 1)).astype(np.int64)
    return np.where(number < size, number, chance)


def _rows_of(data, modality, rows):
    return getattr(data, modality).rows(rows).cpu().numpy()


def _weights_of(data):
    return np.ones(len(data)) if data.weight is None else data.weight


def _replaced(values, is_new, new):
    """Return values of as many places as `is_new` has, with new ones in those."""
    found = np.empty((len(is_new), *values.shape[1:]), dtype=values.dtype)
    found[: len(values)] = values
    found[is_new] = new
    return found
