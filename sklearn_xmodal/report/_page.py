"""The page: what came out, tables, charts, sheets, and how to go on."""

from html import escape
from importlib import resources

from sklearn_xmodal._version import __version__
from sklearn_xmodal.protocols._features import SCALED_MEANS
from sklearn_xmodal.report import _charts, _search, _sheets, _words
from sklearn_xmodal.report._summary import summarise

_OWN = """\
xmodal compare --image photos.npy --text captions.npy --labels kinds.csv
xmodal compare --image features.npz          # arrays X_img, X_txt and y
xmodal compare --image a.npy --text b.npy    # pairs without labels"""
_MOST_WARNINGS = 4
_DIRECTIONS = {"image_to_text": "image to text", "text_to_image": "text to image"}


def write_report(path, runs, data, conclusion="", say_lines=None):
    """Write a comparison as one HTML file that needs no network.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    runs : list
        One item per method, protocol and split, with the attributes of
        :func:`sklearn_xmodal.protocols.evaluate_split` records, "codes" among them,
        "method", "test_rows" and "curves" (direction -> precision and recall).

    data : object
        With `name`, `pairs`, `y`, `groups`, `pictures` and `texts`, all but the first
        two None where there are none, `credit`, whom to name, `warnings`, a list of
        what speaks against the figures, and `describe()`, a line about them.

    conclusion : str, default=""
        What the figures say, put first.

    say_lines : callable, default=None
        Takes a dict of protocol to best method; returns the command line that made the
        page, and one per protocol that fits its best method to the same data. If
        `None`, the page tells how to compare on own data.

    Returns
    -------
    leads : str
        Whether the best method of each protocol can be told from the second, empty
        where there is one.
    """
    summaries = summarise(runs, data)
    said = (_words.describe_lead(summary, data) for summary in summaries)
    leads = " ".join(filter(None, said))
    if leads and all(summary.n_splits == 1 for summary in summaries):
        leads += " Another split may say otherwise: --splits 5 tells."
    outcome = escape(" ".join(f"{conclusion} {leads}".split()))
    outcome = outcome.replace("--splits 5", "<code>--splits 5</code>")
    links = "".join(f'<a href="#{s.protocol}">{_words.title(s)}</a>' for s in summaries)
    body = "".join(_protocol(summary, data) for summary in summaries)
    heading, go_on = "Your own data", _own_data()
    if say_lines is not None:
        best = {s.protocol: s.methods[0].name for s in summaries}
        heading, go_on = "How to go on", _next(*say_lines(best))
    style, script = (_read(name) for name in ("page.css", "page.js"))
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(data.name)}: retrievers compared</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{escape(data.name)}: which retriever finds most?</h1>
<p class="soft">{escape(data.describe())}</p>
{_warnings(data.warnings)}
<p class="outcome">{outcome}</p>
<nav aria-label="Parts">{links}<a href="#own">{heading}</a></nav>
{body}
<section id="own">
<h2>{heading}</h2>
{go_on}
</section>
<footer>Written by sklearn-xmodal {__version__}. mAP is mean average precision over the
full ranking by cosine similarity: 1 where every right answer comes before every wrong
one. {escape(data.credit)}</footer>
</main>
<script>{script}</script>
</body>
</html>
"""
    path.write_text(page, encoding="utf-8")
    return leads


def _warnings(texts):
    """Return a box of what speaks against the figures, the first ones in sight."""
    if not texts:
        return ""
    first, others = (
        "".join(f"<li>{escape(text)}</li>" for text in part)
        for part in (texts[:_MOST_WARNINGS], texts[_MOST_WARNINGS:])
    )
    more = ""
    if others:
        n_others = len(texts) - _MOST_WARNINGS
        more = f"<details><summary>{n_others} more</summary><ul>{others}</ul></details>"
    return (
        '<div class="warning" role="note"><strong>Warning: read the figures below '
        f"with care</strong><ul>{first}</ul>{more}</div>"
    )


def _read(name):
    file = resources.files("sklearn_xmodal.report") / name
    return file.read_text(encoding="utf-8")


def _protocol(summary, data):
    run = summary.best_run()
    sheets = "".join(
        f"<h3>{heading}</h3>"
        f'<div class="card">{_sheets.sheet(run, data, direction)}</div>'
        for direction, heading in (
            ("text_to_image", "A text, and the pictures that it finds first"),
            ("image_to_text", "A picture, and the texts that it finds first"),
        )
    )
    return f"""<section id="{summary.protocol}">
