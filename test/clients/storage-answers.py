"""What S3 answers to requests at its edges, by boto3: one function for each, which asserts what AWS documents."""

import os
import re
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))
B = "answers-boto3"
MIB = 1024 * 1024


def code_of(call, **parameters):
    try:
        call(**parameters)
    except ClientError as thrown:
        return thrown.response["Error"]["Code"]
    return "none"


def status_of(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as thrown:
        return thrown.code


def changed(operation, change):
    """Changes the requests of an operation before they are signed."""
    s3.meta.events.register(f"before-sign.s3.{operation}", change, unique_id=operation)
    return lambda: s3.meta.events.unregister(f"before-sign.s3.{operation}", unique_id=operation)


def not_modified_has_its_etag():
    etag = s3.put_object(Bucket=B, Key="k", Body=b"x")["ETag"]
    try:
        s3.get_object(Bucket=B, Key="k", IfNoneMatch=etag)
        raise AssertionError("it is sent again")
    except ClientError as thrown:
        meta = thrown.response["ResponseMetadata"]
        assert (meta["HTTPStatusCode"], meta["HTTPHeaders"]["etag"]) == (304, etag), meta


def expires_is_kept():
    s3.put_object(Bucket=B, Key="k", Body=b"x", Expires=datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone.utc))
    head = s3.head_object(Bucket=B, Key="k")
    assert head["ResponseMetadata"]["HTTPHeaders"]["expires"] == "Mon, 03 Feb 2031 04:05:06 GMT", head


def another_expectation_is_ignored():
    restore = changed("PutObject", lambda request, **_: request.headers.add_header("Expect", "something"))
    assert s3.put_object(Bucket=B, Key="k", Body=b"x")["ResponseMetadata"]["HTTPStatusCode"] == 200
    restore()


def presigned_for_no_time_or_too_long_is_forbidden():
    sign = lambda seconds: s3.generate_presigned_url("get_object", Params={"Bucket": B, "Key": "k"}, ExpiresIn=seconds)
    assert [status_of(sign(seconds)) for seconds in (60, 0, 604801)] == [200, 403, 403]


def a_digest_that_is_none_is_invalid():
    assert code_of(s3.put_object, Bucket=B, Key="k", Body=b"x", ContentMD5="nonsense") == "InvalidDigest"
    assert code_of(s3.put_object, Bucket=B, Key="k", Body=b"x", ContentMD5="rL0Y20zC+Fzt72VPzMSk2A==") == "BadDigest"


def parts_are_copied_within_their_source_and_shown():
    s3.put_object(Bucket=B, Key="source", Body=b"x" * 10)
    upload = s3.create_multipart_upload(Bucket=B, Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    named = dict(Bucket=B, Key="parts", UploadId=upload)
    copy = lambda range: code_of(s3.upload_part_copy, **named, PartNumber=2, CopySource=f"{B}/source", CopySourceRange=range)
    assert copy("bytes=0-9") == "none"
    assert copy("bytes=0-10") in ("InvalidArgument", "InvalidRange"), copy("bytes=0-10")
    first = s3.upload_part(**named, PartNumber=1, Body=b"y" * 5 * MIB, ChecksumAlgorithm="SHA256")
    second = s3.upload_part(**named, PartNumber=2, Body=b"z", ChecksumAlgorithm="SHA256")
    parts = [dict(PartNumber=number, ETag=part["ETag"], ChecksumSHA256=part["ChecksumSHA256"]) for number, part in ((1, first), (2, second))]
    complete = lambda: s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert complete()["ETag"] == complete()["ETag"]
    shown = s3.get_object_attributes(Bucket=B, Key="parts", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert (shown["ObjectParts"]["TotalPartsCount"], [part["Size"] for part in shown["ObjectParts"]["Parts"]]) == (2, [5 * MIB, 1]), shown
    rest = s3.get_object_attributes(Bucket=B, Key="parts", ObjectAttributes=["ObjectParts"], PartNumberMarker=1, MaxParts=1)["ObjectParts"]
    assert ([part["PartNumber"] for part in rest["Parts"]], rest["IsTruncated"]) == ([2], False), rest


def tags_are_few_and_keep_their_order():
    tags = [{"Key": key, "Value": "v"} for key in ("b", "a", "c")]
    s3.put_object_tagging(Bucket=B, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=B, Key="k")["TagSet"] == tags
    many = [{"Key": str(index), "Value": "v"} for index in range(11)]
    code = code_of(s3.put_object_tagging, Bucket=B, Key="k", Tagging={"TagSet": many})
    assert code in ("InvalidTag", "BadRequest"), code
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert code_of(s3.put_object_tagging, Bucket=B, Key="k", Tagging={"TagSet": twice}) == "InvalidTag"


def lists_take_numbers_and_leave_out_an_empty_delimiter():
    assert "Delimiter" not in s3.list_objects_v2(Bucket=B, Delimiter="")

    def letters(request, **_):
        request.url = re.sub(r"max-keys=\d+", "max-keys=abc", request.url)

    restore = changed("ListObjectsV2", letters)
    assert code_of(s3.list_objects_v2, Bucket=B, MaxKeys=1) == "InvalidArgument"
    restore()


def buckets_are_listed_by_prefix_and_page():
    for name in ("page-a", "page-b", "page-c"):
        s3.create_bucket(Bucket=f"boto3-{name}", CreateBucketConfiguration={"LocationConstraint": "eu-south-1"})
    pages = s3.get_paginator("list_buckets").paginate(Prefix="boto3-page-", PaginationConfig={"PageSize": 2})
    found = [([bucket["Name"] for bucket in page["Buckets"]], page.get("Prefix")) for page in pages]
    assert found == [(["boto3-page-a", "boto3-page-b"], "boto3-page-"), (["boto3-page-c"], "boto3-page-")], found


def content_encodings_keep_their_blank():
    s3.put_object(Bucket=B, Key="k", Body=b"x", ContentEncoding="deflate, gzip")
    assert s3.head_object(Bucket=B, Key="k")["ContentEncoding"] == "deflate, gzip"


def retention_is_checked():
    lock = f"{B}-locked"
    s3.create_bucket(Bucket=lock, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={"LocationConstraint": "eu-south-1"})
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 0}}}
    code = code_of(s3.put_object_lock_configuration, Bucket=lock, ObjectLockConfiguration=rule)
    assert code in ("InvalidRetentionPeriod", "InvalidArgument"), code
    s3.put_object(Bucket=lock, Key="k", Body=b"x")
    keep = lambda days, **more: code_of(
        s3.put_object_retention, Bucket=lock, Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(timezone.utc) + timedelta(days=days)}, **more
    )
    assert [keep(2), keep(1), keep(3), keep(1, BypassGovernanceRetention=True)] == ["none", "AccessDenied", "none", "none"]


s3.create_bucket(Bucket=B, CreateBucketConfiguration={"LocationConstraint": "eu-south-1"})
for answer in (
    not_modified_has_its_etag,
    expires_is_kept,
    another_expectation_is_ignored,
    presigned_for_no_time_or_too_long_is_forbidden,
    a_digest_that_is_none_is_invalid,
    parts_are_copied_within_their_source_and_shown,
    tags_are_few_and_keep_their_order,
    lists_take_numbers_and_leave_out_an_empty_delimiter,
    buckets_are_listed_by_prefix_and_page,
    content_encodings_keep_their_blank,
    retention_is_checked,
):
    answer()
    print(answer.__name__)
