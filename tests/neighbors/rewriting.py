"""Files of an index as a stranger makes them: changed, with right checksums."""

from sklearn_xmodal.persistence import _container


def rewrite(path, change):
    """Change state and arrays of an index, as a stranger could, and the checksums."""
    with path.open("rb") as file:
        header = _container.read_header(file)
        tensors = _container.read_tensors(file, header)
    change(header.document["object"]["state"], tensors)
    with path.open("wb") as file:
        _container.write(file, header.document, tensors)
