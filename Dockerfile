# syntax=docker/dockerfile:1
# The image of Tidemill: the one binary on an empty root file system. Nothing in it can be written to, and there is no shell.
#
#   docker build --tag tidemill:0.1.0 .
#   docker run --read-only --cap-drop=ALL --env TIDEMILL_REDIS_URL=redis://… tidemill:0.1.0 run --roles gateway,worker,results
#
# It is linked to glibc, and deploy/rootfs.sh copies the few libraries that it needs. A static musl binary would save 3 MB, but would be
# another program than the one that every test and benchmark runs, with another resolver for the names of Services.
# deploy/test-rootfs.sh assembles and runs the same root without a container engine.
ARG RUST_VERSION=1.95
ARG DEBIAN=bookworm

FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
WORKDIR /build
COPY . .
# The caches outlive a build; what leaves it is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo build --release --locked -p tidemill \
    && strip -o /tmp/tidemill target/release/tidemill \
    && deploy/rootfs.sh /tmp/tidemill /rootfs \
    && cargo metadata --locked --offline --format-version 1 \
        --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" >/tmp/metadata.json

# The bill of materials of what was just built; deploy/sbom.sh writes the same one without a container engine.
FROM python:3.13-slim-${DEBIAN} AS sbom
COPY deploy/sbom.py Cargo.lock /tmp/
COPY --from=build /tmp/metadata.json /tmp/
RUN mkdir /sbom && python3 /tmp/sbom.py /tmp/Cargo.lock </tmp/metadata.json >/sbom/tidemill.cdx.json

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tidemill" \
      org.opencontainers.image.description="A durable task queue with a gRPC contract, on Redis or Valkey" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/tidemill/tidemill" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      io.tidemill.sbom="/usr/share/sbom/tidemill.cdx.json"
COPY --from=build /rootfs/ /
# CycloneDX: image scanners find it by its ending and then know every crate. To attach it to a pushed image, too:
#   deploy/sbom.sh >tidemill.cdx.json && cosign attest --type cyclonedx --predicate tidemill.cdx.json IMAGE
COPY --from=sbom /sbom/ /usr/share/sbom/
# Everywhere else the ports listen on 127.0.0.1; in a container nobody could reach that.
ENV PATH=/usr/bin \
    TIDEMILL_GATEWAY_LISTEN=0.0.0.0:7440 \
    TIDEMILL_WORKER_LISTEN=0.0.0.0:7441 \
    TIDEMILL_RESULTS_LISTEN=0.0.0.0:7442 \
    TIDEMILL_GATEWAY_ADMIN_LISTEN=0.0.0.0:9440 \
    TIDEMILL_WORKER_ADMIN_LISTEN=0.0.0.0:9441 \
    TIDEMILL_RESULTS_ADMIN_LISTEN=0.0.0.0:9442 \
    TIDEMILL_MAINTENANCE_ADMIN_LISTEN=0.0.0.0:9443
# gRPC: gateway, worker, results. Health and metrics: 9440 to 9443, in this order and maintenance.
EXPOSE 7440 7441 7442 9440 9441 9442 9443
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tidemill"]
CMD ["--help"]
