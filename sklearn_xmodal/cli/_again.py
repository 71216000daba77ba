"""The lines that make a comparison again, and keep its winners."""

from sklearn_xmodal.cli._guess import command_line, without_options
from sklearn_xmodal.protocols import ALL_METHODS

#: What `compare` takes and `fit` does not, or once.
_OF_COMPARE = ("--methods", "--protocol", "--splits", "--out")


def say_lines(arguments, winners):
    """Return the line that made a comparison, and those that fit its winners.

    winners: protocol -> title of a method.
    """
    names = {method.title: name for name, method in ALL_METHODS.items()}
    lines = [command_line(arguments.argv)]
    for protocol, title in winners.items():
        # A test part that is given is one of the standard protocol.
        dropped = _OF_COMPARE if protocol == "standard" else (*_OF_COMPARE, "--test")
        argv = ["fit", *without_options(arguments.argv[1:], dropped)]
        argv += ["--method", names[title]]
        file = names[title]
        if protocol != "standard":
            argv += ["--protocol", protocol]
            file = f"{file}-{protocol}"
        lines.append(command_line([*argv, "--save", f"{file}.xmodal"]))
    return lines
