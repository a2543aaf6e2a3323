from django.urls import path

from graphs import api

urlpatterns = [
    path("studies/<slug:slug>/graphs/", api.GraphListView.as_view(), name="graphs"),
    path("studies/<slug:slug>/graphs/latest/", api.GraphView.as_view(), name="graph-latest"),
    path("studies/<slug:slug>/graphs/<str:graph>/", api.GraphView.as_view(), name="graph"),
    path("studies/<slug:slug>/graphs/<str:graph>/about/", api.GraphAboutView.as_view(), name="graph-about"),
    path("studies/<slug:slug>/graphs/<str:graph>/compare/", api.GraphCompareView.as_view(), name="graph-compare"),
    path("studies/<slug:slug>/graphs/<str:graph>/order/", api.GraphOrderView.as_view(), name="graph-order"),
    path("studies/<slug:slug>/graphs/<str:graph>/diff/<str:other>/", api.GraphDiffView.as_view(), name="graph-diff"),
    path("studies/<slug:slug>/graphs/<str:graph>/publish/", api.GraphPublishView.as_view(), name="graph-publish"),
]
