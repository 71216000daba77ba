"""Features of a wrong width: errors say of which modality, wherever they come in."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    RetrievalIndex,
    encoder_of,
)

RNG = np.random.default_rng(100)
X_IMG, X_TXT = RNG.normal(size=(30, 8)), RNG.normal(size=(30, 6))
STEPS = {
    "retriever alone": (),
    "both prepared": (
        ModalityTransformer(image=PCA(3), text=make_pipeline(StandardScaler(), PCA(3))),
    ),
    "one prepared": (ModalityTransformer(text=PCA(3)),),
    "two steps": (
        ModalityTransformer(image=StandardScaler(), text=StandardScaler()),
        ModalityTransformer(image=PCA(3), text=PCA(3)),
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_modality_and_both_widths_are_told(name):
    pairs = ImageTextPairs(X_IMG, X_TXT)
    pipe = make_pipeline(*STEPS[name], CCARetriever(2)).fit(pairs)
    index = RetrievalIndex(pipe, image=X_IMG)
    text = r"text features must have the 6 features of fit\. Got 8 features\. That is "
    text += r"the width of the image features: were these images\?"
    for X in (X_IMG, sparse.csr_array(X_IMG), pd.DataFrame(X_IMG), X_IMG.tolist()):
        with pytest.raises(ValueError, match=text):
            index.search(text=X)
    with pytest.raises(ValueError, match=r"8 features of fit.*6.*were these texts"):
        index.add(image=X_TXT, ids=None)
    with pytest.raises(ValueError, match=r"the 6 features of fit\. Got 5 features\.$"):
        index.search(text=X_TXT[:, :5])
    with pytest.raises(ValueError, match=r"X must have the 8 features of fit\. Got 6"):
        encoder_of(pipe, "image")(X_TXT)
    with pytest.raises(ValueError, match=r"6 features.*8|8 features.*6"):
        pipe.transform(ImageTextPairs(image=X_TXT))


def test_what_else_a_step_refuses_is_told_as_it_was():
    pairs = ImageTextPairs(X_IMG, X_TXT)
    pipe = make_pipeline(*STEPS["both prepared"], CCARetriever(2)).fit(pairs)
    with pytest.raises(ValueError, match="contains NaN"):
        pipe.transform(ImageTextPairs(image=np.full((1, 8), np.nan)))
    with pytest.raises(ValueError, match="inhomogeneous"):
        encoder_of(pipe, "image")([[1.0, 2.0], [1.0]])
