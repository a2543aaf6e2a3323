"""A study's comparisons: what people compare, how often it was compared, and what is added: answers, two values, two principles."""

from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from constitutions.publishing import version_body
from constitutions.side_by_side import compare_principles, versions_of
from core.jobs import request_job
from core.ledger import model_is_configured
from elicitation import arena, candidates
from elicitation.comparisons import answers_given, told_of_people
from elicitation.models import CandidateSet, Comparison, Dataset
from elicitation.side_by_side import compare_values
from frontend.dashboard.desk import StudyDesk, newest_work, number_in
from frontend.dashboard.searching import whole

PAIRS_A_PAGE = 25
VERSIONS = 3  # from which principles can be chosen


class ComparisonsView(StudyDesk):
    """Pairs with their answers, where five people or more gave some; adding answers by hand, or letting a model write them."""

    template = "comparisons.html"
    step = "constitution"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        typed = request.POST
        if typed.get("act") == "write":
            if not model_is_configured():
                raise ValidationError(_("There is no AI here. Write the answers yourself."))
            inputs = {
                "study": str(self.study.id),
                "prompt": typed.get("prompt", ""),
                "context": typed.get("context", ""),
                "wanted": whole(typed.get("wanted"), 4),
            }
            request_job("elicitation.write_candidates", inputs, scope_key=self.study.scope_key, user=self.user)
            return self.done(_("A model writes the answers."), "dashboard:comparisons", self.study.slug)
        if typed.get("act") in ("values", "principles"):
            made = self._side_by_side(typed)
            return self.done(_("Pair %d is added.") % made.number, "dashboard:comparisons", self.study.slug)
        texts = [text for text in typed.getlist("text") if text.strip()]
        added = candidates.add_candidates(
            self.study, prompt=typed.get("prompt", ""), texts=texts, context=typed.get("context", "")
        )
        count = len(added.comparisons)
        told = ngettext("%d comparison is added.", "%d comparisons are added.", count) % count
        return self.done(told, "dashboard:comparisons", self.study.slug)

    def _side_by_side(self, typed: QueryDict) -> Comparison:
        """Make a pair of two values, or of two principles of one version."""
        asked = {"prompt": typed.get("prompt", ""), "context": typed.get("context", "")}
        first, second = typed.get("first", ""), typed.get("second", "")
        if typed.get("act") == "values":
            if not (first.isdecimal() and second.isdecimal()):
                raise ValidationError(_("Choose two values."))
            return compare_values(self.study, first=int(first[:10]), second=int(second[:10]), **asked)
        parts = [name.split(":") for name in (first, second)]
        if not all(len(part) == 3 and part[1].isdecimal() and part[2].isdecimal() for part in parts):
            raise ValidationError(_("Choose two principles."))
        if parts[0][:2] != parts[1][:2]:
            raise ValidationError(_("Choose two principles of the same version."))
        slug, version = parts[0][0], int(parts[0][1][:9])
        numbers = [int(part[2][:9]) for part in parts]
        return compare_principles(
            self.study, constitution=slug, version=version, first=numbers[0], second=numbers[1], **asked
        )

    def _principles(self) -> list[dict[str, Any]]:
        """Return the newest versions that were published of the study, each with its principles to choose from."""
        return [
            {
                "name": _("%(slug)s, version %(number)d")
                % {"slug": version.constitution.slug, "number": version.number},
                "choices": [
                    (f"{version.constitution.slug}:{version.number}:{told['id']}", told["text"])
                    for told in version_body(version)["principles"]
                ],
            }
            for version in versions_of(self.study)[:VERSIONS]
        ]

    def context(self) -> dict[str, Any]:
        dataset = Dataset.objects.filter(study=self.study).first()
        rows = Comparison.objects.filter(dataset=dataset).order_by("number") if dataset else Comparison.objects.none()
        page = Paginator(rows, PAIRS_A_PAGE).get_page(number_in(self.request.GET.get("page", "")) or 1)
        given = answers_given(dataset) if dataset else {}
        told = told_of_people(dataset, given) if dataset else {}
        return {
            "page": page,
            "rows": [
                {
                    "comparison": row,
                    "raters": len(given.get(row.number, ())),
                    "counts": Counter(answer.answer for answer in told[row.number]) if row.number in told else None,
                }
                for row in page
            ],
            "standing": arena.standing(self.study),
            "sets": CandidateSet.objects.filter(study=self.study)[:12],
            "has_model": model_is_configured(),
            "job": newest_work(self.study, "elicitation.write_candidates"),
            "most": candidates.MOST,
            "contexts": self.study.contexts.all(),
            "values": self.study.values.filter(is_archived=False).order_by("title", "number"),
            "versions": self._principles(),
        }
