"""A published graph pulled again with its ETag, which gives 304, beside plain lists of REST framework.

All through Django's test client, so with every middleware and no network, from SQLite:
- the pull: GET studies/SLUG/graphs/latest/ with If-None-Match, of a graph of 4,000 arrows;
- the plain list of its rows: the 4,000 arrows in memory as a `ListAPIView` of one page, a serializer of eight fields, no query;
- a page of 100 rows of the study's values by our own list, as its team gets it.
"""

from collections.abc import Iterator
from typing import Any

from bench import databases
from bench.measuring import Line, Timing, at_least, in_own_process, side_by_side

ARROWS, VALUES, TIMES, AGAIN = 4_000, 1_500, 15, 20


def lines() -> Iterator[Line]:
    with databases.sqlite() as environment:
        found = in_own_process(__name__, environment=environment)
    fresh, whole, page, full = (Timing(found[way]) for way in ("fresh", "whole", "page", "full"))
    what = (
        f"a graph of {ARROWS:,} arrows ({found['kilobytes']} kB), its ETag known: 304 in {1000 * fresh.median:.2g} ms"
    )
    yield at_least(what, fresh, whole, TIMES, f"list of {ARROWS:,} rows")
    yield Line(what, f"{page.median / fresh.median:.3g}×", "", None, f"list of 100 rows {page}")
    yield Line("the same graph in full", f"{whole.median / full.median:.3g}×", "", None, f"ours {full}; list {whole}")


def measured() -> dict[str, Any]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client
    from rest_framework.throttling import SimpleRateThrottle

    call_command("migrate", verbosity=0)
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["testserver"]
    SimpleRateThrottle.THROTTLE_RATES = dict.fromkeys(
        SimpleRateThrottle.THROTTLE_RATES
    )  # else it stops at 300 a minute
    body, client = _graph(), Client()
    team = Client()
    team.force_login(_user())
    address = "/api/v1/studies/pulled/graphs/latest/"
    tag = client.get(address)["ETag"]

    def get(path: str, status: int = 200, who: Client = client, **headers: Any) -> None:
        for _ in range(AGAIN):
            answer = who.get(path, **headers)
            assert answer.status_code == status, (path, answer.status_code, answer.content[:200])

    timings = side_by_side(
        lambda: get(address, 304, headers={"If-None-Match": tag}),
        lambda: get("/arrows/"),
        lambda: get("/api/v1/studies/pulled/values/?page_size=100", who=team),
        lambda: get(address),
    )
    runs = ([seconds / AGAIN for seconds in timing.runs] for timing in timings)
    return dict(zip(("fresh", "whole", "page", "full"), runs, strict=True)) | {"kilobytes": len(body) // 1000}


def _user() -> Any:
    from core.models import User
    from elicitation.models import Study, StudyMembership

    user = User.objects.create_user("pulls@moot.example")
    StudyMembership.objects.create(study=Study.objects.get(slug="pulled"), user=user, role="owner")
    return user


def _graph() -> str:
    """Store and publish a graph of made-up arrows, in the form of those that are built, and return its body."""
    from core.canonical import canonical_bytes, sha256_of
    from elicitation.models import CanonicalValue, Study
    from graphs.building import publish
    from graphs.models import GraphSnapshot

    study = Study.objects.create(slug="pulled", title="Pulled", is_listed=True)
    values = [CanonicalValue(study=study, number=n, title=f"Value {n}") for n in range(1, VALUES + 1)]
    CanonicalValue.objects.bulk_create(values, 500)
    told = {
        "study": "pulled",
        "edges": arrows(),
        "values": [{"number": v.number, "title": v.title, "wisdom_score": 1 / VALUES} for v in values],
    }
    text, sizes = canonical_bytes(told).decode(), {"vote_count": 0, "voter_count": 0, "value_count": VALUES}
    publish(
        GraphSnapshot.objects.create(
            study=study, number=1, mode="robust", body=text, sha256=sha256_of(told), edge_count=ARROWS, **sizes
        )
    )
    return text


def arrows() -> list[dict[str, Any]]:
    return [
        {
            "from": n % VALUES + 1,
            "to": (n * 7 + 3) % VALUES + 1,
            "net_support": 0.8,
            "share": 0.9,
            "weight": 0.8,
            "q": 0.004,
            "verdict": "kept",
            "reason": "",
        }
        for n in range(ARROWS)
    ]


def __getattr__(name: str) -> Any:
    """Give the addresses of the site and of the plain list, once Django is set up."""
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.urls import include, path
    from rest_framework import generics, serializers

    fields: dict[str, Any] = {
        **{number: serializers.IntegerField() for number in ("from", "to")},
        **{share: serializers.FloatField() for share in ("net_support", "share", "weight", "q")},
        **{text: serializers.CharField() for text in ("verdict", "reason")},
    }
    rows = arrows()

    class Arrows(generics.ListAPIView[Any]):
        serializer_class = type("ArrowSerializer", (serializers.Serializer,), fields)
        pagination_class = None
        filter_backends = ()

        def get_queryset(self) -> Any:
            return rows

    return [path("arrows/", Arrows.as_view()), path("", include("config.urls"))]
