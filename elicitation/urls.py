from elicitation.api import (
    cards,
    comparisons,
    draws,
    endorsements,
    facets,
    interviews,
    participation,
    studies,
    values,
    verification,
    votes,
)
from elicitation.dataset_api import dataset_urlpatterns

urlpatterns = [
    *studies.urlpatterns,
    *participation.urlpatterns,
    *interviews.urlpatterns,
    *cards.urlpatterns,
    *values.urlpatterns,
    *facets.urlpatterns,
    *endorsements.urlpatterns,
    *draws.urlpatterns,
    *votes.urlpatterns,
    *verification.urlpatterns,
    *comparisons.urlpatterns,
    *dataset_urlpatterns,
]
