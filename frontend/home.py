"""The front page: what this is, what one can take part in, and what people found."""

from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.views.generic import TemplateView

from constitutions.models import ConstitutionVersion
from elicitation.models import Study
from graphs.models import GraphSnapshot


class HomeView(TemplateView):
    template_name = "frontend/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        listed = Study.objects.listed()
        graphs = GraphSnapshot.objects.published().filter(study=OuterRef("id"))
        versions = ConstitutionVersion.objects.filter(constitution__study=OuterRef("id"))
        found = listed.annotate(has_graph=Exists(graphs)).filter(Q(has_graph=True) | Exists(versions))
        return super().get_context_data(
            studies=listed.filter(state=Study.State.OPEN),
            found=found.prefetch_related("constitutions__versions"),
            **kwargs,
        )
