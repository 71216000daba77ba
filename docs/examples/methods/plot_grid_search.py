"""
Grid search over a Pipeline
===========================

Pairs go through scikit-learn's own `Pipeline` and `GridSearchCV`. Everything that
learns, down to the counts of words, is fitted within the fold, and any parameter of any
step can be searched for under its usual name.
"""

# %%
# The Pipeline
# ------------
# :class:`~sklearn_xmodal.ModalityTransformer` has one transformer per side. Here images
# are reduced by PCA; words are weighted by how rare they are and reduced by a truncated
# SVD. The weights of words are learned from rows, so they belong into the Pipeline.

from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.datasets import load_unicode_glyphs

X_img, X_txt, y = load_unicode_glyphs(return_X_y=True)
pairs = ImageTextPairs(X_img, X_txt)
train, test, y_train, y_test = train_test_split(
    pairs, y, train_size=1500, stratify=y, random_state=0
)

words = make_pipeline(TfidfTransformer(), TruncatedSVD(random_state=0))
pipe = make_pipeline(
    ModalityTransformer(image=PCA(100, random_state=0), text=words), CCARetriever()
)
pipe

# %%
# The search
# ----------
# Two parameters: how many dimensions the texts keep, and the ridge of CCA. Candidates
# are compared by the score of the last step, the mean average precision of both
# directions, over five folds of the training part.

dimensions = [10, 25, 50, 100, 200]
alphas = [0.01, 0.1, 1, 10, 100]
search = GridSearchCV(
    pipe,
    {
        "modalitytransformer__text__truncatedsvd__n_components": dimensions,
        "ccaretriever__alpha": alphas,
    },
    cv=5,
)
search.fit(train, y_train)
print(*search.best_params_.items(), sep="\n")
print(f"cross-validated {search.best_score_:.3f}")

# %%
# The map
# -------
# The mean over folds, and the standard deviation below it. Many cells are within one
# standard deviation of the best one: the choice among them is of little weight.

import matplotlib.pyplot as plt

# The grid is sorted by name of the parameter: alpha varies slowest.
shape = len(alphas), len(dimensions)
mean = search.cv_results_["mean_test_score"].reshape(shape)
std = search.cv_results_["std_test_score"].reshape(shape)

figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
image = ax.imshow(mean, cmap="cividis")
for row in range(shape[0]):
    for column in range(shape[1]):
        is_dark = image.norm(mean[row, column]) < 0.55
        ax.text(
            column, row, f"{mean[row, column]:.3f}\n± {std[row, column]:.3f}",
            ha="center", va="center", color="white" if is_dark else "black", fontsize=9,
        )  # fmt: skip
best_row, best_column = divmod(search.best_index_, shape[1])
ax.add_patch(
    plt.Rectangle(
        (best_column - 0.5, best_row - 0.5), 1, 1, fill=False, edgecolor="#D55E00", lw=3
    )
)
ax.set_xticks(range(len(dimensions)), dimensions)
ax.set_yticks(range(len(alphas)), alphas)
ax.set(xlabel="Dimensions of the texts", ylabel="alpha of CCA")
figure.colorbar(image, label="mAP, mean over five folds")
plt.show()

# %%
# The test
# --------
# The test part has not been looked at so far. Its score lies below that of the folds
# where its gallery is larger or the grid has been searched too hard; here it is the
# gallery that differs most.

print(f"test {search.score(test, y_test):.3f}")
