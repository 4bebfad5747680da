"""What gunicorn serves in the role live: streams and probes, and nothing that would need a thread for each."""

import os

import django
from django.conf import settings

from nexus.api.live.handler import StreamHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexus.config.settings")
django.setup(set_prefix=False)  # first: allauth looks for its middleware, which only web needs
settings.ROOT_URLCONF = "nexus.config.live_urls"
# One synchronous middleware would put every stream behind a thread.
settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"]
application = StreamHandler()
