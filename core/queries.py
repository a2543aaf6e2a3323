"""What may stand behind the question mark of an address: what is listed, once, and in bounds. Anything else is told, never
ignored: a filter with a slip of the pen would give everything, and look like an answer."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_filters import BooleanFilter
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import PageNumberPagination

from core.problems import API, Problem, problem_response

LARGEST_PAGE = 1_000_000


class Pages(PageNumberPagination):
    """Collections answer {count, next, previous, results}."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    last_page_strings = ()

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        whole_number(request, "page", LARGEST_PAGE)
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            raise Problem(404, "no-such-page", "There is no such page", "Follow `next` from the first page.") from None

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe both queries with their bounds."""
        found: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter, most in zip(found, (LARGEST_PAGE, self.max_page_size), strict=True):
            parameter["schema"] |= {"minimum": 1, "maximum": most}
        return found

    def get_page_size(self, request: Any) -> int | None:
        return whole_number(request, "page_size", self.max_page_size) or self.page_size


def whole_number(request: Any, name: str, most: int, least: int = 1) -> int | None:
    """Return a number of the query, or None where it is not given. Raises Problem for what is none in bounds."""
    written = request.query_params.get(name)
    if written is None:
        return None
    if written.isascii() and written.isdecimal() and len(written) <= len(str(most)) and least <= int(written) <= most:
        return int(written)
    raise Problem(400, "bad-query", f"`{name}` can't be used", f"Send a whole number from {least} to {most}.")


def one_of(request: Any, name: str, choices: Sequence[str]) -> str:
    """Return a word of the query, or "" where it is not given. Raises Problem for what is none of the choices."""
    written = request.query_params.get(name, "")
    if written and written not in choices:
        raise Problem(400, "bad-query", f"`{name}` can't be used", f"Choose one of: {', '.join(choices)}.")
    return str(written)


class _TrueOrFalse(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if str(value).lower() not in ("true", "false"):
            raise forms.ValidationError("Write true or false.")
        return str(value).lower() == "true"


class _YesNoFilter(BooleanFilter):  # type: ignore[misc]
    field_class = _TrueOrFalse

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["widget"] = forms.TextInput
        super().__init__(*args, **kwargs)


class Filters(FilterSet):  # type: ignore[misc]
    """Filters by fields of the listed things; what is no true or false is told."""

    FILTER_DEFAULTS: ClassVar[dict[Any, Any]] = {
        **FilterSet.FILTER_DEFAULTS,
        models.BooleanField: {"filter_class": _YesNoFilter},
    }


class FilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    filterset_base = Filters


class KnownQueries:
    """Middleware: an address with a query that its view does not know is refused. Views list what they read in `queries`;
    pages and filters of lists are known by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not request.GET or not request.path.startswith(API):
            return None
        known = known_queries(getattr(view, "cls", None), request.method or "")
        if known is None:
            return None
        for name, values in request.GET.lists():
            if name not in known:
                title = f"There is no query {name[:40]!r} here"
                detail = f"Choose from: {', '.join(sorted(known))}." if known else "Leave out everything after the “?”."
                return problem_response(400, "unknown-query", title, detail, path=request.path)
            if len(values) > 1:
                title = f"The query {name!r} is there twice"
                return problem_response(400, "bad-query", title, "Send it once.", path=request.path)
        return None


def known_queries(view: Any, method: str) -> set[str] | None:
    """Return the names that a view reads from its address, or None where it is not ours to say."""
    if view is None or view.__module__.startswith("drf_spectacular"):
        return None
    if method == "OPTIONS" or not hasattr(view, method.lower()):  # what is not done here is told as that
        return None
    if method not in ("GET", "HEAD"):
        return set()
    known = set(getattr(view, "queries", ()))
    if hasattr(view, "list"):  # not isinstance: the module of list views is loaded after its filters
        known |= {"page", "page_size"}
        filters = FilterBackend().get_filterset_class(view(), view.queryset)
        known |= set(filters.base_filters) if filters else set()
    return known
