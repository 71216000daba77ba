"""The program: `xmodal` with its commands, also as ``python -m sklearn_xmodal``."""

import argparse
import os
import re
import sys
from contextlib import suppress
from difflib import get_close_matches

from sklearn_xmodal._version import __version__
from sklearn_xmodal.cli import _diagnose, _fit, _main, _search, _show
from sklearn_xmodal.cli._errors import CommandError, UnclearFileError
from sklearn_xmodal.cli._guess import working_line

#: Name -> what it does in a line, the whole description, examples, options, work.
COMMANDS = {
    "compare": (
        "which retriever suits my pairs? table, CSV file and pictures",
        _main.COMPARE_DESCRIPTION,
        _main.EPILOG,
        _main.add_compare_options,
        _main.run,
    ),
    "fit": _fit.COMMAND,
    "search": _search.COMMAND,
    "diagnose": _diagnose.COMMAND,
    "data": _show.COMMAND,
}
_USAGE = {
    "fit": "[options] --image FILE --save FILE",
    "search": "[options] FILE --query WORDS ...",
}
_OF_THE_PROGRAM = ("-h", "--help", "--version")
_EPILOG = """\
the way through:
  xmodal data                                    what is there, without own files
  xmodal data --image mine.npz                   how own files are understood
  xmodal compare --image mine.npz                which retriever suits them
  xmodal fit --image mine.npz --test 0.2 --save my.xmodal   tune and score one, keep it
  xmodal search my.xmodal --image photos.npy --query-text new.npy
  xmodal diagnose --image others.npz --model my.xmodal   on pairs that it has not seen

xmodal COMMAND --help has the options, examples and exit status of a command.
Options without a COMMAND are those of compare. python -m sklearn_xmodal is the
same program, for where xmodal is not on the path; alone, it compares the emoji.
"""


def build_xmodal_parser():
    """Return the parser of `xmodal`, and those of its commands by name."""
    parser = argparse.ArgumentParser(
        prog="xmodal",
        description="Cross-modal retrieval: find images by text and texts by image.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands"
    )
    commands = {}
    for name, (line, description, epilog, add_options, _) in COMMANDS.items():
        command = subparsers.add_parser(
            name,
            help=line,
            usage=f"xmodal {name} {_USAGE.get(name, '[options]')}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(command)
        commands[name] = command
    return parser, commands


def xmodal(argv=None):
    """Run `xmodal`; options without a command are those of `compare`.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        0, 2 where something in the input must be mended, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser, commands = build_xmodal_parser()
    if not argv:
        parser.print_help()
        return 0
    if argv[0].startswith("-") and argv[0] not in _OF_THE_PROGRAM:
        argv = ["compare", *argv]
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(unknown, commands[arguments.command])
    arguments.argv = argv
    run = COMMANDS[arguments.command][-1]
    return _guarded(run, arguments, f"xmodal {arguments.command}")


def _refuse(unknown, command):
    """End with the usage of the command, and the option that an unknown one is like."""
    known = re.findall(r"^  (--[a-z-]+)", command.format_help(), re.MULTILINE)
    given = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    near = [n for word in given for n in get_close_matches(word, known, 1, cutoff=0.75)]
    hint = f"; did you mean {' and '.join(near)}?" if near else ""
    command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def main(argv=None):
    """Run ``python -m sklearn_xmodal``: `xmodal`, which alone compares the emoji.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        0, 2 where something in the input must be mended, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else argv
    return xmodal(argv or ["compare"])


def _guarded(run, arguments, program):
    """Return the exit status of a command, whose errors of input take one line."""
    try:
        run(arguments)
    except CommandError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        if isinstance(error, UnclearFileError):
            _show_a_way(error.path, arguments)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _show_a_way(path, arguments):
    """Print the command line that says what of a file is meant, where it can be told.

    What cannot be read has been told.
    """
    with suppress(Exception):
        if line := working_line(path, arguments):
            print(f"As far as names and shapes tell:\n  {line}", file=sys.stderr)
