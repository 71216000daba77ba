"""From what an index is given to vectors of its space."""

from collections.abc import Mapping
from typing import Any

from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.neighbors._centring import (
    Centring,
    check_center,
    check_weights,
    fused,
)
from sklearn_xmodal.neighbors._encoding import (
    check_retriever,
    check_same_width,
    check_vectors,
    encode,
    last_features,
)
from sklearn_xmodal.neighbors._gallery import MODALITIES, check_same_rows
from sklearn_xmodal.neighbors._hubness import HubnessCorrection, smooth
from sklearn_xmodal.neighbors._parts import Part, joined_rows, parts_by_modality
from sklearn_xmodal.utils._validation import count


class CodingMixin:
    """The part of an index that encodes galleries and queries."""

    modality: str | None
    n_components: int
    n_smoothing_neighbors: Any
    n_jobs: int | None
    verbose: int
    image_encoder: Encoder | None
    text_encoder: Encoder | None
    _centring: Centring | None
    _hubness: HubnessCorrection | None

    def _take_retriever(self, retriever):
        """Hold what encodes queries: nothing for an index of ready vectors."""
        self.retriever = self.image_encoder = self.text_encoder = None
        if retriever is not None:
            self.retriever = check_retriever(retriever)
            self.image_encoder = encoder_of(self.retriever, "image")
            self.text_encoder = encoder_of(self.retriever, "text")

    def _encode(self, part, n_components=None):
        """Return unit vectors of a part, before centring."""
        if part.are_codes:
            codes = check_vectors(part.X, part.name, verbose=self.verbose)
        else:
            encoder, other = self.image_encoder, self.text_encoder
            if part.modality == "text":
                encoder, other = other, encoder
            if encoder is None:
                raise TypeError(
                    f"{part.name} needs an index with a retriever, which encodes "
                    "features. Got one without; hand over codes as vectors, or as "
                    f"vectors={{{part.name!r}: ...}}."
                )
            more = {"other": other, "verbose": self.verbose}
            codes = encode(encoder, part.X, part.modality, **more)
        return codes if n_components is None else check_same_width(codes, n_components)

    def _codes(self, part):
        """Return codes of a part in the space of the gallery."""
        return self._centred(self._encode(part, self.n_components), part)

    def _centred(self, codes, part):
        return codes if self._centring is None else self._centring.apply(codes, part)

    def _gallery_codes(self, parts, center):
        """Return codes of the parts of a new gallery, and set what they are around."""
        check_center(center, self.modality)
        codes = [self._encode(parts[0])]
        n_components = codes[0].shape[1]
        codes += [self._encode(part, n_components) for part in parts[1:]]
        self._centring = None
        if isinstance(center, Mapping):
            others = parts_by_modality(center, "center", parts[0].are_codes)
            self._centring = Centring.of(
                {part.modality: self._encode(part, n_components) for part in others}
            )
        elif center:
            self._centring = Centring.of(dict(zip(MODALITIES, codes, strict=True)))
        return list(map(self._centred, codes, parts))

    def _references(self, queries, are_codes, n_components, name="hubness_queries"):
        """Return codes of queries that come with a gallery, in the form of it."""
        if isinstance(queries, Mapping):
            parts = parts_by_modality(queries, name, are_codes)
        elif self.modality == "both":
            raise ValueError(
                f"{name} of a gallery of both modalities must say their own: "
                "{'image': X} or {'text': X}, or both. Got "
                f"{type(queries).__name__}."
            )
        else:
            other = {"image": "text", "text": "image", None: None}[self.modality]
            parts = [Part(other, queries, are_codes)]
        parts = [Part(p.modality, p.X, p.are_codes, name) for p in parts]
        return joined_rows(
            [self._centred(self._encode(p, n_components), p) for p in parts]
        )

    def _new_parts(self, parts):
        """Return parts of new items, if they are of the gallery's modality."""
        given = [part.modality for part in parts]
        if given == [None] and self.modality in MODALITIES:
            return [Part(self.modality, parts[0].X, are_codes=True)]
        taken = MODALITIES if self.modality == "both" else (self.modality,)
        if not set(given) <= set(taken):
            raise ValueError(
                "Items must be of the modality of the gallery, "
                f"{' or '.join(m or 'vectors' for m in taken)}. Got "
                f"{' and '.join(part.name for part in parts)}."
                + (" Vectors say theirs as a dict." if given == [None] else "")
            )
        return parts

    def _smoothed(self, vectors, part):
        n_neighbors = self.n_smoothing_neighbors
        if n_neighbors >= len(vectors):
            raise ValueError(
                "n_smoothing_neighbors must be less than the number of items (of each "
                f"modality). Got {n_neighbors} for {count(len(vectors), 'item')}."
            )
        features = vectors
        if not part.are_codes:
            features = last_features(self.retriever, part.X, part.modality)
        return smooth(
            vectors, features, n_neighbors, n_jobs=self.n_jobs, verbose=self.verbose
        )

    def _with_hubness(self, vectors):
        if self._hubness is None:
            return vectors
        return self._hubness.extend_gallery(
            vectors, n_jobs=self.n_jobs, verbose=self.verbose
        )

    def _query(self, parts, weights, ids=None):
        """Return queries, one per row of the parts; their ids are of the same rows."""
        weights = check_weights(weights, len(parts))
        for part in parts:
            others = {p.name: p.X for p in parts if p is not part}
            check_same_rows(part.X, part.name, **others, ids_query=ids)
        codes = [self._codes(part) for part in parts]
        return codes[0] if weights is None else fused(codes, weights)
