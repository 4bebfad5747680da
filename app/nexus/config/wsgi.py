"""What gunicorn serves in the role web."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexus.config.settings")
application = get_wsgi_application()
