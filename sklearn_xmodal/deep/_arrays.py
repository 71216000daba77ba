"""The operations of network encoders on tensors, as `encoders._arrays` on arrays."""

import torch
from torch.nn import functional as F

from sklearn_xmodal.deep.training import usable_device


class TorchArrays:
    """Operations on tensors of one device, which numbers come to and come back from."""

    def __init__(self, device):
        self.device = device
        # id -> the array, which keeps the id taken, and its tensor
        self._constants = {}

    def __getstate__(self):
        return {"device": str(self.device)}

    def __setstate__(self, state):
        # Pickled on a machine with CUDA, perhaps.
        self.device = usable_device(state["device"])
        self._constants = {}

    def array(self, values):
        """Return values as a tensor, on the CPU without a copy."""
        return torch.as_tensor(values, device=self.device)

    def constant(self, values):
        """Return what never changes as a tensor, always the same one."""
        if id(values) not in self._constants:
            self._constants[id(values)] = values, self.array(values)
        return self._constants[id(values)][1]

    def to_numpy(self, x):
        """Return an array of NumPy."""
        return x.cpu().numpy()

    def cast(self, x, dtype):
        """Return x as "float32" or "float64"."""
        return x.to(getattr(torch, dtype))

    def linear(self, x, weight, bias):
        """Map (b, i) or (s, b, i) to (s, b, o), one layer per member."""
        return torch.baddbmm(bias, x.expand(len(weight), -1, -1), weight)

    def activation(self, name, x):
        """Apply an activation by its name in scikit-learn."""
        functions = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid}
        return functions[name](x) if name in functions else x

    def unit(self, x):
        """Scale the last axis to unit length."""
        return F.normalize(x, dim=-1)

    def softmax(self, x):
        """Normalise powers along the last axis."""
        return x.softmax(dim=-1)

    def sigmoid(self, x):
        """Apply the logistic function."""
        return x.sigmoid()

    def mean_of_largest(self, x, k):
        """Average the k largest of every row, (b, n) -> (b, 1)."""
        return x.topk(k, dim=1).values.mean(dim=1, keepdim=True)

    def mean(self, x, axis):
        """Average over an axis."""
        return x.mean(dim=axis)

    def total(self, x, axis, keepdims=False):
        """Sum over an axis."""
        return x.sum(dim=axis, keepdim=keepdims)

    def at_least(self, x, least):
        """Replace smaller values."""
        return x.clamp(min=least)

    def exp(self, x):
        """Apply the exponential function."""
        return x.exp()

    def sqrt(self, x):
        """Take the square root."""
        return x.sqrt()

    def joined(self, parts, axis):
        """Put tensors side by side along an axis."""
        return torch.cat(parts, dim=axis)

    def members_joined(self, z, n_members):
        """Put members side by side, (s, b, d) -> (b, s * d)."""
        return z.transpose(0, 1).flatten(1)

    def with_rows(self, x, n_rows):
        """Add rows of zeros where there are fewer."""
        return F.pad(x, (0, 0, 0, max(n_rows - len(x), 0)))
