"""Django's settings, computed from the environment; one file for every installation."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from environ import Env

from nexus.config.environment import load_or_exit
from nexus.kernel import sentinel

NEXUS: Final = load_or_exit()
APP_DIR: Final = Path(__file__).resolve().parents[2]

SECRET_KEY = NEXUS.secret_key
DEBUG = False
ALLOWED_HOSTS = list(NEXUS.allowed_hosts)
ROOT_URLCONF = "nexus.config.urls"
WSGI_APPLICATION = "nexus.config.wsgi.application"
AUTH_USER_MODEL = "nexus.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "nexus.admin.apps.NexusAdminConfig",
    "nexus.apps.NexusConfig",
]

if find_spec("django_linear_migrations"):  # a development tool: an image has no use for it
    INSTALLED_APPS.append("django_linear_migrations")

MIDDLEWARE = [
    "nexus.api.requests.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [APP_DIR / "nexus" / "web" / "templates", APP_DIR / "nexus" / "admin" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str, *, statement_timeout_ms: int, lock_timeout_ms: int = 1_000) -> dict[str, Any]:
    """One entry of DATABASES: persistent connections that notice a dead peer and never wait without an end."""
    told = Env.db_url_config(url)
    return {
        **told,
        "ENGINE": "nexus.kernel.postgres",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            **told.get("OPTIONS", {}),  # sslmode, sslrootcert
            "application_name": "nexus",
            "keepalives": 1,
            "keepalives_idle": 2,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "tcp_user_timeout": 3_000,
            "options": f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
            " -c idle_in_transaction_session_timeout=15000"
            # A process that was killed while its statement waited for a lock is noticed, and its own locks are freed.
            " -c client_connection_check_interval=250"
            # Django's own, for which it would otherwise ask once more on each new connection.
            " -c timezone=UTC",
        },
    }


DATABASES = {"default": database(NEXUS.database_url, statement_timeout_ms=NEXUS.statement_timeout_ms)}
if NEXUS.database_replica_url:
    # Another node answers what takes longer, or nobody.
    DATABASES["replica"] = database(NEXUS.database_replica_url, statement_timeout_ms=500)
    DATABASES["replica"]["OPTIONS"]["options"] += " -c default_transaction_read_only=on"
DATABASE_ROUTERS = ["nexus.kernel.nodes.Router"]


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """CACHES: Redis, where nobody waits for long, or nothing."""
    if not redis_url:
        return {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    return {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": [redis_url],  # django-redis would split a string at its commas
            "KEY_PREFIX": "cache",
            "OPTIONS": {
                "SOCKET_CONNECT_TIMEOUT": 0.15,
                "SOCKET_TIMEOUT": 0.15,
                "CONNECTION_POOL_KWARGS": sentinel.KEEPALIVE,
                "CONNECTION_FACTORY": "nexus.kernel.redis.ConnectionFactory",
                "IGNORE_EXCEPTIONS": True,
            },
        }
    }


CACHES = caches(NEXUS.redis_url)
BROKER_URL: Final = NEXUS.broker_url or (sentinel.with_database(NEXUS.redis_url, 1) if NEXUS.redis_url else "")

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
# OWASP's parameters (19 MiB, t=2, p=1); Django's own cost ten times the CPU.
PASSWORD_HASHERS = ["nexus.domain.identity.passwords.Argon2idHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["handle", "display_name"]},
    },
]
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ALLAUTH_TRUSTED_PROXY_COUNT = NEXUS.trusted_proxy_count

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": [],
    "DEFAULT_METADATA_CLASS": None,  # it describes serializers; the contract does that
    "DEFAULT_SCHEMA_CLASS": "nexus.api.rest.schema.UseCaseSchema",
    "EXCEPTION_HANDLER": "nexus.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "NUM_PROXIES": NEXUS.trusted_proxy_count,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Nexus",
    "DESCRIPTION": "A social backend: one contract, safe to retry. Errors are RFC 9457 problem documents; lists are "
    "keyset pages; every unsafe call takes an Idempotency-Key.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_TRIM": False,
    "SCHEMA_PATH_PREFIX_INSERT": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ComponentState": "nexus.api.rest.status.STATES",
        "IncidentState": "nexus.domain.status.models.IncidentState.values",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "nexus.api.rest.schema_extras.complete",
    ],
}

CORS_ALLOWED_ORIGINS = list(NEXUS.cors_origins)
# The status is for everybody, and the same for all: it says so itself.
CORS_URLS_REGEX = r"^/(api/(?!v1/status$)|graphql)"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "x-nexus-written",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Nexus-Stale",
    "X-Nexus-Written",
    "X-Request-ID",
]
CORS_PREFLIGHT_MAX_AGE = 86_400

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = False
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = NEXUS.public_url.startswith("https:")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_NAME = "__Host-nexus" if SESSION_COOKIE_SECURE else "nexus"
SESSION_COOKIE_AGE = 8 * 3600
CSRF_TRUSTED_ORIGINS = [NEXUS.public_url]
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144

STATIC_URL = "/static/"
STATIC_ROOT = NEXUS.static_root
STATICFILES_DIRS = [APP_DIR / "nexus" / "web" / "static", APP_DIR / "nexus" / "api" / "graphql" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "nexus.web.static.HashedStaticFiles"},
}


def email(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings for NEXUS_EMAIL_URL."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": parts.path}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 10,
    }


globals().update(email(NEXUS.email_url))
DEFAULT_FROM_EMAIL = NEXUS.email_from
EMAIL_SUBJECT_PREFIX = ""
# Configured by config/__main__.py for the role that starts; manage.py keeps Python's defaults.
LOGGING_CONFIG = None
