# bump serve and bump worker in one image. NOT BUILT so far: there was no Docker engine to build it with.
#   docker build -t bump .
FROM node:22-bookworm-slim AS build
WORKDIR /app
# The runtime's own install script fetches GPU libraries, which a processor does not need.
ENV ONNXRUNTIME_NODE_INSTALL=skip
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY assets assets
# Databases of SQLite, and models that are downloaded, outlive the container in /data.
RUN mkdir /data && chown node:node /data
ENV HOME=/data
VOLUME /data
USER node
EXPOSE 8080
# A worker has no port: compose.yaml switches its check off.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Longer than the 25 s that streams may go on for: docker stop --time 30.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "bin/bump.mjs"]
CMD ["serve", "--db", "/data/bump.sqlite", "--host", "0.0.0.0"]
