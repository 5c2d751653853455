"""Finds device models by `compatible`: those of this package, and those of a user's own files."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pytcg.devices.base import MODELS, Device


class ModelError(Exception):
    """A file that no device models can be loaded from; the message is one line."""


def model_for(compatible: Iterable[str]) -> type[Device] | None:
    """The model of the first of a node's `compatible` strings that has one."""
    _load_package()
    return next((MODELS[name] for name in compatible if name in MODELS), None)


@cache
def _load_package() -> None:
    package = importlib.import_module("pytcg.devices")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def load_models(path: Path) -> list[type[Device]]:
    """Load the models that a Python file defines; they win over others of the same names.

    Raises ModelError where the file cannot be read or run, or defines none.
    """
    # before, so that what the file defines comes last
    _load_package()
    spec = importlib.util.spec_from_file_location(f"pytcg_device_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    except SyntaxError as error:
        raise ModelError(f"{path}: line {error.lineno}: {error.msg}") from None
    except Exception as error:
        raise ModelError(f"{path}: {type(error).__name__}: {error}") from error
    found = [model for model in dict.fromkeys(MODELS.values()) if model.__module__ == module.__name__]
    if not found:
        raise ModelError(f"{path}: defines no device (a class of pytcg.devices.base.Device with `compatible`)")
    return found
