from django.urls import path

from constitutions import api, ratification_api, review_api, side_by_side_api, signing_api, webhooks_api

VERSION = "constitutions/<slug:slug>/versions/<int:number>/"

urlpatterns = [
    path("constitutions/", api.ConstitutionListView.as_view(), name="constitutions"),
    path("constitutions/estimate/", api.EstimateView.as_view(), name="constitution-estimate"),
    path("constitutions/<slug:slug>/", api.ConstitutionView.as_view(), name="constitution"),
    path("constitutions/<slug:slug>/latest/", api.PullView.as_view(), name="constitution-latest"),
    path("constitutions/<slug:slug>/versions/", api.VersionListView.as_view(), name="constitution-versions"),
    path(VERSION, api.PullView.as_view(), name="constitution-version"),
    path(f"{VERSION}signature/", signing_api.SignatureView.as_view(), name="constitution-signature"),
    path(f"{VERSION}ratification/", ratification_api.RatificationView.as_view(), name="ratification"),
    path(f"{VERSION}approvals/", ratification_api.ApprovalsView.as_view(), name="approvals"),
    path(f"{VERSION}diff/<int:other>/", api.DiffView.as_view(), name="constitution-diff"),
    path(f"{VERSION}principles/<int:principle>/evidence/", api.EvidenceView.as_view(), name="principle-evidence"),
    path(
        "studies/<slug:slug>/comparisons/of-principles/",
        side_by_side_api.PrinciplePairView.as_view(),
        name="compare-principles",
    ),
    path("studies/<slug:slug>/reviews/", review_api.ReviewListView.as_view(), name="reviews"),
    path("studies/<slug:slug>/reviews/<int:number>/", review_api.ReviewView.as_view(), name="review"),
    path("studies/<slug:slug>/reviews/<int:number>/close/", review_api.CloseReviewView.as_view(), name="review-close"),
    path("studies/<slug:slug>/review-items/", review_api.ReviewItemListView.as_view(), name="review-items"),
    path("studies/<slug:slug>/review-items/<uuid:pk>/", review_api.ReviewScoreView.as_view(), name="review-item"),
    path("signing-key/", signing_api.SigningKeyView.as_view(), name="signing-key"),
    path("signing-key/<str:key>/", signing_api.OneSigningKeyView.as_view(), name="signing-key-id"),
    path("webhooks/", webhooks_api.WebhookListView.as_view(), name="webhooks"),
    path("webhooks/<uuid:pk>/", webhooks_api.WebhookView.as_view(), name="webhook"),
    path("webhooks/<uuid:pk>/test/", webhooks_api.WebhookTestView.as_view(), name="webhook-test"),
    path("webhooks/<uuid:pk>/deliveries/", webhooks_api.DeliveryListView.as_view(), name="webhook-deliveries"),
]
