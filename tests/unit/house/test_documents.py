"""What the checkout says: to users, and about machines that only one person has."""

from __future__ import annotations

import re

import pytest

from tests.unit.house.tree import ROOT, files

TEXT = {"", ".cfg", ".css", ".ini", ".json", ".md", ".py", ".sh", ".spec", ".svg", ".toml", ".txt", ".yaml", ".yml"}
# Places that exist on one machine only; a program that names them works nowhere else.
PRIVATE = re.compile(r"(?<![\w.}/-])/(?:work|home|root|opt|Users)/\w+|[A-Z]:\\\\?Users\\\\?(?!Zo)\w+")
LARGEST_FILE = 20 * 2**20


def _texts() -> list[tuple[str, str]]:
    chosen = [path for path in files() if path.suffix in TEXT and path.name != "test_documents.py"]
    return [(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8", errors="replace")) for p in chosen]


def test_no_file_names_a_place_of_one_machine() -> None:
    hits = [f"{name}: {match.group()}" for name, text in _texts() for match in PRIVATE.finditer(text)]
    assert not hits, "\n".join(hits)


def test_only_tests_look_beside_the_checkout() -> None:
    hits = [name for name, text in _texts() if "../shared" in text or '"shared"' in text]
    assert not [name for name in hits if not name.startswith("tests/")]


def test_no_file_is_too_large_for_a_repository() -> None:
    large = {p.relative_to(ROOT).as_posix(): p.stat().st_size for p in files() if p.stat().st_size > LARGEST_FILE}
    assert not large


def test_nothing_unfinished_is_marked_in_the_code() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    hits = [f"{name}: {m.group()}" for name, text in _texts() if name.endswith(".py") for m in marks.finditer(text)]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("command", ["make demo", "make test", "make freeze", "TORCH_INDEX", "pip install"])
def test_readme_tells_the_commands(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_of_the_documents_lead_somewhere() -> None:
    links = [
        (path, target)
        for path in files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    ]
    broken = [f"{p.relative_to(ROOT)}: {t}" for p, t in links if "://" not in t and not (p.parent / t).exists()]
    assert not broken, "\n".join(broken)


def test_changelog_names_the_version_of_the_project() -> None:
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert f"## {version.group(1)}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_version_is_the_same_everywhere() -> None:
    import core

    assert f'\nversion = "{core.__version__}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_manual_names_every_option_of_denoise_and_no_other() -> None:
    from typer.main import get_command

    from core.cli.app import app

    known = {
        option
        for parameter in get_command(app).commands["denoise"].params  # type: ignore[attr-defined]
        for option in parameter.opts
        if option.startswith("--")
    }
    manual = (ROOT / "docs" / "manual" / "README.md").read_text(encoding="utf-8")
    section = manual.split("## Denoising")[1].split("\n## ")[0]
    told = set(re.findall(r"--[a-z-]+", section))
    assert told <= known
    # -o stands for --output, and --help is everywhere.
    assert known - told <= {"--help", "--output"}


def test_commands_of_the_documents_are_there_with_the_options_that_are_told() -> None:
    from typer.main import get_command

    from core.cli.app import app

    missing = []
    for name, line in _told_commands("quietbeam "):
        command, words = get_command(app), line.split()[1:]
        while words and re.fullmatch("[a-z]+", words[0]) and hasattr(command, "commands"):
            found = command.commands.get(words.pop(0))
            if found is None:
                missing.append(f"{name}: {line}")
                break
            command = found
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        missing += [f"{name}: {option} of: {line}" for option in _options(line) if option not in known]
    assert not missing, "\n".join(missing)


def test_benches_of_the_documents_are_there_with_the_options_that_are_told() -> None:
    missing = []
    shared = (ROOT / "tests" / "bench" / "benchmark_rows.py").read_text(encoding="utf-8")
    for name, line in _told_commands("python -m tests.bench."):
        bench = ROOT / "tests" / "bench" / f"{line.split()[2].rsplit('.', 1)[-1]}.py"
        if not bench.is_file():
            missing.append(f"{name}: {line}")
            continue
        text = bench.read_text(encoding="utf-8") + shared
        missing += [f"{name}: {option} of: {line}" for option in _options(line) if f'"{option}"' not in text]
    assert not missing, "\n".join(missing)


def _told_commands(start: str) -> list[tuple[str, str]]:
    """Commands in blocks of a document, with the lines that go on with them, and in backticks: document, command."""
    found = []
    for path in files():
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            blocks = re.findall(rf"^    ({re.escape(start)}.*(?:\n {{8,}}.*)*)", text, re.MULTILINE)
            # Behind some spaces stands what a command is for.
            told = [" ".join(re.split(" {3,}", line.strip())[0] for line in block.splitlines()) for block in blocks]
            told += re.findall(rf"`({re.escape(start)}[^`]*)`", text)
            found += [(path.relative_to(ROOT).as_posix(), one) for one in told]
    assert found, start
    return found


def _options(line: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)


def test_table_of_formats_names_every_ending_that_is_read() -> None:
    from core.movies.registry import FORMATS

    table = (ROOT / "docs" / "manual" / "formats.md").read_text(encoding="utf-8").lower()
    named = set(re.findall(r"\w+", table))
    unnamed = [end for one in FORMATS if one.name != "other" for end in one.extensions if end[1:] not in named]
    assert not unnamed


def test_table_of_formats_names_every_ending_that_is_written() -> None:
    from core.movies.writers import RESULT_ENDINGS

    table = (ROOT / "docs" / "manual" / "formats.md").read_text(encoding="utf-8").lower()
    assert not [end for end in RESULT_ENDINGS if end.rsplit(".", 1)[-1] not in table]
