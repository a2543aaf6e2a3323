from django.urls import path

from constitutions import api

VERSION = "constitutions/<slug:slug>/versions/<int:number>/"

urlpatterns = [
    path("constitutions/", api.ConstitutionListView.as_view(), name="constitutions"),
    path("constitutions/estimate/", api.EstimateView.as_view(), name="constitution-estimate"),
    path("constitutions/<slug:slug>/", api.ConstitutionView.as_view(), name="constitution"),
    path("constitutions/<slug:slug>/latest/", api.PullView.as_view(), name="constitution-latest"),
    path("constitutions/<slug:slug>/versions/", api.VersionListView.as_view(), name="constitution-versions"),
    path(VERSION, api.PullView.as_view(), name="constitution-version"),
    path(f"{VERSION}diff/<int:other>/", api.DiffView.as_view(), name="constitution-diff"),
    path(f"{VERSION}principles/<int:principle>/evidence/", api.EvidenceView.as_view(), name="principle-evidence"),
]
