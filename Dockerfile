# The container image: one executable, the C library that it links to, the certificate authorities that it trusts, and
# no shell. How to run it, and what it takes to reach it from outside: docs/container.md.

ARG BUILD_IMAGE=docker.io/oven/bun:1.4.5-slim
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY . .
RUN bun scripts/build.ts /mlp

# Collects what the image has. The libraries are those that the loader of this very system resolves.
FROM ${RUNTIME_IMAGE} AS files
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates
COPY --from=build /mlp /image/mlp
RUN set -eu; \
    ldd /image/mlp | sed -n 's#^[^/]*\(/[^ ]*\) (0x.*#\1#p' | sort -u > /libraries; \
    test -s /libraries; \
    while read -r library; do cp --parents --dereference "$library" /image; done < /libraries; \
    cp --parents --dereference /etc/ssl/certs/ca-certificates.crt /image; \
    cp --parents /usr/share/doc/libc6/copyright /usr/share/doc/ca-certificates/copyright /image; \
    # Said, and not left to the C library's default: names that the engine writes to /etc/hosts come first.
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    install -d -m 0700 -o 65532 -g 65532 /image/data

FROM scratch
COPY --from=files /image/ /
COPY LICENSE /LICENSE

# Bun has a list of authorities of its own; the file is added to it, so that another one can be mounted in its place.
ENV MLP_HOME=/data \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
# A number, so that an engine can see that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME /data
# Both listen on loopback until the settings say otherwise: a published port reaches nothing before that.
EXPOSE 11434 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/mlp", "health"]
ENTRYPOINT ["/mlp"]
CMD ["up"]

# Last, so that they change no layer above.
ARG SOURCE
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="MCP Local Provider" \
      org.opencontainers.image.description="A model server for your editor, answered by an agent that you approved." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
