# One image for every role of Nexus, the command chooses: `podman run nexus web`. Build: make image.
# Targets: nexus (the last, so the default), and postgres: PostgreSQL with Patroni and pgBackRest, which nobody else publishes.

ARG BASE_IMAGE=python:3.13-slim
ARG POSTGRES_BASE_IMAGE=debian:trixie-slim

# ---- PostgreSQL ----

FROM ${POSTGRES_BASE_IMAGE} AS patroni
RUN apt-get update -qq \
    && apt-get install -qq --no-install-recommends python3-venv \
    && python3 -m venv /opt/patroni
COPY helm/nexus-data/image/requirements.txt /requirements.txt
# ydiff, of patronictl, has no wheel.
RUN /opt/patroni/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --only-binary :all: --no-binary ydiff -r /requirements.txt \
    && /opt/patroni/bin/pip uninstall --yes --quiet pip

FROM ${POSTGRES_BASE_IMAGE} AS postgres
ARG RELEASE=development
LABEL org.opencontainers.image.title="Nexus PostgreSQL" \
      org.opencontainers.image.description="PostgreSQL 17 with Patroni and pgBackRest for the chart nexus-data" \
      org.opencontainers.image.version="${RELEASE}" \
      org.opencontainers.image.licenses="PostgreSQL AND MIT"
# The user comes first, so that its number is ours and not the package's choice; nothing is started, no cluster is made.
RUN groupadd --gid 10002 postgres \
    && useradd --uid 10002 --gid postgres --home-dir /var/lib/postgresql --shell /usr/sbin/nologin postgres \
    && mkdir -p /etc/postgresql-common/createcluster.d \
    && printf 'create_main_cluster = false\n' > /etc/postgresql-common/createcluster.d/nexus.conf \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql-17 pgbackrest python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*.log
COPY --from=patroni /opt/patroni /opt/patroni
COPY helm/nexus-data/image/nexus_patroni.py /opt/patroni/nexus_patroni.py
ENV PATH=/opt/patroni/bin:/usr/lib/postgresql/17/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 HOME=/tmp
USER 10002:10002
# Patroni stops Postgres by itself; SIGQUIT and SIGKILL are for emergencies.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python3", "/opt/patroni/nexus_patroni.py"]
CMD ["/etc/patroni/patroni.yml"]

# ---- Nexus ----

FROM ${BASE_IMAGE} AS packages
# Anything but nothing: with what NEXUS_TRACES_ENDPOINT needs.
ARG TRACES=
COPY requirements.txt requirements-traces.txt /
RUN python -m venv /opt/nexus \
    && /opt/nexus/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --only-binary :all: -r /requirements.txt ${TRACES:+-r /requirements-traces.txt} \
    && /opt/nexus/bin/pip uninstall --yes --quiet pip

FROM packages AS application
COPY app /srv/nexus/app
# Static files get names with a digest of their contents, so that any cache may keep them for ever. None of these values stays.
RUN cd /srv/nexus \
    && NEXUS_SECRET_KEY=only-to-collect-static-files-and-never-used-for-anything-else NEXUS_JWT_KEYS=build:only-to-collect-static-files-000000 \
       NEXUS_DATABASE_URL=postgres://none@localhost/none NEXUS_PUBLIC_URL=https://localhost NEXUS_ALLOWED_HOSTS=localhost \
       NEXUS_EMAIL_URL=file:///tmp NEXUS_STATIC_ROOT=/srv/nexus/static \
       /opt/nexus/bin/python app/manage.py collectstatic --noinput --verbosity 0 \
    && /opt/nexus/bin/python -m compileall -q -j 0 /opt/nexus/lib /srv/nexus/app

FROM ${BASE_IMAGE} AS nexus
ARG RELEASE=development
ARG REVISION=
LABEL org.opencontainers.image.title="Nexus" \
      org.opencontainers.image.description="A social backend that stays up: web, live, worker, relay, migrate, fencer" \
      org.opencontainers.image.version="${RELEASE}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=application /opt/nexus /opt/nexus
COPY --from=application /srv/nexus /srv/nexus
# A container's root file system is read-only: what is written is in /tmp.
ENV PATH=/opt/nexus/bin:$PATH PYTHONPATH=/srv/nexus/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    NEXUS_STATIC_ROOT=/srv/nexus/static NEXUS_RELEASE=${RELEASE}
WORKDIR /srv/nexus
USER 10001:10001
EXPOSE 8000 8001
ENTRYPOINT ["python", "-m", "nexus.config"]
CMD ["web"]
