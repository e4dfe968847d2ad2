"""Makes calls of AWS by boto3: a JSON list of [service, operation, parameters] comes in, the answers go out."""

import json
import os
import sys

import boto3
from botocore import xform_name

answers = []
for service, operation, parameters in json.load(sys.stdin):
    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="eu-south-1")
    answer = getattr(client, xform_name(operation))(**parameters)
    answer.pop("ResponseMetadata")
    answers.append(answer)
json.dump(answers, sys.stdout, default=str)
