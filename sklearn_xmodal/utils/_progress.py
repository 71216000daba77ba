"""Progress bars, of notebooks and of terminals."""


def progress_bar(*, show=None, **options):
    """Return a bar of tqdm; `show` of None is in a terminal or a notebook alone."""
    if show is False:
        from tqdm import tqdm  # in a tenth of the time

        return tqdm(disable=True, **options)
    from tqdm.auto import tqdm

    # To tqdm a notebook is no terminal, though it has a bar for it.
    in_notebook = any(cls.__module__ == "tqdm.notebook" for cls in tqdm.__mro__)
    show = True if in_notebook and show is None else show
    return tqdm(disable=None if show is None else not show, **options)
