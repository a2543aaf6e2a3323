"""Pages for people: a home page, taking part, the dashboard, accounts, and what is published."""

from django.urls import include, path

from frontend.dashboard.constitutions import PrincipleView, PublicConstitutionView
from frontend.dashboard.results import PublicGraphView
from frontend.home import HomeView

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("", include("frontend.participant.urls")),
    path("", include("frontend.dashboard.urls")),
    path("accounts/", include("frontend.accounts")),
    path("g/<slug:slug>/", PublicGraphView.as_view(), name="public-graph"),
    path("c/<slug:slug>/", PublicConstitutionView.as_view(), name="public-constitution"),
    path("c/<slug:slug>/<int:number>/", PublicConstitutionView.as_view(), name="public-constitution-version"),
    path("c/<slug:slug>/<int:number>/<int:principle>/", PrincipleView.as_view(), name="public-principle"),
]
