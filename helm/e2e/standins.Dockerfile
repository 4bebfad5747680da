# Where no registry can be reached: HAProxy, Redis and Prometheus out of Debian's packages, with the paths and uids of the official images.
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS haproxy
# The package insists on making its user itself.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends haproxy \
    && groupmod --gid 99 haproxy \
    && usermod --uid 99 haproxy \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER haproxy
STOPSIGNAL SIGUSR1
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]

FROM ${BASE_IMAGE} AS redis
RUN groupadd --gid 999 --system redis \
    && useradd --gid redis --uid 999 --system --no-create-home --home-dir /data redis \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends redis-server redis-sentinel redis-tools \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /data && chown redis:redis /data
WORKDIR /data
USER redis
CMD ["redis-server"]

FROM ${BASE_IMAGE} AS prometheus
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/*
USER prometheus
CMD ["prometheus"]
