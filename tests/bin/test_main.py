import importlib
import inspect
from importlib import metadata

import pytest

from jaxlife import version
from jaxlife.bin import main


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_is_a_module_with_a_main_and_help(command, capsys):
    module = importlib.import_module(f"jaxlife.bin.{command}")
    assert next(iter(inspect.signature(module.main).parameters)) == "argv"
    assert main.main([command, "--help"]) == 0
    assert f"jaxlife {command}" in capsys.readouterr().out


def test_help_lists_the_commands(capsys):
    assert main.main([]) == 0
    said = capsys.readouterr().out
    assert all(f"jaxlife {name}" in said for name in main.COMMANDS)
    assert max(map(len, said.splitlines())) <= 120


def test_an_unknown_command_gets_the_nearest(capsys):
    assert main.main(["rnu"]) == 2
    assert "did you mean 'run'?" in capsys.readouterr().err


def test_the_console_script_is_this_one(capsys):
    (script,) = (entry for entry in metadata.entry_points(group="console_scripts") if entry.name == "jaxlife")
    assert script.load() is main.main
    assert main.main(["--version"]) == 0
    assert version.__version__ in capsys.readouterr().out
