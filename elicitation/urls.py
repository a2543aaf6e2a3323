from elicitation.api import cards, comparisons, draws, endorsements, interviews, participation, studies, values, votes
from elicitation.dataset_api import dataset_urlpatterns

urlpatterns = [
    *studies.urlpatterns,
    *participation.urlpatterns,
    *interviews.urlpatterns,
    *cards.urlpatterns,
    *values.urlpatterns,
    *endorsements.urlpatterns,
    *draws.urlpatterns,
    *votes.urlpatterns,
    *comparisons.urlpatterns,
    *dataset_urlpatterns,
]
