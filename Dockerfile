# Everything, for cron and assistants (docs/install.md#in-a-container): docker build --tag variance-bridge .
# The wheels are built from this checkout; what builds them and what they depend on comes from the locks, each package by its hash.
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/variance \
    && /opt/variance/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /opt/variance/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-extras.lock \
    && SOURCE_DATE_EPOCH=1767225600 /opt/variance/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . ./plugins/*/ \
    && /opt/variance/bin/pip install --no-cache-dir --no-index --no-deps /wheels/*.whl

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Variance Bridge" \
      org.opencontainers.image.description="Reads what a trader holds, from any broker, into one documented JSON form. Read-only." \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/variance /opt/variance
# A user without rights. Configuration, positions and nothing else are in /data, which is mounted.
RUN useradd --uid 10001 --no-create-home --home-dir /data variance \
    && install --directory --owner=variance --mode=700 /data
USER 10001
WORKDIR /data
VOLUME /data
ENV HOME=/data \
    VARIANCE_CONFIG_DIR=/data/configuration \
    VARIANCE_OUTPUT_DIR=/data/positions \
    PATH=/opt/variance/bin:$PATH
ENTRYPOINT ["variance"]
