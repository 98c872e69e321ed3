"""Packages that offer a kind of provider, made by a test: a wheel is a zip file with three files of metadata."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile


def pack(folder: Path, name: str, *, kind: str, source: str, value: str = "") -> Path:
    """Make the wheel of a package of one module, whose entry point for a kind is `value`, its `KIND` by default."""
    metadata = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": source,
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{metadata}/entry_points.txt": f"[reencrypt.providers]\n{kind} = {value or f'{name}:KIND'}\n",
    }
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(f"{metadata}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{metadata}/RECORD"]))
    return path


def unpack(wheel: Path, folder: Path) -> Path:
    """Install it into a folder for `sys.path` or `PYTHONPATH`, as an installer does; returns the folder."""
    with ZipFile(wheel) as content:
        content.extractall(folder)
    return folder
