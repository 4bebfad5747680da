"""What gunicorn serves in the role live: streams and probes, and nothing that would need a thread for each."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexus.config.settings")
settings.ROOT_URLCONF = "nexus.config.live_urls"
# One synchronous middleware would put every stream behind a thread.
settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"]
application = get_asgi_application()
