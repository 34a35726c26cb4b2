"""Writes reference values next to the scripts, with the versions of the libraries that computed them."""

import json
import pathlib
import platform

import mpmath
import numpy
import scipy


def plain(value):
    """mpmath numbers as the nearest double; containers element by element."""
    if isinstance(value, mpmath.mpf):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def rows(items):
    return "[\n" + ",\n".join("    " + json.dumps(item, allow_nan=False) for item in plain(items)) + "\n  ]"


def write(name, tables, libraries=None):
    """Writes {name}.json: the versions, those of more libraries too, and one line a case: a change shows as a small diff."""
    versions = {
        "python": platform.python_version(),
        "mpmath": mpmath.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        **(libraries or {}),
    }
    parts = ['  "versions": ' + json.dumps(versions)]
    parts += [f'  "{key}": ' + rows(items) for key, items in tables.items()]
    path = pathlib.Path(__file__).with_name(name + ".json")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(path.name, {key: len(items) for key, items in tables.items()})
