"""Groups side by side: two groups, or all groups of one question, compared arrow by arrow. Each comparison is a report."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from core.jobs import request_job
from elicitation.groups import labels_of, questions_of, read_groups
from frontend.dashboard.desk import StudyDesk, number_in
from graphs.counting import read_filters
from reports.models import Report
from reports.running import body_of

KIND = "shared_ground"
MOST_EARLIER, MOST_LOOKED_AT = 8, 100


class GroupsView(StudyDesk):
    """Choose two groups and see them side by side: what they share first, then contradictions, then what is not shown."""

    template = "groups.html"
    step = "graph"

    def act(self, request: HttpRequest) -> HttpResponseBase:
        form, study = request.POST, self.study
        first, second = form.get("first", ""), form.get("second", "")
        if not first:
            raise ValidationError(_("Choose a group first."))
        if not second:
            params: dict[str, Any] = {"key": first.partition("=")[0]}
            read_groups(study, key=params["key"])
        else:
            params = {"groups": [first, second]}
            read_groups(study, params["groups"])
        if context := form.get("context", ""):
            read_filters(study, context=context)
            params["context"] = context
        inputs = {"kind": KIND, "study": str(study.id), "params": params, "user": self.user.id}
        request_job("reports.run", inputs, scope_key=study.scope_key, user=self.user)
        return self.done(_("The groups are being compared."), "dashboard:groups", study.slug)

    def context(self) -> dict[str, Any]:
        made = self._made()
        place = number_in(self.request.GET.get("earlier", ""))
        report = made[place] if place < len(made) else None
        body = body_of(report) if report else None
        job = self.job("reports.run")
        return {
            "questions": self._questions(),
            "contexts": self.study.contexts.all(),
            "report": report,
            "result": body["result"] if body else None,
            "params": body["params"] if body else {},
            "chosen": self._chosen(body) if body else [],
            "earlier": [(i, self._named(one)) for i, one in enumerate(made)],
            "place": place,
            "job": job if job and job.inputs.get("kind") == KIND else None,
        }

    def _made(self) -> list[Report]:
        """Return the newest report of each comparison that was made, the newest first."""
        found: dict[str, Report] = {}
        for report in Report.objects.filter(study=self.study, kind=KIND)[:MOST_LOOKED_AT]:
            found.setdefault(json.dumps(report.parameters, sort_keys=True), report)
        return list(found.values())[:MOST_EARLIER]

    def _questions(self) -> list[dict[str, Any]]:
        """Return the questions about people, each with its groups as KEY=VALUE and how they are called."""
        labels = labels_of(self.study)
        return [
            {"label": labels.get(key, key), "groups": [(f"{key}={name}", name) for name in names]}
            for key, names in questions_of(self.study).items()
            if len(names) > 1
        ]

    def _chosen(self, body: dict[str, Any]) -> list[str]:
        named: list[str] = body["params"]["groups"]
        return named or [f"{body['result']['key']}={body['result']['groups'][0]['name']}", ""]

    def _named(self, report: Report) -> str:
        named = [group.partition("=")[2] for group in report.parameters["groups"]]
        told = " – ".join(named) or _("all groups of %s") % ({"": _("the first question")} | labels_of(self.study)).get(
            report.parameters["key"], report.parameters["key"]
        )
        context = report.parameters["context"]
        return f"{told}, {context}" if context else told
