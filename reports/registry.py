"""Every kind of report, by name. A kind is one file in `reports/kinds/`; it registers itself with `@report`."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import BaseModel


class Kind(NamedTuple):
    """A kind of report: what it tells, what it is about ("study" or "dataset"), its parameters, and the function that
    makes its result of them; where it `asks_a_model`, that takes the model too, as `llm`, which is None where there is none."""

    name: str
    title: str
    about: str
    parameters: type[BaseModel]
    make: Callable[..., dict[str, Any]]
    asks_a_model: bool = False


_kinds: dict[str, Kind] = {}


def report(
    name: str, *, title: str, about: str, parameters: type[BaseModel], asks_a_model: bool = False
) -> Callable[[Any], Any]:
    """Register a function (study or dataset, parameters) → result as a kind of report."""

    def decorate(make: Callable[..., dict[str, Any]]) -> Any:
        _kinds[name] = Kind(name, title, about, parameters, make, asks_a_model)
        return make

    return decorate


def kinds() -> dict[str, Kind]:
    """Return all kinds by name, sorted."""
    from reports import kinds as folder

    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"reports.kinds.{module.name}")
    return dict(sorted(_kinds.items()))
