#!/bin/sh
# Pushes a small image of this engine to a repository of ECR; the password comes on standard input.
set -eu
uri="$1"
config="$(mktemp -d)"
trap 'rm -rf "$config"; docker rmi "$uri" >/dev/null 2>&1 || true' EXIT
docker --config "$config" login --username AWS --password-stdin "${uri%%/*}" >/dev/null 2>&1
docker tag "$JOURNEY_IMAGE" "$uri"
docker --config "$config" push --quiet "$uri" >/dev/null
