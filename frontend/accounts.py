"""Accounts: the first one by a one-time code, others by a study's invitation, signing in by e-mail address."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from core.models import SignInCode, User
from core.problems import Problem
from core.secrets import digest, new_code, read_code
from elicitation import studies
from elicitation.models import Dataset, Study

FIRST = "first account"
DAYS = 30
BACKEND = "django.contrib.auth.backends.ModelBackend"


def first_sign_in_code() -> str | None:
    """Return a new one-time code for the first account, which replaces an older one; None once there is an account."""
    if User.objects.exists():
        return None
    code = new_code()
    with transaction.atomic():
        SignInCode.objects.filter(purpose=FIRST, used_at=None).delete()
        SignInCode.objects.create(digest=digest(code), purpose=FIRST, expires_at=timezone.now() + timedelta(days=DAYS))
    return code


class AccountForm(forms.Form):
    """E-mail address and password of a new account, and the code that allows it."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"))
    password = forms.CharField(label=gettext_lazy("Password"), widget=forms.PasswordInput)
    code = forms.CharField(label=gettext_lazy("Code"), max_length=60)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=email).exists():
            raise ValidationError(_("There is an account with this address. Sign in, then open the invitation again."))
        return email

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


class BeginView(View):
    """Make the site's first account with the code that the start printed. It runs the studies that nobody runs yet."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if User.objects.exists():
            return redirect("sign-in")
        return render(request, "accounts/begin.html", {"form": AccountForm()})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = AccountForm(request.POST)
        if form.is_valid():
            user = self._make(form.cleaned_data)
            if user is not None:
                login(request, user, backend=BACKEND)
                return redirect("dashboard:studies")
            form.add_error("code", _("This code does not work. The start of the site prints a new one each time."))
        return render(request, "accounts/begin.html", {"form": form}, status=400)

    def _make(self, told: dict[str, Any]) -> User | None:
        with transaction.atomic():
            usable = SignInCode.objects.filter(purpose=FIRST, used_at=None, expires_at__gt=timezone.now())
            used = usable.filter(digest=digest(read_code(told["code"]))).update(used_at=timezone.now())
            if not used or User.objects.exists():
                return None
            user = User.objects.create_user(told["email"], told["password"])
            for study in Study.objects.filter(memberships=None):
                studies.adopt(study, user)
            Dataset.objects.filter(study=None, owner=None).update(owner=user)
            return user


class JoinStudyView(View):
    """Accept an invitation to a study: with the account one is signed in to, or with a new one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "accounts/join.html", {"form": AccountForm()})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = AccountForm(request.POST)
        try:
            if isinstance(request.user, User):
                membership = studies.accept_invitation(request.user, request.POST.get("code", ""))
                return redirect("dashboard:study", membership.study.slug)
            studies.invitation_to(request.POST.get("code", ""))  # before anything is said about the address
            if form.is_valid():
                with transaction.atomic():
                    user = User.objects.create_user(form.cleaned_data["email"], form.cleaned_data["password"])
                    membership = studies.accept_invitation(user, form.cleaned_data["code"])
                login(request, user, backend=BACKEND)
                return redirect("dashboard:study", membership.study.slug)
        except Problem as problem:
            return self._refused(request, problem.title, str(problem.detail), problem.status_code)
        except ValidationError as error:  # a code that nobody gave, such as one of a thousand letters
            return self._refused(request, _("This code does not work"), " ".join(error.messages), 400)
        return render(request, "accounts/join.html", {"form": form}, status=400)

    def _refused(self, request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
        """Say that the code is no good, and nothing about the rest of the form, which is kept."""
        typed = {name: request.POST.get(name, "") for name in ("email", "code")}
        told = {"form": AccountForm(initial=typed), "problem": {"title": title, "text": text}}
        return render(request, "accounts/join.html", told, status=status)


class SignInForm(AuthenticationForm):
    """Sign in by e-mail address; one text for a wrong address and a wrong password."""

    error_messages = {
        "invalid_login": gettext_lazy("This address and password don't go together. Nothing else is wrong."),
        "inactive": gettext_lazy("This account is closed."),
    }

    def clean_username(self) -> str:
        """Return the address as accounts hold it, so that wrong passwords are counted under one name."""
        return str(self.cleaned_data["username"]).strip().lower()


urlpatterns = [
    path(
        "sign-in/",
        views.LoginView.as_view(
            template_name="accounts/sign_in.html", authentication_form=SignInForm, redirect_authenticated_user=True
        ),
        name="sign-in",
    ),
    path("sign-out/", views.LogoutView.as_view(), name="sign-out"),
    path(
        "password/",
        views.PasswordChangeView.as_view(template_name="accounts/password.html", success_url="/account/"),
        name="password",
    ),
    path("begin/", BeginView.as_view(), name="begin"),
    path("join/", JoinStudyView.as_view(), name="join-study"),
]
