"""`reflekt import --media` and `export --media`."""

from pathlib import Path

from .test_cli import Run, failed, run
from .test_formats_media import FILES, NAMED, archive

__all__ = ["run"]  # a fixture


def test_a_command_keeps_media_and_takes_them_along(run: Run, tmp_path: Path) -> None:
    """It says how many, in words and as JSON."""
    archive(tmp_path / "a.zip", FILES, NAMED, {"photos": [{"md5": "00ff"}]})
    first = run("import", "a.zip", "--media", "m", "--dry-run")
    assert first.out.endswith("media: 4 would be kept, 0 there already, 1 missing, 0 refused\n")
    assert not Path("m").exists()
    first = run("import", "a.zip", "--media", "m")
    assert first.out.endswith("media: 4 kept, 0 there already, 1 missing, 0 refused\n")
    again = run("import", "a.zip", "--media", "m", "--json").json["media"]
    assert again == {"kept": 0, "present": 4, "missing": 1, "refused": 0, "problems": []}
    said = run("export", "b.zip", "--format", "dayone", "--media", "m")
    assert said.out.endswith("media: 4 taken along, 1 missing in m\n")
    said = run("export", "c.zip", "--format", "dayone", "--media", "m", "--json")
    assert said.json["media"]["kept"] == 4
    assert "media" not in run("export", "d.zip", "--format", "dayone", "--json").json


def test_a_command_names_what_was_refused(run: Run, tmp_path: Path) -> None:
    """On stderr, with exit code 1; what is in a name cannot steer the terminal."""
    name = "photos/AB12.j\x1b[31m"
    archive(tmp_path / "a.zip", {name: b"x"}, {"photos": [{"md5": "AB12"}]})
    result = run("import", "a.zip", "--media", "m")
    assert result.code == 1
    assert result.out.endswith("media: 0 kept, 0 there already, 0 missing, 1 refused\n")
    assert result.err == "  photos/AB12.j\ufffd[31m: has a name that media do not have\n"


def test_a_command_refuses_what_cannot_be(run: Run, tmp_path: Path) -> None:
    """Formats without media, and folders that are none, in one line."""
    Path("text.txt").write_text("[2026-11-22 21:40] We swam.\n")
    assert failed(run("import", "text.txt", "--media", "m"), 2, "media", "jrnl")
    assert failed(run("import", "text.txt", "--media", "text.txt"), 2, "--media", "text.txt")
    run("import", "text.txt")
    assert failed(run("export", "b.csv", "--media", "."), 2, "media", "csv")
    assert failed(run("export", "b.zip", "--format", "dayone", "--media", "no"), 2, "--media")
    assert not Path("b.zip").exists()
