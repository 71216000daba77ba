"""
Looking at a training
=====================

Every term of the loss is recorded after every epoch. The curves say whether a network
has learned for long enough, and whether it fits more than it should.
"""

# %%
# Terms by epoch
# --------------
# `history_` is the record of skorch: one row per epoch.

from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import load_digits_halves

X_img, X_txt, y = load_digits_halves(return_X_y=True)
msln = MSLNRetriever(
    target_classes="seen", max_epochs=40, early_stopping=True, random_state=0,
    advanced={"n_iter_no_change": 40, "validation_fraction": 0.2},
)  # fmt: skip
msln.fit(X_img, X_txt, y)
terms = [name for name in msln.history_[-1] if name.endswith("_loss")]
print(*terms, sep="\n")
best = max(msln.history_, key=lambda record: record["valid_score"])
print(f"best epoch by the held-out part: {best['epoch']} of {len(msln.history_)}")

# %%
# The curves
# ----------
# The adversarial loss stays near its worst, log 2 = 0.69, where the discriminator
# cannot tell the modalities apart. The dotted score of the part that was held out gains
# little after half of the epochs, and does not fall: the network is not trained for too
# long.

import matplotlib.pyplot as plt

from sklearn_xmodal.metrics import LossCurveDisplay

figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
LossCurveDisplay.from_estimator(msln, ax=ax, log_scale=True)
plt.show()
