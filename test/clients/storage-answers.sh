#!/bin/sh
# What S3 answers to requests at its edges, by the AWS CLI in $ANSWERS_AWS, in a bucket of its own ($ANSWERS_BUCKET).
set -eu
s3api() { "$ANSWERS_AWS" --endpoint-url "$AWS_ENDPOINT_URL" --region eu-south-1 --output json s3api "$@"; }
is() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'" >&2; exit 1; }; }
# The code of the error that a call ends with.
code_of() { s3api "$@" 2>&1 >/dev/null | sed -n 's/.*error occurred (\([^)]*\)).*/\1/p'; }

body=$(mktemp)
printf x >"$body"
s3api create-bucket --bucket "$ANSWERS_BUCKET" --create-bucket-configuration LocationConstraint=eu-south-1 >/dev/null
etag=$(s3api put-object --bucket "$ANSWERS_BUCKET" --key k --body "$body" --content-encoding "deflate, gzip" \
  --expires 2031-02-03T04:05:06Z --tagging "b=1&a=2&c=3" --query ETag --output text)
is "$(s3api head-object --bucket "$ANSWERS_BUCKET" --key k --query ContentEncoding --output text)" "deflate, gzip"
is "$(s3api get-object-tagging --bucket "$ANSWERS_BUCKET" --key k --query 'TagSet[].Key' --output text | tr '\t' ' ')" "b a c"
is "$(code_of get-object --bucket "$ANSWERS_BUCKET" --key k --if-none-match "$etag" /dev/null)" 304
is "$(code_of put-object --bucket "$ANSWERS_BUCKET" --key k --body "$body" --content-md5 nonsense)" InvalidDigest
url=$("$ANSWERS_AWS" --endpoint-url "$AWS_ENDPOINT_URL" --region eu-south-1 s3 presign --expires-in 604801 "s3://$ANSWERS_BUCKET/k")
case $url in *X-Amz-Expires*) is "$(curl -s "$url" -o /dev/null -w '%{http_code}')" 403 ;; esac
rm "$body"
echo answered
