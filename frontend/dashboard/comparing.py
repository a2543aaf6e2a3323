"""A study's comparisons: what people compare, how often it was compared, and answers that a model writes to be compared."""

from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from core.jobs import request_job
from core.ledger import model_is_configured
from elicitation import arena, candidates
from elicitation.comparisons import answers_given, told_of_people
from elicitation.models import CandidateSet, Comparison, Dataset
from frontend.dashboard.desk import StudyDesk, newest_work, number_in
from frontend.dashboard.searching import whole

PAIRS_A_PAGE = 25


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
        texts = [text for text in typed.getlist("text") if text.strip()]
        made = candidates.add_candidates(
            self.study, prompt=typed.get("prompt", ""), texts=texts, context=typed.get("context", "")
        )
        told = _("%d comparisons are added.") % len(made.comparisons)
        return self.done(told, "dashboard:comparisons", self.study.slug)

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
        }
