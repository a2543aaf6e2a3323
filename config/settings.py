"""Settings, all from the environment; docs/operations.md lists every name, and a test holds that list complete.

Two forms of the same code: embedded (SQLite, file broker, one web process; the default) and grown-up (PostgreSQL, Redis).
"""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()  # every NAME may also be given as NAME_FILE, the path of a file that holds it

# where things are kept
VAR_DIR = Path(env("FOLKMOOT_VAR_DIR", default="") or BASE_DIR / "var").absolute()
try:
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as _error:
    raise ImproperlyConfigured(
        f"{VAR_DIR} cannot be made ({_error.strerror}). Name another folder with FOLKMOOT_VAR_DIR."
    ) from None

# the form it runs in
PRODUCTION = env("FOLKMOOT_ENV", default="local") == "production"
DEBUG = env.bool("DEBUG", default=False)
SITE_URL = env("SITE_URL", default="http://localhost:" + env("PORT", default="8000")).rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])


def _made_once(name: str, make: Callable[[], str]) -> str:
    """Return the secret in a file of VAR_DIR, made now if there is none: once, and kept beside the data."""
    path = VAR_DIR / name
    if not path.exists() or not path.stat().st_size:
        # Written beside and renamed: a start that is cut off here must not leave an empty key behind.
        draft = VAR_DIR / f"{name}.{secrets.token_hex(4)}"
        try:
            draft.touch(mode=0o600)
            draft.write_text(make())
            os.replace(draft, path)
        except OSError as error:
            raise ImproperlyConfigured(
                f"Nothing can be written to {VAR_DIR} ({error.strerror}). Name another folder with FOLKMOOT_VAR_DIR."
            ) from None
    return path.read_text().strip()


def _secret_key() -> str:
    """Return SECRET_KEY, or for the local form one that is made once."""
    if key := env("SECRET_KEY", default=""):
        if PRODUCTION and len(key) < 50:
            raise ImproperlyConfigured(
                "SECRET_KEY has fewer than 50 characters; make one with: openssl rand -base64 48"
            )
        return str(key)
    if PRODUCTION:
        raise ImproperlyConfigured("Set SECRET_KEY or SECRET_KEY_FILE: in production no key is made up.")
    return _made_once("secret_key", lambda: secrets.token_urlsafe(64))


def _signing_key() -> str:
    """Return the Ed25519 key that signs what is published, or for the local form one that is made once. In production none is
    made up, since several machines must sign alike: without one nothing is signed."""
    if key := env("FOLKMOOT_SIGNING_KEY", default="").strip():
        try:
            if len(base64.b64decode(key, validate=True)) == 32:
                return str(key)
        except ValueError:
            pass
        raise ImproperlyConfigured("FOLKMOOT_SIGNING_KEY is 32 bytes in base64; make one with: openssl rand -base64 32")
    if PRODUCTION:
        return ""
    return _made_once("signing_key", lambda: base64.b64encode(secrets.token_bytes(32)).decode())


SECRET_KEY = _secret_key()
SIGNING_KEY = _signing_key()

INSTALLED_APPS = [
    "config",
    "frontend",
    "reports",
    "constitutions",
    "graphs",
    "elicitation",
    "core",
    "axes",
    "csp",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "config.health.answer_health",
    "core.problems.ApiAnswers",
    "django.middleware.security.SecurityMiddleware",
    "core.headers.PageHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "elicitation.authentication.ParticipantMiddleware",
    "frontend.problems.ProblemPages",
    "core.idempotency.IdempotencyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "core.queries.KnownQueries",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# data
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'folkmoot.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Measured: deferred transactions fail under four writers, IMMEDIATE ones wait; FULL survives a power cut.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}

# work in the background
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="filesystem://")
if CELERY_BROKER_URL.startswith("filesystem"):
    _BROKER_DIR = VAR_DIR / "broker"
    for _name in ("messages", "control"):
        (_BROKER_DIR / _name).mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_BROKER_DIR / "messages"),
        "data_folder_out": str(_BROKER_DIR / "messages"),
        "control_folder": str(_BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300}
    if CELERY_BROKER_URL.startswith("redis"):
        # A page that asks for work waits no longer than this for a broker that does not answer; the sweeper sends later.
        CELERY_BROKER_TRANSPORT_OPTIONS |= {"socket_connect_timeout": 3, "socket_timeout": 5}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False  # a page does not wait for a broker that is down: the sweeper sends again
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 6
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "core.tasks.sweep", "schedule": 5.0, "options": {"expires": 20}},
    "retries": {"task": "core.tasks.forget_old_answers", "schedule": 3600.0, "options": {"expires": 3600}},
    "talks": {"task": "elicitation.tasks.delete_old_talks", "schedule": 3600.0, "options": {"expires": 3600}},
}

