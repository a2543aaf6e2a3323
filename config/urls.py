from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from core.problems import page_not_found

rooms = [include(f"{room}.urls") for room in ("elicitation", "graphs", "constitutions", "reports")]

# The page that draws the API's description brings inline script and style of its own; nobody's text is on it.
docs = csp_update({"script-src": [SELF, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]})(
    SpectacularSwaggerView.as_view()
)

urlpatterns = [
    path("api/v1/", include("core.api_urls")),
    *[path("api/v1/", room) for room in rooms],
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", docs, name="docs"),
    re_path(r"^api/", page_not_found),
    path("", include("frontend.urls")),
]
