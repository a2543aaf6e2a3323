from django.urls import path

from reports import api

urlpatterns = [
    path("reports/", api.ReportListView.as_view(), name="reports"),
    path("reports/<uuid:pk>/", api.ReportView.as_view(), name="report"),
]
