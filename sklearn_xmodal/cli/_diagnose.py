"""``xmodal diagnose``: what ails codes or a model, and what to do."""

from dataclasses import replace
from importlib.util import find_spec

from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.cli._data import load_own_data
from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.cli._guess import command_line, without_options
from sklearn_xmodal.cli._options import add_data_options, path_of_file
from sklearn_xmodal.cli._search import takes_words
from sklearn_xmodal.cli._seen import share_seen
from sklearn_xmodal.inspection import diagnose
from sklearn_xmodal.inspection._spaces import is_clear
from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.persistence import load, read_card

_DESCRIPTION = """\
Look for what ails vectors of one joint model, or a saved retriever on pairs that
it was not fitted to: collapse, mismatched pairs, a modality gap, hubs, a loss to
the plain cosine, or vectors that are not of one joint model. Every finding comes
with advice, for the command and for Python.
"""
_EPILOG = """\
examples:
  xmodal diagnose --image clip.npz
      vectors of one joint model, such as CLIP's, as X_img and X_txt
  xmodal diagnose --image test.npz --model my.xmodal --plot findings.png
      a model from xmodal fit, on pairs that it has not seen

exit status:
  0 done, whatever was found, 2 something must be mended (one line says what)
"""
#: What the command has against a finding.
_COMMANDS = {
    "collapsed rank": "{fit} --method cca",
    "not of one joint model": "{fit}",
    "no better than chance": "give both sides as tables whose first column is an id: "
    "the command compares the ids (--id-column yes)",
    "mismatched pairs": "look at these rows (from 0), and leave out what is wrong",
    "worse than the raw cosine": "{fit} --method cosine (or adapter)",
    "repeated items": "--groups FILE[:KEY], which names the picture of every pair",
}


def _add_options(parser):
    add_data_options(parser, without=("test",))
    parser.add_argument(
        "--model", metavar="FILE", help="a saved retriever, which encodes the pairs"
    )
    parser.add_argument(
        "--plot",
        type=path_of_file,
        metavar="FILE",
        help="where a figure goes, such as findings.png",
    )


def _run(arguments):
    if arguments.plot and find_spec("matplotlib") is None:
        raise CommandError('--plot needs pip install "sklearn-xmodal[plot]"')
    data = load_own_data(arguments)
    print(data.describe(), end="\n\n")
    pairs, model = data.pairs, None
    if arguments.model is not None:
        with told(f"cannot load {arguments.model}"):
            model = load(arguments.model)
            if takes_words(encoder_of(model, "text")):
                pairs = _with_words(data, arguments.model)
            elif data.words is not None:
                raise CommandError(
                    f"{arguments.model} takes features of texts: give --text instead "
                    "of --words"
                )
        _warn_of_seen(data, pairs, arguments.model)
    elif pairs.image.shape[1] != pairs.text.shape[1]:
        raise CommandError(
            "without --model, images and texts must be vectors of one joint model: got "
            f"{pairs.image.shape[1]:,} and {pairs.text.shape[1]:,} features. For "
            f"features of two models, fit one first: {_fit(arguments)}"
        )
    with told("cannot diagnose"):
        diagnosis = diagnose(pairs, data.y, estimator=model, groups=data.groups)
    diagnosis.findings = [_for_a_shell(f, arguments) for f in diagnosis.findings]
    print(diagnosis)
    if model is None:
        print(f"\n{_say_whether_joint(diagnosis)}")
    if arguments.plot:
        _save_figure(diagnosis, arguments.plot)


def _warn_of_seen(data, pairs, model):
    """Tell of pairs that a model from `xmodal fit` was fitted to."""
    text = pairs.text if pairs is data.pairs else data.texts
    if share := share_seen(read_card(model), data.pairs.image, text):
        part = "all" if share == 1 else f"about {share:.0%}"
        print(
            f"Warning: {model} was fitted to {part} of these pairs, so what follows is "
            "better than on others. Give pairs kept back, as xmodal fit --test does.\n"
        )


def _for_a_shell(finding, arguments):
    """Return a finding whose advice is of the command, and of Python below."""
    advice = f"in Python: {finding.advice}"
    if command := _COMMANDS.get(finding.name):
        advice = f"{command.format(fit=_fit(arguments))}\n    {advice}"
    return replace(finding, advice=advice)


def _fit(arguments):
    """Return the line that fits a retriever to the pairs that are named."""
    if arguments.model is not None:  # these pairs are for tests
        return "xmodal fit --image ... --save my.xmodal"
    kept = without_options(arguments.argv[1:], ["--plot"])
    return command_line(["fit", *kept, "--save", "my.xmodal"])


def _say_whether_joint(diagnosis):
    """Say whether the vectors look like those of one joint model."""
    if any(finding.name == "not of one joint model" for finding in diagnosis.findings):
        return "Not vectors of one joint model, see above."
    cosine, by_chance = diagnosis.measures["cosine of pairs, both sides centred"]
    if not is_clear(cosine, by_chance):
        return "Whether these are vectors of one joint model cannot be told."
    return (
        "These look like vectors of one joint model: the cosine of pairs is "
        f"{cosine:.3f} on average\n(both sides centred); with one side turned at "
        f"random it is seldom above {by_chance:.3f}."
    )


def _with_words(data, model):
    if data.words is None:
        raise CommandError(f"{model} takes words: give --words instead of --text")
    return ImageTextPairs(data.pairs.image, list(data.texts))


def _save_figure(diagnosis, path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    diagnosis.plot(figure)
    with told(f"cannot write {path}"):
        figure.savefig(path, dpi=120, facecolor="white")
    print(f"\nWrote {path}")


COMMAND = (
    "what ails vectors or a model, and what to do",
    _DESCRIPTION,
    _EPILOG,
    _add_options,
    _run,
)
