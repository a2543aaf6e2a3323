from django.urls import path

from frontend.participant import approving, arriving, comparing, judging, leaving, reviewing, talking, verifying

urlpatterns = [
    path("back/", arriving.BackView.as_view(), name="back"),
    path("check/", verifying.CheckView.as_view(), name="check"),
    path("check/<str:token>/", verifying.CheckLinkView.as_view(), name="check-link"),
    path("s/<slug:slug>/", arriving.TakePartView.as_view(), name="take-part"),
    path("s/<slug:slug>/consent/", arriving.ConsentView.as_view(), name="consent"),
    path("s/<slug:slug>/about-you/", arriving.AboutYouView.as_view(), name="about-you"),
    path("s/<slug:slug>/question/", talking.QuestionView.as_view(), name="question"),
    path("s/<slug:slug>/talk/", talking.TalkView.as_view(), name="talk"),
    path("s/<slug:slug>/card/", talking.CardView.as_view(), name="card"),
    path("s/<slug:slug>/others/", judging.OthersView.as_view(), name="others"),
    path("s/<slug:slug>/stories/", judging.StoriesView.as_view(), name="stories"),
    path("s/<slug:slug>/compare/", comparing.CompareView.as_view(), name="compare"),
    path("s/<slug:slug>/principles/", approving.PrinciplesView.as_view(), name="principles"),
    path("s/<slug:slug>/review/", reviewing.ReviewView.as_view(), name="review-principles"),
    path("s/<slug:slug>/finish/", leaving.FinishView.as_view(), name="finish"),
    path("s/<slug:slug>/save-and-leave/", leaving.SaveAndLeaveView.as_view(), name="save-and-leave"),
    path("s/<slug:slug>/my-data/", leaving.MyDataView.as_view(), name="my-data"),
    path("s/<slug:slug>/withdraw/", leaving.WithdrawView.as_view(), name="withdraw"),
]
