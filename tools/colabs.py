"""Executes the notebooks in colabs/ and checks their form: at most 90 code lines, no `def`, no stored outputs.

python tools/colabs.py [NOTEBOOK ...]
"""

import pathlib
import sys
import time

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).parents[1]
MOST_LINES = 90


def code_lines(notebook: nbformat.NotebookNode) -> list[str]:
    """Returns the lines of code that are neither blank nor comments."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    lines = [line for source in cells for line in source.splitlines()]
    return [line for line in lines if line.strip() and not line.strip().startswith("#")]


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """Returns what is wrong with a notebook's form."""
    lines = code_lines(notebook)
    found = []
    if len(lines) > MOST_LINES:
        found.append(f"{len(lines)} code lines, at most {MOST_LINES} expected")
    if any(line.lstrip().startswith("def ") for line in lines):
        found.append("it defines a function; that belongs in the library")
    if any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code"):
        found.append("it holds outputs; strip them")
    return found


def main(paths: list[str]) -> int:
    """Checks and executes the notebooks; returns how many failed."""
    files = [pathlib.Path(p) for p in paths] or sorted((ROOT / "colabs").glob("*.ipynb"))
    failed = 0
    for file in files:
        notebook = nbformat.read(file, as_version=4)
        problems = faults(notebook)
        begun = time.monotonic()
        try:
            nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}}).execute()
        except nbclient.exceptions.CellExecutionError as error:
            problems.append(str(error))
        print(f"{file.name}  {time.monotonic() - begun:.1f} s  {'; '.join(problems) or 'ok'}", flush=True)
        failed += bool(problems)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