<h2>{_words.title(summary)}</h2>
<p>{_words.meaning(summary)} {_sizes(summary)}</p>
<div class="card">{_charts.bars(summary)}</div>
{_table(summary, data)}
{_curves(summary)}
{_wins(summary)}
<p>Below: {escape(run.method)}, the first of the table. A tick marks a right
answer{"" if summary.by_pair else ", an item of the class"}.</p>
{_search.search_box(run, data, summary.protocol)}
{sheets}
</section>
"""


def _sizes(summary):
    run = summary.first
    classes = "" if summary.by_pair else f" of {run.n_test_classes} classes"
    return f"{run.n_train:,} pairs to train, {run.n_test:,} to test{classes}."


def _table(summary, data):
    rows = []
    for i, method in enumerate(summary.methods):
        behind = "&ndash;"
        if i:
            behind = f"{method.behind:.3f} ({_interval(method.behind_interval, '+')})"
        rows.append(
            f'<tr{" class=best" if i == 0 else ""}><th scope="row">'
            f'{escape(method.name)}</th><td class="mean">{method.mean:.3f}</td>'
            f"<td>{_interval(method.interval)}</td><td>{behind}</td>"
            f"<td>{method.image_to_text:.3f}</td><td>{method.text_to_image:.3f}</td>"
            f"<td>{method.seconds:.1f}</td></tr>"
            f'<tr class="settings"><td colspan="7"><div>{_settings(method)}</div></td>'
            "</tr>"
        )
    titles = (
        *("mAP", "95 % interval", "behind the best", "image&rarr;text"),
        *("text&rarr;image", "seconds"),
    )
    heads = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return (
        '<div class="card scroll" tabindex="0" role="region" aria-label="Table of '
        f'methods"><table><thead><tr><th scope="col">method</th>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="small">'
        f"{_words.describe_interval(summary, data)}. Under each method: the settings "
        f"chosen. {_scaled(summary)}</p>"
    )


def _settings(method):
    """Return what was chosen, of which no name is broken."""
    settings = [f"{k}={v}" for k, v in sorted(method.parameters.items())]
    return " ".join(f"<span>{escape(text)}</span>" for text in settings) or "defaults"


def _scaled(summary):
    """Return what the setting called scaled means, where there is one."""
    if not any("scaled" in method.parameters for method in summary.methods):
        return ""
    return f"{SCALED_MEANS[0].upper()}{SCALED_MEANS[1:]}."


def _interval(ends, sign=""):
    return "&ndash;" if ends is None else " to ".join(f"{x:{sign}.3f}" for x in ends)


def _curves(summary):
    charts = "".join(
        f"<div>{_charts.curves(summary, direction, words)}</div>"
        for direction, words in _DIRECTIONS.items()
    )
    names = [method.name for method in summary.methods]
    return (
        "<details><summary>Precision against recall</summary>"
        f'<div class="card">{_charts.legend(names)}<div class="pair">{charts}</div>'
        "</div></details>"
    )


def _wins(summary):
    """Return on which classes each method is the best."""
    methods = summary.methods
    if len(methods) < 2 or not methods[0].classes:
        return ""
    classes = list(methods[0].classes)
    won: dict = {method.name: [] for method in methods}
    for name in classes:
        scores = sorted(methods, key=lambda method: -method.classes[name])
        lead = scores[0].classes[name] - scores[1].classes[name]
        won[scores[0].name].append((lead, name))
    items = "".join(
        f"<li><strong>{escape(method)}</strong>: best on {len(own)} of {len(classes)} "
        f"classes{_examples(own)}</li>"
        for method, own in won.items()
    )
    heads = "".join(f'<th scope="col">{escape(method.name)}</th>' for method in methods)
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(_cell(method, methods, name) for method in methods)
        + "</tr>"
        for name in classes
    )
    return (
        f"<h3>Where each method wins</h3><ul>{items}</ul>"
        "<details><summary>mAP of every class</summary>"
        '<div class="card scroll" tabindex="0" role="region" '
        'aria-label="Table of classes"><table><thead><tr><th scope="col">class</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _examples(own):
    if not own:
        return ""
    names = [name for _, name in sorted(own, key=lambda pair: -pair[0])]
    return f", most of all {escape(_words.list_names(names, 4))}"


def _cell(method, methods, name):
    value = method.classes[name]
    is_best = value == max(other.classes[name] for other in methods)
    text = f"{value:.3f}"
    return f"<td>{f'<strong>{text}</strong>' if is_best else text}</td>"


def _own_data():
    return f"""<p>Two matrices of features whose rows are pairs, and mostly
labels. The same comparison and the same page come out of:</p>
<pre><code>{escape(_OWN)}</code></pre>
<p>Files may be .npy, .npz, CSV, Parquet or Feather. <code>--groups FILE</code> keeps
pairs that belong together, such as all captions of a picture, on one side of a split;
<code>--splits 5</code> gives intervals over splits; <code>--help</code> says the
rest. <code>xmodal fit</code> then keeps the method that you take in a file, and
<code>xmodal search</code> finds with it.</p>"""


def _next(line, *fits):
    """Return the lines that make a page again, and keep what was best."""
    table = "the table" if len(fits) == 1 else "each table"
    return f"""<p>This page was made by:</p>
<pre><code>{escape(line)}</code></pre>
<p>To fit the best method of {table} to these data, and to keep it in a file with which
<code>xmodal search</code> finds:</p>
<pre><code>{escape(chr(10).join(fits))}</code></pre>"""