# language models: without a base URL the written guide and measured features do the work
LLM_PROVIDER = env("FOLKMOOT_LLM_PROVIDER", default="openai")
LLM_BASE_URL = env("FOLKMOOT_LLM_BASE_URL", default="")
LLM_API_KEY = env("FOLKMOOT_LLM_API_KEY", default="")
LLM_MODEL = env("FOLKMOOT_LLM_MODEL", default="")
LLM_BUDGET = env("FOLKMOOT_LLM_BUDGET", default="")
LLM_CONCURRENCY = env.int("FOLKMOOT_LLM_CONCURRENCY", default=16)
LLM_PRICE_IN = env("FOLKMOOT_LLM_PRICE_IN", default="")
LLM_PRICE_OUT = env("FOLKMOOT_LLM_PRICE_OUT", default="")

# webhooks: addresses inside one's own network are refused unless this is set
WEBHOOKS_MAY_STAY_INSIDE = env.bool("FOLKMOOT_WEBHOOKS_MAY_STAY_INSIDE", default=False)

# accounts
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/accounts/sign-in/"
LOGIN_REDIRECT_URL = "/studies/"
LOGOUT_REDIRECT_URL = "/"
AXES_USERNAME_FORM_FIELD = "username"  # else failures are counted under no name, and nobody is locked out
AXES_CLIENT_IP_CALLABLE = "core.access.address_of"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address"]

# what browsers are told
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# REST
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.authentication.ApiKeyAuthentication",
        "elicitation.authentication.ParticipantAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.access.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.parsers.Json"],
    "DEFAULT_PAGINATION_CLASS": "core.queries.Pages",
    "DEFAULT_FILTER_BACKENDS": ["core.queries.FilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "core.openapi.Described",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.ScopedRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "300/min", "user": "1200/min", "join": "60/min", "return": "10/min"},
    # What stands left of our own proxy's entry in X-Forwarded-For is whatever the sender wrote.
    "NUM_PROXIES": 1 if PRODUCTION else 0,
    "EXCEPTION_HANDLER": "core.problems.problem_details",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Folkmoot",
    "VERSION": "1",
    "DESCRIPTION": "Values, moral graphs and constitutions. What is published needs no key.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "StudyState": "elicitation.models.Study.State",
        "InterviewState": "elicitation.models.Interview.State",
        "CardState": "elicitation.models.ValuesCard.State",
        "JobState": "core.models.Job.State",
        "WisdomVoteAnswer": "elicitation.models.WisdomVote.Answer",
        "EndorsementAnswer": "elicitation.models.Endorsement.Answer",
        "VerificationWord": "elicitation.models.VerificationAnswer.Answer",
        "VerificationKind": "elicitation.models.VerificationAnswer.Kind",
        "DrawKind": "elicitation.models.Draw.Kind",
        "AnnotationAnswer": "elicitation.models.Annotation.Answer",
        "FacetState": "elicitation.models.AboutValue.State",
        "FacetOrigin": "elicitation.models.AboutValue.Origin",
        "NormAgreement": [(n, n) for n in range(5)],
        "NormFiveSteps": [(n, n) for n in range(-2, 3)],
        "NormCharacter": "elicitation.algorithms.norms.CHARACTERS",
    },
}

# language and time of pages
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# static files
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000  # what is typed; files that are sent do not count

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {"django": {"level": "WARNING"}, "axes": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
}
