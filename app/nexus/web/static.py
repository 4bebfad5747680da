"""Static files under names that change with their content, so that browsers keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed and compressed names from `collectstatic`; without a manifest (tests, manage.py) the plain names."""

    manifest_strict = False
