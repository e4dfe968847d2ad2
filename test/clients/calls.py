"""Makes calls of AWS by boto3, or by the command line of this Python's awscli: a JSON list of [service, operation, parameters] comes
in, the answers go out. "@a.0.b" in parameters stands for that member of the last answer that has it."""

import contextlib
import io
import json
import os
import re
import sys

answers = []


def resolved(value):
    if isinstance(value, dict):
        return {key: resolved(each) for key, each in value.items()}
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not (isinstance(value, str) and value.startswith("@")):
        return value
    for answer in reversed(answers):
        try:
            for part in value[1:].split("."):
                answer = answer[int(part) if part.isdigit() else part]
            return answer
        except (KeyError, IndexError, TypeError):
            pass
    raise KeyError(value)


def by_boto3(service, operation, parameters):
    import boto3
    from botocore import xform_name
    from botocore.exceptions import ClientError

    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="eu-south-1")
    try:
        answer = getattr(client, xform_name(operation))(**parameters)
    except ClientError as problem:
        return {"code": problem.response["Error"]["Code"], "message": problem.response["Error"]["Message"]}
    answer.pop("ResponseMetadata")
    return answer


driver = None


def by_command(service, operation, parameters):
    global driver
    if driver is None:
        from awscli.clidriver import create_clidriver

        driver = create_clidriver()
    command = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", operation).lower()
    words = ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "--output", "json"]
    words += ["deploy" if service == "codedeploy" else service, command]
    output, problems = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(problems):
        code = driver.main([*words, "--cli-input-json", json.dumps(parameters)])
    if code != 0:
        found = re.search(r"An error occurred \((\w+)\) when calling the \w+ operation: (.*)", problems.getvalue())
        if found is None:
            raise RuntimeError(f"{words}: {problems.getvalue()}")
        return {"code": found[1], "message": found[2].strip()}
    output.flush()
    text = output.buffer.getvalue().decode()
    return json.loads(text) if text.strip() else {}


call = by_command if sys.argv[1:] == ["command"] else by_boto3
for service, operation, parameters, *_ in json.load(sys.stdin):
    answers.append(call(service, operation, resolved(parameters)))
json.dump(answers, sys.stdout, default=str)
