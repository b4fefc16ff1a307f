"""The command `lichtmast`: finds the verb, gives it a clock, and turns errors into one sentence and an exit code.

Exit codes: 0 done, 1 the work failed, 2 wrong use or invalid input, 130 stopped by Ctrl-C before the work was done, 143
stopped by SIGTERM before the work was done. A verb that goes on until it is stopped is then done: 0.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from agent.clock import MachineClock
from agent.commands import VERBS
from agent.config.problems import ConfigError, did_you_mean, shown
from agent.errors import WrongUse
from agent.hardware.stopping import Stopped, run_until_stopped, stoppable
from agent.version import __version__

DONE, FAILED, WRONG_USE = 0, 1, 2


def verb_module(verb: str) -> ModuleType:
    """The file of a verb."""
    return importlib.import_module(f"agent.commands.{verb}")


def asked_verb(arguments: Sequence[str]) -> str:
    """Returns the word that stands where the verb belongs, or "" if there is none."""
    return next((word for word in arguments if not word.startswith("-")), "")


def parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The whole parser, but only the asked verb's own arguments: the others' files are not imported."""
    parser = argparse.ArgumentParser(prog="lichtmast", description="The open edge agent for smart lamp-posts.")
    parser.add_argument("--version", action="version", version=f"lichtmast {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks, and say more while working")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = asked_verb(arguments)
    for verb, summary in VERBS.items():
        sub_parser = verbs.add_parser(verb, help=summary, description=summary)
        if verb == asked:
            verb_module(verb).add_arguments(sub_parser)
    return parser


def asks_for_help(options: Sequence[str]) -> bool:
    """Returns whether the options before the verb ask for the help or the version, which need no verb."""
    return any(option.startswith(("-h", "--h", "--v")) for option in options)


def main(argv: Sequence[str]) -> int:
    """Runs the command line; returns its exit code."""
    asked = asked_verb(argv)
    if asked and asked not in VERBS and not asks_for_help(argv[: argv.index(asked)]):
        word = shown(asked).strip('"')
        sys.stderr.write(f"lichtmast: there is no verb {word}: {did_you_mean(asked, VERBS)}\n")
        return WRONG_USE
    arguments = parser_for(argv).parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s" if arguments.debug else "%(message)s",
    )
    module = verb_module(arguments.verb)
    stopped_by: list[int] = []
    try:
        with stoppable() as stopped_by:
            result = module.run(arguments, MachineClock())
            # A verb that lives on virtual time makes its own loop, and is an ordinary function.
            code: int = run_until_stopped(result) if asyncio.iscoroutine(result) else result
    except (ConfigError, WrongUse) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USE
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, Stopped) else [*stopped_by, signal.SIGINT][0]
        remark = getattr(module, "WHEN_STOPPED", "")
        name = signal.Signals(number).name
        sys.stderr.write(f"lichtmast {arguments.verb} was stopped by {name}{remark and f': {remark}'}\n")
        return 128 + number
    except BrokenPipeError:
        return FAILED
    except Exception as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"lichtmast {arguments.verb} failed: {error} (--debug shows where)\n")
        return FAILED
    return code


def command() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    command()
