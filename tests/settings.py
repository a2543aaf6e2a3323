"""The product's own settings, but quick passwords, no throttling, and a broker that takes messages and does nothing."""

import os
import tempfile

os.environ.setdefault("FOLKMOOT_VAR_DIR", tempfile.mkdtemp(prefix="folkmoot-test-"))
os.environ.setdefault("CELERY_BROKER_URL", "memory://")

from config.settings import *  # noqa: F403
from config.settings import REST_FRAMEWORK

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
REST_FRAMEWORK = REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": dict.fromkeys(("anon", "user", "join", "return"))}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
