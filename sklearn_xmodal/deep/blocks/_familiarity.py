"""How much an item looks like those of the training pairs."""

import torch

N_NEIGHBORS = 3
#: How many standard deviations less than the training items' is the nearness at which
#: an item counts half.
TOLERANCE = 1.25

# Of a standard deviation of cosines: identical training items have none.
_LEAST_SPREAD = 1e-3
# An item is no neighbour of its own.
_OUT_OF_RANGE = -2.0


class Familiarity:
    r"""Nearness to the training items' codes, as a number g between 0 and 1.

    Items of classes that training has not seen lie farther from it than new items of
    its own classes do [1]_. What counts is the mean cosine c with the three nearest of
    some training items, the landmarks:

    .. math:: g = \frac{1}{1 + \exp(-1 - (c - \mu) / (1.25 \sigma))}

    with mean and standard deviation of the landmarks' own c, each among the others.

    Landmarks are codes of unit length (n, d) of one modality.

    .. [1] Y. Sun, Y. Ming, X. Zhu, Y. Li, "Out-of-distribution detection with deep
       nearest neighbors", ICML 2022.
    """

    def __init__(self, landmarks):
        self.landmarks = landmarks.cpu().numpy()
        self.n_neighbors = max(min(N_NEIGHBORS, len(landmarks) - 1), 1)
        nearness = self._nearness(
            (landmarks @ landmarks.T).fill_diagonal_(_OUT_OF_RANGE)
        )
        self.mean = float(nearness.mean())
        self.spread = max(float(nearness.std(correction=0)), _LEAST_SPREAD)

    def of(self, codes):
        """Return the familiarity of codes of unit length, (b, d) -> (b, 1)."""
        landmarks = torch.as_tensor(self.landmarks, device=codes.device)
        nearness = self._nearness(codes @ landmarks.T)
        return torch.sigmoid((nearness - self.mean) / self.spread / TOLERANCE + 1)

    def _nearness(self, cosines):
        return cosines.topk(self.n_neighbors, dim=1).values.mean(dim=1, keepdim=True)
