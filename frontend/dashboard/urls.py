from django.urls import path

from frontend.dashboard import (
    comparing,
    constitutions,
    facets,
    groups,
    material,
    results,
    snapshots,
    stories,
    studies,
    tools,
    values,
)

app_name = "dashboard"

urlpatterns = [
    path("studies/", studies.StudiesView.as_view(), name="studies"),
    path("studies/new/", studies.NewStudyView.as_view(), name="new-study"),
    path("studies/<slug:slug>/", studies.StudyView.as_view(), name="study"),
    path("studies/<slug:slug>/edit/", studies.EditStudyView.as_view(), name="edit-study"),
    path("studies/<slug:slug>/interviews/", material.InterviewsView.as_view(), name="interviews"),
    path("studies/<slug:slug>/interviews/<uuid:interview>/", material.InterviewView.as_view(), name="interview"),
    path("studies/<slug:slug>/values/", values.ValuesView.as_view(), name="values"),
    path("studies/<slug:slug>/values/history/", values.ValuesHistoryView.as_view(), name="values-history"),
    path("studies/<slug:slug>/values/<int:number>/", values.ValueView.as_view(), name="value"),
    path("studies/<slug:slug>/values/<int:number>/facets/", facets.FacetsView.as_view(), name="facets"),
    path("studies/<slug:slug>/verification/", values.VerificationView.as_view(), name="verification"),
    path("studies/<slug:slug>/stories/", material.StoriesView.as_view(), name="stories"),
    path("studies/<slug:slug>/stories/new/", stories.NewStoryView.as_view(), name="new-story"),
    path("studies/<slug:slug>/stories/<int:number>/", stories.StoryView.as_view(), name="story"),
    path("studies/<slug:slug>/votes/", material.VotesView.as_view(), name="votes"),
    path("studies/<slug:slug>/comparisons/", comparing.ComparisonsView.as_view(), name="comparisons"),
    path("studies/<slug:slug>/graph/", results.GraphView.as_view(), name="graph"),
    path("studies/<slug:slug>/graph/compare/", snapshots.SnapshotsView.as_view(), name="snapshots"),
    path("studies/<slug:slug>/graph/<int:number>/", results.GraphView.as_view(), name="graph-number"),
    path("studies/<slug:slug>/groups/", groups.GroupsView.as_view(), name="groups"),
    path("studies/<slug:slug>/constitution/", constitutions.ConstitutionView.as_view(), name="constitution"),
    path(
        "studies/<slug:slug>/constitution/<int:number>/",
        constitutions.ConstitutionView.as_view(),
        name="constitution-number",
    ),
    path(
        "found/<uuid:extraction>/principles/<int:principle>/",
        constitutions.FoundPrincipleView.as_view(),
        name="found-principle",
    ),
    path("datasets/", tools.DatasetsView.as_view(), name="datasets"),
    path("datasets/<slug:slug>/", constitutions.DatasetView.as_view(), name="dataset"),
    path("datasets/<slug:slug>/constitution/<int:number>/", constitutions.DatasetView.as_view(), name="dataset-number"),
    path("reports/", tools.ReportsView.as_view(), name="reports"),
    path("reports/<uuid:report>/", tools.ReportView.as_view(), name="report"),
    path("jobs/", tools.JobsView.as_view(), name="jobs"),
    path("developers/", tools.DevelopersView.as_view(), name="developers"),
    path("account/", tools.AccountView.as_view(), name="account"),
]
