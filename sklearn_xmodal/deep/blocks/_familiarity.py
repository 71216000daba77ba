"""How much an item looks like those of the training pairs."""

from sklearn_xmodal.encoders._network import Familiarity

N_NEIGHBORS = 3
#: How many standard deviations less than the training items' is the nearness at which
#: an item counts half.
TOLERANCE = 1.25

# Of a standard deviation of cosines: identical training items have none.
_LEAST_SPREAD = 1e-3
# An item is no neighbour of its own.
_OUT_OF_RANGE = -2.0


def fit_familiarity(landmarks):
    r"""Return the `Familiarity` with some training items, unit codes (n, d).

    Items of classes that training has not seen lie farther from it than new items of
    its own classes do [1]_. What counts is the mean cosine c with the three nearest of
    some training items, the landmarks:

    .. math:: g = \frac{1}{1 + \exp(-1 - (c - \mu) / (1.25 \sigma))}

    with mean and standard deviation of the landmarks' own c, each among the others.

    Codes are of one modality.

    .. [1] Y. Sun, Y. Ming, X. Zhu, Y. Li, "Out-of-distribution detection with deep
       nearest neighbors", ICML 2022.
    """
    n_neighbors = max(min(N_NEIGHBORS, len(landmarks) - 1), 1)
    cosines = (landmarks @ landmarks.T).fill_diagonal_(_OUT_OF_RANGE)
    nearness = cosines.topk(n_neighbors, dim=1).values.mean(dim=1, keepdim=True)
    return Familiarity(
        landmarks=landmarks.cpu().numpy(),
        n_neighbors=n_neighbors,
        mean=float(nearness.mean()),
        spread=max(float(nearness.std(correction=0)), _LEAST_SPREAD),
        tolerance=TOLERANCE,
    )
