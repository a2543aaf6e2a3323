from django.urls import path

from core import api

urlpatterns = [
    path("", api.RootView.as_view(), name="api-root"),
    path("jobs/", api.JobListView.as_view(), name="jobs"),
    path("jobs/<uuid:pk>/", api.JobView.as_view(), name="job"),
    path("jobs/<uuid:pk>/cancel/", api.JobActView.as_view(act="cancel"), name="job-cancel"),
    path("jobs/<uuid:pk>/resume/", api.JobActView.as_view(act="resume"), name="job-resume"),
    path("keys/", api.ApiKeyListView.as_view(), name="keys"),
    path("keys/<uuid:pk>/", api.ApiKeyView.as_view(), name="key"),
]
